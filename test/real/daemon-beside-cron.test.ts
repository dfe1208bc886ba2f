import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { History } from '../../src/core/history/history.ts';
import { startAcmeProxy } from '../support/acme-proxy.ts';
import { startDaemon } from '../support/daemon.ts';
import { buildCertfleet, documents, type Home, readLineage, rewriteLineage, succeeded } from '../support/e2e.ts';
import { startPebble } from '../support/pebble.ts';
import { isLong, seeded } from '../support/seeded.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// Somebody has started `certfleet run`, and left the cron job with `certfleet renew` where it was.

stopAllAfterwards();

const names = Array.from({ length: 12 }, (_, at) => `c${at}`);
const rounds = isLong ? 5 : 1;

describeWith(['pebble'], 'certfleet run and renew on one store', () => {
  it('order each certificate once, also where runs of renew are killed', async () => {
    const [certfleet, pebble, folder] = await Promise.all([
      buildCertfleet(),
      startPebble(),
      temporaryFolder('beside-cron'),
    ]);
    const proxy = await startAcmeProxy({ directoryUrl: pebble.directoryUrl, caFile: pebble.caFile });
    const [store, config] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
    const issuer = { directory: proxy.directoryUrl, caFile: proxy.caFile, agreeToTerms: true, test: true };
    await writeFile(
      config,
      JSON.stringify({
        store: { type: 'file', path: store },
        issuers: { pebble: issuer },
        solvers: { web: { type: 'http01-responder', listen: `127.0.0.1:${pebble.httpPort}` } },
        deployers: { files: { type: 'files', path: join(folder, 'files') } },
        certificates: names.map((name) => ({ name, identifiers: [`${name}.example.test`], deploy: ['files'] })),
        preflight: { resolvers: [pebble.dnsServer], http01Port: pebble.httpPort },
      }),
    );
    const run: Home['certfleet'] = (args, options) => certfleet([...args, '--config', config], options);
    const versions = async () =>
      new Map(await Promise.all(names.map(async (name) => [name, await versionOf(name)] as const)));
    const versionOf = async (name: string) => {
      const { work, current } = await readLineage(store, name);
      return work === undefined ? current?.id : undefined;
    };
    succeeded(await run(['renew']));
    const daemon = startDaemon({ certfleet: run });
    await daemon.saw('"run.ready"');

    const chance = seeded('runs of renew');
    let killed = 0;
    for (let round = 1; round <= rounds; round += 1) {
      const before = await versions();
      // Runs of renew find the first ones; what is due later, the daemon knows by then, too.
      const fromMs = Date.now();
      for (const [at, name] of names.entries()) {
        const due = new Date(fromMs + 700 * at).toISOString();
        await rewriteLineage(store, name, (lineage) => ({ ...lineage, renewal: { ...lineage.renewal!, at: due } }));
      }
      const areRenewed = async () => [...(await versions())].every(([name, id]) => id && id !== before.get(name));
      let isOver = false;
      const cron = async () => {
        for (let isKilled = true; !isOver; isKilled = !isKilled) {
          const last = proxy.requests.length + 1 + Math.floor(chance() * 8);
          const isThere = () => isOver || proxy.requests.length >= last;
          const killWhen = isKilled ? until(isThere, { what: 'the run has begun', everyMs: 5 }) : undefined;
          const ended = await run(['renew', '--json'], { ...(killWhen && { killWhen }) });
          if (ended.status === 'SIGKILL') killed += 1;
          else expect(ended.status, ended.stdout).toBe(0);
        }
      };
      const running = cron();
      await until(areRenewed, { what: 'each is renewed', deadlineMs: 100_000 }).finally(() => (isOver = true));
      await running;
      expect(proxy.accepted('finalize')).toBe(names.length * (1 + round));
    }
    expect(await daemon.stop()).toMatchObject({ status: 0, stderr: '' });
    expect(await run(['renew', '--json'])).toMatchObject({ status: 0 });
    expect(proxy.accepted('finalize')).toBe(names.length * (1 + rounds));

    // Both had a part in it.
    expect(killed).toBeGreaterThan(0);
    const histories = [...(await documents(store, 'history')).values()].map((text) => JSON.parse(text) as History);
    const renewals = histories.flatMap(({ runs }) => runs.slice(1).map(({ trigger }) => trigger));
    expect(new Set(renewals)).toEqual(new Set(['run', 'renew']));
  });
});
