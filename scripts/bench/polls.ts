import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from 'node:tls';
import type { Lineage } from '../../src/core/lineage/lineage.ts';
import { createWorld } from '../../src/lib/world.ts';
import fileStore from '../../src/stores/file.ts';
import { atEnd } from '../../test/support/service.ts';
import { cpuOf, memoryOf, settled, startDaemon, stopDaemon } from './daemon.ts';
import { measure, printNote, printRow } from './measure.ts';
import { cloneOurs } from './renew.ts';
import { certfleet, configure, type Rig } from './rig.ts';

const usual = 100_000;
/** For how long Pebble and Let's Encrypt want a window to be left alone. */
const pollEverySeconds = 6 * 3_600;
const lookEverySeconds = 24 * 3_600;
/** How long the bench may take until the first question is due: to lay the store, and to start. */
const [layingMs, layingEachMs] = [20_000, 2];

/** `certfleet run` with nothing due but what never ends: it asks for windows, and looks at endpoints. */
export async function polls(rig: Rig): Promise<void> {
  const seconds = rig.count(600);
  const { folder, count, everySeconds, firstMs, endpoint } = await layPolled(rig);
  const world = createWorld({ env: {}, log: { debug() {}, info() {}, warn() {} } });
  const store = fileStore.connect({ options: { path: join(folder, 'store') }, name: 'store', world });
  const { signal } = new AbortController();
  const asked = () => rig.pebble.service.log().split('/renewalInfo/ -> ').length - 1;
  const daemon = await startDaemon(folder);
  try {
    // Five times the bound, because it looks already.
    await settled(daemon, 0.45);
    await sleep(Math.max(0, firstMs - Date.now()));
    const { cursor } = await store.changes('lineage', undefined, signal);
    const before = { cpu: cpuOf(daemon), ms: performance.now(), asked: asked(), looks: endpoint.looks() };
    await sleep(seconds * 1_000);
    const tookSeconds = (performance.now() - before.ms) / 1_000;
    const percent = ((cpuOf(daemon) - before.cpu) / tookSeconds) * 100;
    const [pollRate, lookRate] = [asked() - before.asked, endpoint.looks() - before.looks].map((n) => n / tookSeconds);
    const { entries } = await store.changes('lineage', cursor, signal);
    if (entries.length > 0) throw new Error(`${entries.length} documents were written although no window has changed`);
    printRow({
      what: `run, ${count} lineages, ${seconds} s of polls and looks: percent of a core`,
      ours: `${percent.toFixed(2)} % with ${pollRate!.toFixed(2)} polls and ${lookRate!.toFixed(2)} looks a second, counted at the peers`,
      peer: `bound 3 % with ${(count / everySeconds).toFixed(2)} and ${(count / lookEverySeconds).toFixed(2)}`,
      ratio: percent / 3,
      bound: { atMost: 1 },
    });
    printNote(`nothing was written; peak memory ${memoryOf(daemon, 'VmHWM').toFixed(0)} MiB`);
  } finally {
    await stopDaemon(daemon);
    await world.close();
  }
}

/**
 * A store with 100,000 certificates, of each of which the window is to be asked for every six hours (4.6 a second), and
 * the endpoint looked at once a day (1.2 a second). Nothing goes faster than in real life. On a smaller scale the polls
 * are as many, and the looks fewer: each certificate has one a day.
 */
export async function layPolled(rig: Rig) {
  const count = rig.count(usual);
  const model = await configure(rig, 'polls-model', [
    { name: 'model', identifiers: ['model.example.test'], solver: 'webroot' },
  ]);
  await measure(certfleet(model, 'issue', 'model'));
  const endpoint = await startEndpoint(join(model, 'certs/live/model'));
  const everySeconds = (pollEverySeconds * count) / usual;
  // What is overdue at the start would be asked for besides, one a second.
  const firstMs = Date.now() + layingMs + count * layingEachMs;
  const atMs = (i: number) => firstMs + (i / count) * everySeconds * 1_000;
  const folder = await cloneOurs(rig, model, 'polls', count, {
    hasFiles: false,
    change: (copy, i) => watched(copy, { port: endpoint.port, atMs: atMs(i) }),
  });
  return { folder, count, everySeconds, firstMs, endpoint };
}

/** A copy with an endpoint that serves it, and a window that is to be asked for again at a time. */
function watched(copy: Lineage, { port, atMs }: { readonly port: number; readonly atMs: number }): Lineage {
  const { name, spec, current, renewal } = copy;
  const endpoint = `${name}:${port}`;
  const deployment = { version: current!.id, state: 'current', since: current!.issuedAt } as const;
  return {
    ...copy,
    spec: { ...spec, endpoints: [endpoint] },
    deployments: { [endpoint]: deployment },
    renewal: { ...renewal!, checkAfter: new Date(atMs).toISOString() },
  };
}

/** A TLS server with the certificate of the model, which counts the handshakes. */
async function startEndpoint(live: string): Promise<{ readonly port: number; looks(): number }> {
  const [cert, key] = await Promise.all(['fullchain.pem', 'privkey.pem'].map((file) => readFile(join(live, file))));
  let looks = 0;
  const server = createServer({ cert, key }, (socket) => {
    looks += 1;
    socket.on('error', () => {}).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  atEnd(() => void server.close());
  return { port: (server.address() as AddressInfo).port, looks: () => looks };
}
