import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startAcmeCa } from './acme-ca.ts';
import { buildCertfleet, type Home, movedClock, succeeded } from './e2e.ts';
import { temporaryFolder } from './service.ts';

/** Three certificates of a CA with the right time, and a certfleet whose clock the test moves. */
export async function startMovedClockHome() {
  const folder = await temporaryFolder('moved-clock');
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
  const run: Home['certfleet'] = (args, options) => certfleet([...args, '--config', config], { clock, ...options });
  succeeded(await run(['issue']));
  return { ca, clock, store, names, run };
}
