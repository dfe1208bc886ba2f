import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startAcmeCa } from '../support/acme-ca.ts';
import { buildCertfleet, movedClock, outcomesOf, readLineage, succeeded } from '../support/e2e.ts';
import { temporaryFolder } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const dayMs = 86_400_000;

it('one pass with a clock 1,300 days ahead orders nothing, and neither does the next one', async () => {
  const folder = await temporaryFolder('ahead');
  const [certfleet, clock, ca] = await Promise.all([
    buildCertfleet(),
    movedClock(),
    startAcmeCa({ settings: { validate: async () => undefined } }),
  ]);
  const [config, store] = [join(folder, 'certfleet.yaml'), join(folder, 'store')];
  const names = ['a', 'b', 'c'];
  await writeFile(
    config,
    JSON.stringify({
      store: { type: 'file', path: store },
      issuers: { own: { directory: ca.directoryUrl, caFile: ca.caFile, agreeToTerms: true, test: true } },
      solvers: { hook: { type: 'command', challenge: 'http-01', present: 'true', cleanup: 'true' } },
      certificates: names.map((name) => ({ name, identifiers: [`${name}.example.test`] })),
      preflight: { resolvers: ['127.0.0.1:1'] },
    }),
  );
  const run = (...args: readonly string[]) => certfleet([...args, '--config', config], { clock });
  succeeded(await run('issue'));
  const orders = ca.accepted('newOrder');
  expect(orders).toBe(3);
  const current = async () => Promise.all(names.map(async (name) => (await readLineage(store, name)).current?.id));
  const before = await current();

  await clock.passTo(new Date(Date.now() + 1_300 * dayMs).toISOString());
  const ahead = await run('renew', '--json');
  expect(ahead.status, ahead.stdout).toBe(4);
  expect(outcomesOf(ahead).map(({ code }) => code)).toEqual(names.map(() => 'acme/clock-skew'));
  await clock.reset();

  expect((await run('status')).stdout).not.toContain('interrupted');
  const normal = await run('renew', '--json');
  expect(normal.status, normal.stdout).toBe(0);
  expect(outcomesOf(normal).map(({ result }) => result)).toEqual(names.map(() => 'unchanged'));
  expect(ca.accepted('newOrder')).toBe(orders);
  expect(await current()).toEqual(before);
});
