import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeLineage, encodeDocument } from '../../src/core/lineage/lineage.ts';
import { createWorld } from '../../src/lib/world.ts';
import fileStore from '../../src/stores/file.ts';
import { startAcmeCa } from '../../test/support/acme-ca.ts';
import { memoryOf, startDaemon } from './daemon.ts';
import { measure, printNote, printRow } from './measure.ts';
import { cloneOurs } from './renew.ts';
import { certfleet, configure, type Rig } from './rig.ts';

const rounds = 50;
/** The first thousand renewals load code, and fill what is bounded. */
const warmUp = 10;
const longestRoundMs = 10 * 60_000;

/** `certfleet run` that renews again and again: whether its memory grows. */
export async function renewals(servers: Rig): Promise<void> {
  // Pebble locks itself up about once in 4,000 orders.
  const ca = await startAcmeCa({ settings: { httpPort: servers.httpPort } });
  const rig = { ...servers, ca };
  const certificates = Math.ceil(rig.count(5_000) / rounds);
  const model = await configure(rig, 'renewals-model', [
    { name: 'model', identifiers: ['model.example.test'], solver: 'webroot' },
  ]);
  await measure(certfleet(model, 'issue', 'model'));
  const folder = await cloneOurs(rig, model, 'renewals', certificates, { hasFiles: false });
  const world = createWorld({ env: {}, log: { debug() {}, info() {}, warn() {} } });
  const store = fileStore.connect({ options: { path: join(folder, 'store') }, name: 'store', world });
  const { signal } = new AbortController();
  const daemon = await startDaemon(folder);
  const seen: { readonly renewals: number; readonly mib: number }[] = [];
  try {
    let renewed = 0;
    for (let round = 0; round < rounds; round += 1) {
      const before = new Map<string, string | undefined>();
      for await (const page of store.scan('lineage', signal))
        for (const { key, bytes, revision } of page) {
          const lineage = decodeLineage(bytes, key.name, '');
          before.set(key.name, lineage.current?.id);
          const due = { ...lineage, renewal: { ...lineage.renewal, at: new Date().toISOString() } };
          await store.put(key, encodeDocument(due), { ifRevision: revision, signal });
        }
      const endMs = Date.now() + longestRoundMs;
      while (before.size > 0) {
        if (Date.now() > endMs) throw new Error(`${before.size} of ${certificates} certificates were not renewed`);
        await sleep(1_000);
        for (const [name, id] of before) {
          const entry = await store.get({ kind: 'lineage', name }, signal);
          const { current, work } = decodeLineage(entry!.bytes, name, '');
          if (current?.id === id || work) break;
          before.delete(name);
          renewed += 1;
        }
      }
      seen.push({ renewals: renewed, mib: memoryOf(daemon, 'VmRSS') });
    }
  } finally {
    printNote(seen.map(({ renewals: n, mib }) => `${n}: ${mib.toFixed(1)}`).join(', '));
    const ended = once(daemon, 'exit');
    if (daemon.exitCode === null && daemon.kill('SIGTERM')) await ended;
    await world.close();
  }
  const counted = seen.slice(warmUp);
  const slope = slopeOf(counted.map(({ renewals: n, mib }) => [n / 1_000, mib] as const));
  printRow({
    what: `run, ${seen.at(-1)!.renewals} renewals in a row: memory that 1,000 more take, in MiB`,
    ours: `${slope.toFixed(2)} MiB`,
    peer: 'bound 1 MiB',
    ratio: slope,
    bound: { atMost: 1 },
  });
}

/** The slope of the line that fits best. */
function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const of = (a: 0 | 1) => points.reduce((sum, point) => sum + (point[0] - x) * (point[a] - (a === 0 ? x : y)), 0);
  return of(1) / of(0);
}
