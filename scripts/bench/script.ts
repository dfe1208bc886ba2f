import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { startAcmeCa } from '../../test/support/acme-ca.ts';
import { inTurn, measure, medianOf, printNote, printRow } from './measure.ts';
import { certfleet, configure, node, type Rig } from './rig.ts';

/** As many as certfleet comes to at a CA that answers at once. */
const atOnce = 64;

/**
 * The client's CPU for a certificate, against a script that makes the same requests and nothing else. At the simulated
 * CA: Pebble locks itself up about once in 4,000 certificates (pebble-lock.ts).
 */
export async function script(servers: Rig): Promise<void> {
  const ca = await startAcmeCa({ settings: { httpPort: servers.httpPort } });
  const rig = { ...servers, ca };
  const [count, rounds] = [rig.count(400), rig.rounds(3)];
  const namesOf = (who: string, round: number) =>
    Array.from({ length: count }, (_, number) => `${who}${round}x${number}.example.test`);
  const issueAll = async (round: number) => {
    const wanted = ['first.example.test', ...namesOf('fleet', round)];
    const folder = await configure(
      rig,
      `script${round}`,
      wanted.map((name) => ({ name, identifiers: [name], solver: 'webroot' })),
    );
    // Registers the account, which the script has from its first run on: not counted.
    await measure(certfleet(folder, 'issue', 'first.example.test'));
    return measure(certfleet(folder, 'issue'));
  };
  const runScript = await prepareScript(rig);
  await runScript(['first-script.example.test']);
  const requests = { ours: 0, script: 0 };
  const counted = async <T>(who: keyof typeof requests, work: Promise<T>): Promise<T> => {
    const before = ca.requests.length;
    const done = await work;
    requests[who] += ca.requests.length - before;
    return done;
  };
  const costs = await inTurn(rounds, {
    ours: (round) => counted('ours', issueAll(round)),
    script: (round) => counted('script', runScript(namesOf('script', round))),
  });
  const cpuMs = (who: keyof typeof costs) => (medianOf(costs[who], 'cpu') / count) * 1_000;
  printRow({
    what: `${count} certificates in one command: client CPU for each, against a script that checks and delivers nothing`,
    ours: `${cpuMs('ours').toFixed(1)} ms`,
    peer: `script ${cpuMs('script').toFixed(1)} ms`,
    ratio: cpuMs('ours') / cpuMs('script'),
    bound: { atMost: 2.5 },
  });
  const rate = (who: keyof typeof costs) => (count / medianOf(costs[who], 'wall')).toFixed(1);
  const asked = (who: keyof typeof requests) => (requests[who] / rounds / count).toFixed(1);
  printNote(
    `${rate('ours')} certificates a second, the script ${rate('script')}; ` +
      `${asked('ours')} requests for each, the script ${asked('script')}`,
  );
}

async function prepareScript(rig: Rig) {
  const [challenges, output] = [join(rig.webroot, '.well-known/acme-challenge'), join(rig.folder, 'straight-line')];
  for (const folder of [challenges, output]) mkdirSync(folder, { recursive: true });
  const outfile = join(output, 'straight-line.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('straight-line.ts', import.meta.url))],
    ...{ bundle: true, outfile, platform: 'node', format: 'esm', target: 'node20', logLevel: 'error' },
  });
  return async (names: readonly string[]) => {
    const args = [rig.ca.directoryUrl, rig.ca.caFile, challenges, output, names.join(','), `${atOnce}`];
    const cost = await measure([node, outfile, ...args]);
    const made = readdirSync(output);
    const missing = names.filter((name) => !made.includes(`${name}.crt`));
    if (missing.length > 0) throw new Error(`the script got no certificate for ${missing.join(', ')}`);
    return cost;
  };
}
