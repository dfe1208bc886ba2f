import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { itDrawn } from '../support/drawn.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { isLong, sampled } from '../support/seeded.ts';
import { freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import {
  currentKeyFits,
  leftovers,
  liveFits,
  plantForeign,
  readLineage,
  resultOf,
  rewriteLineage,
  temporaries,
  untilStopped,
} from './inspect.ts';
import {
  inLanes,
  lanesFor,
  pointsAt,
  pointsTimeout,
  type Ran,
  type Rig,
  type RigConfig,
  recordedNames,
  type SolverName,
  type State,
  samplePoints,
  startRig,
} from './rig.ts';
import { type StatePlace, storeKinds } from './stores.ts';

/**
 * A process is stopped (SIGSTOP) at an effect of its issue, for longer than its lease of 1 s. A second one takes over
 * and finishes. Then the first continues as if nothing had happened: it must notice, undo what came too late, and
 * report the second one's result.
 *
 * `npm test` runs a seeded sample of the solvers and points, `npm run test:long` all of them.
 */
const samples = 1;

/** One rig with two nodes of a cluster: one store, and a port for each if they need one. */
interface Lane {
  readonly rig: Rig;
  /** A new store, configured for each of two nodes. */
  nodes(): Promise<{ readonly first: State; readonly second: State }>;
}

const lanes = lanesFor(3);

for (const { kind, needs, start } of storeKinds)
  describeWith(['pebble', 'named', 'nsupdate', 'dig', ...needs], `SIGSTOP past the lease, store in ${kind}`, () => {
    stopAllAfterwards();
    // In the sample, a database gets the main path alone.
    const isWhole = isLong || kind === 'files';
    let stores: StatePlace;
    beforeAll(async () => {
      stores = await start();
    });

    describe('one machine', () => {
      const rigs: Rig[] = [];
      beforeAll(async () => {
        for (let i = 0; i < lanes; i += 1) {
          const rig = await startRig({ leaseTtl: '1s' });
          await plantForeign(rig);
          rigs.push(rig);
        }
      });
      const lanesOf = (solver: SolverName): readonly Lane[] =>
        rigs.map((rig) => ({
          rig,
          async nodes() {
            const first = await rig.state(solver, undefined, { stores });
            return { first, second: first };
          },
        }));

      for (const solver of sampled(['webroot', 'dns'] as const, 1, `solvers that are stopped, ${kind}`)) {
        const recorded = pointsOnce(() => lanesOf(solver)[0] as Lane);
        it(
          `${solver}: a second process takes over`,
          async () => {
            const points = await recorded();
            await inLanes(lanesOf(solver), samplePoints(points, samples, `SIGSTOP, ${solver}, ${kind}`), stopAt);
          },
          pointsTimeout,
        );

        if (!isWhole) continue;
        itDrawn(`${solver}: if it dies right after its late effect, the sweep removes it`, async () => {
          const points = await recorded();
          await inLanes(lanesOf(solver), presentsOf(points), stopAndKill);
        });
      }
    });

    if (!isWhole) return;
    describeWith(['haproxy'], 'two responders behind HAProxy', () => {
      const both: Lane[] = [];
      const recorded = pointsOnce(() => both[0] as Lane);
      beforeAll(async () => {
        for (let i = 0; i < lanes; i += 1) both.push(await behindHaproxy(stores));
      });

      it(
        'the balancer passes over the stopped one, and the second process takes over',
        async () => {
          const points = await recorded();
          await inLanes(both, samplePoints(points, samples, `SIGSTOP, two responders, ${kind}`), stopAt);
        },
        pointsTimeout,
      );

      itDrawn('if it dies right after its late effect, the sweep removes it', async () => {
        const points = await recorded();
        await inLanes(both, presentsOf(points), stopAndKill);
      });
    });
  });

/** Two nodes with a responder each, and HAProxy on the CA's port, round robin over those that answer. */
async function behindHaproxy(stores: StatePlace): Promise<Lane> {
  const ports = [await freePort(), await freePort()] as const;
  const rig = await startRig({ leaseTtl: '1s', httpPort: ports[0] });
  await plantForeign(rig);
  await startHaproxy({
    certificates: join(await temporaryFolder('haproxy-certificates'), 'certs'),
    challengeBackends: ports.map((port) => `127.0.0.1:${port}`),
    challengeCheck: true,
    httpPort: rig.pebble.httpPort,
  });
  const listenOn =
    (port: number) =>
    (config: RigConfig): RigConfig => ({
      ...config,
      solvers: { solve: { type: 'http01-responder', listen: `127.0.0.1:${port}` } },
    });
  return {
    rig,
    async nodes() {
      const first = await rig.state('responder', undefined, { stores, change: listenOn(ports[0]) });
      return { first, second: await rig.state('responder', undefined, { shares: first, change: listenOn(ports[1]) }) };
    },
  };
}

/** Before and after every effect of an undisturbed issue. */
async function pointsOf({ rig, nodes }: Lane): Promise<readonly string[]> {
  const { first } = await nodes();
  const record = join(first.folder, 'effects');
  const ran = await rig.run(first, { command: 'issue', record });
  expect([ran.status, resultOf(ran)], ran.stderr).toEqual([0, 'issued']);
  expect(await leftovers(rig, first), 'the undisturbed run').toEqual([]);
  return pointsAt(await recordedNames(record));
}

/** The same points for all tests of a suite, from one undisturbed run; a try after a failure records them again. */
function pointsOnce(lane: () => Lane): () => Promise<readonly string[]> {
  let points: readonly string[] | undefined;
  return async () => (points ??= await pointsOf(lane()));
}

/** The points before each effect that presents a challenge: the TXT update, the token file or document. */
const presentsOf = (points: readonly string[]): readonly string[] =>
  sampled(
    points.filter((point) => /^challenges\/(update|replace|(put|write)\/store\/token)\b.*@before$/.test(point)),
    1,
    'presents',
  );

async function stopAt({ rig, nodes }: Lane, point: string): Promise<void> {
  const { first, second } = await nodes();
  rig.proxy.forget();
  const stopped = rig.spawnRun(first, { command: 'issue', stopAt: point, how: 'SIGSTOP' });
  const ended = await untilStopped(stopped);
  if (ended) return notReached(point, ended);
  const before = await readLineage(first);
  const hadLease = before?.work?.lease?.holder.pid === stopped.pid;

  const winner = await rig.run(second, { command: 'issue' });
  expect([winner.status, resultOf(winner)], `${point}, the second\n${winner.stderr}`).toEqual([
    0,
    before?.last ? 'unchanged' : 'issued',
  ]);
  process.kill(stopped.pid, 'SIGCONT');
  const loser = await stopped.done;
  const said = `${point}, the stopped one\n${loser.stdout}\n${loser.stderr}`;
  expect(loser.status, said).toBe(0);
  // A process that had not begun finds everything done.
  expect(hadLease || before?.last ? ['issued'] : ['issued', 'unchanged'], said).toContain(resultOf(loser));

  await isFinished(rig, first, `${said}\n── the second ──\n${winner.stderr}`);
  expect(await leftovers(rig, first), said).toEqual([]);
  for (const folder of first.place.type === 'file' ? [first.store, first.live] : [first.live])
    expect(await temporaries(folder), said).toEqual([]);
}

/** How often the lease is extended differs, too, and in which step the session gives a sign of life. */
const isExtension =
  /^((lease|validate|finalize)\/(draft|put|remove|write)\/store\/(lineage|TMP)|\w+\/(draft|put|remove|write)\/store\/session)/;

/** The number of polls differs from run to run, so only repeated polls may be missing. */
function notReached(point: string, ended: Ran): void {
  if (!isExtension.test(point))
    expect(point, `was not reached\n${ended.stdout}\n${ended.stderr}`).toMatch(/#([2-9]|\d\d+)@/);
  process.stderr.write(`${point}: not reached this time\n`);
}

/** It continues, has its one effect, and dies before it can undo it: only the tombstones know. */
async function stopAndKill({ rig, nodes }: Lane, point: string): Promise<void> {
  const { first, second } = await nodes();
  rig.proxy.forget();
  const killAt = point.replace(/@before$/, '@after');
  const stopped = rig.spawnRun(first, { command: 'issue', stopAt: point, how: 'SIGSTOP', killAt });
  expect((await untilStopped(stopped))?.stderr, `${point} was not reached`).toBeUndefined();
  const winner = await rig.run(second, { command: 'issue' });
  expect([winner.status, resultOf(winner)], `${point}, the second\n${winner.stderr}`).toEqual([0, 'issued']);
  process.kill(stopped.pid, 'SIGCONT');
  expect((await stopped.done).status, point).toBe('SIGKILL');
  const stones = (await readLineage(first))?.tombstones ?? [];
  expect(stones.length, `${point}: closed challenges of a work that was taken over`).toBeGreaterThan(0);
  // Its heartbeat stops it before a packet leaves, so the test sends the pending packet itself.
  if (first.solver === 'dns')
    for (const { token, thumbprint } of stones) {
      const value = createHash('sha256').update(`${token}.${thumbprint}`).digest('base64url');
      await rig.bind.update('example.test', `add _acme-challenge.example.test. 60 TXT "${value}"`);
    }
  const late = await leftovers(rig, first);
  // Only a token document is protected by the store's own compare-and-set.
  if (first.solver === 'responder') expect(late, point).toEqual([]);
  else expect(late, `${point}: its effect came late`).not.toEqual([]);

  await isFinished(rig, first, point);
  await rewriteLineage(first, (l) => ({
    ...l,
    tombstones: (l.tombstones ?? []).map((t) => ({
      ...t,
      closedAt: new Date(Date.parse(t.closedAt) - 3_600_000).toISOString(),
    })),
  }));
  const swept = await rig.run(second, { command: 'sweep' });
  expect(swept.status, swept.stderr).toBe(0);
  expect(await leftovers(rig, first), `${point}, after the sweep\n${swept.stdout}${swept.stderr}`).toEqual([]);
}

/** One certificate of one order with its key, and no more work in progress. */
async function isFinished(rig: Rig, state: State, said: string): Promise<void> {
  const lineage = await readLineage(state);
  expect(lineage?.work, said).toBeUndefined();
  expect(lineage?.last?.result, said).toBe('issued');
  expect(await currentKeyFits(state), said).toBe(true);
  expect(await liveFits(state), said).toBe(true);
  expect(rig.proxy.accepted('newOrder'), said).toBeLessThanOrEqual(2);
  expect(rig.proxy.accepted('finalize'), said).toBe(1);
}
