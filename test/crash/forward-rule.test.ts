import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Snapshot } from '../support/alibaba-clb.ts';
import { balancerSettings, type CloudBalancer, startBalancer } from '../support/alibaba-cluster.ts';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import { sampled } from '../support/seeded.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { currentKeyFits, documents, readLineage, resultOf, rewriteLineage, untilStopped } from './inspect.ts';
import {
  inLanes,
  lanesFor,
  pointsTimeout,
  type Rig,
  type RigConfig,
  recordedNames,
  type State,
  samplePoints,
  startRig,
} from './rig.ts';

/**
 * SIGKILL and SIGSTOP at every effect of an issue behind a load balancer, each call of the cloud's API included. Whoever
 * comes next, on another node with the same store, leaves no rule and no group, and what others have stays as it was.
 *
 * `npm test` runs a seeded sample of the points, `npm run test:long` all of them.
 */
const samples = 1;
const lanes = lanesFor(2);

interface Lane {
  readonly rig: Rig;
  readonly cloud: CloudBalancer;
  readonly before: Snapshot;
}

describeWith(['pebble', ...bindPrograms], 'a load balancer', () => {
  stopAllAfterwards();
  const all: Lane[] = [];
  let points: readonly string[];

  beforeAll(async () => {
    for (let i = 0; i < lanes; i++) all.push(await makeLane());
    const [lane] = all as [Lane];
    const state = await onNode(lane, 0);
    const record = join(state.folder, 'effects');
    const ran = await lane.rig.run(state, { command: 'issue', record });
    expect([ran.status, resultOf(ran)], ran.stderr).toEqual([0, 'issued']);
    await isClean(lane, state, 'the undisturbed run');
    const names = await recordedNames(record);
    expect(names).toContain('lease/request/POST CreateRules#1');
    expect(names.some((name) => name.includes('DeleteVServerGroup'))).toBe(true);
    // The drafts and spare files of the store are between two of its writes, and kill.test.ts has them.
    const own = names.filter((name) => !/\/(mkdir|draft|remove)\/store\//.test(name));
    points = own.flatMap((name) => [`${name}@before`, `${name}@after`]);
  });

  it('killed: the next run on another node issues and leaves nothing', { timeout: pointsTimeout }, async () => {
    await inLanes(all, samplePoints(points, samples, 'SIGKILL, load balancer, renew'), async (lane, point) => {
      const state = await killed(lane, point);
      if (!state) return;
      const second = await lane.rig.run(await onNode(lane, 1, state), { command: 'renew' });
      expect(second.status, `${point}\n${second.stderr}`).toBe(0);
      expect((await readLineage(state))?.work, `${point}\n${second.stderr}`).toBeUndefined();
      expect(await currentKeyFits(state), point).toBe(true);
      await isClean(lane, state, `${point}\n${second.stderr}`);
    });
  });

  itDrawn(
    'killed: a sweep on another node leaves nothing',
    async () => {
      await inLanes(all, samplePoints(points, samples, 'SIGKILL, load balancer, sweep'), async (lane, point) => {
        const state = await killed(lane, point);
        if (!state) return;
        const swept = await lane.rig.run(await onNode(lane, 1, state), { command: 'sweep' });
        expect(swept.status, `${point}\n${swept.stderr}`).toBe(0);
        await isClean(lane, state, `${point}\n${swept.stdout}${swept.stderr}`);
      });
    },
    pointsTimeout,
  );

  it('stopped past its lease: a second process issues, and the late changes of the first go', {
    timeout: pointsTimeout,
  }, async () => {
    await inLanes(all, samplePoints(points, samples, 'SIGSTOP, load balancer'), async (lane, point) => {
      const first = await onNode(lane, 0);
      const stopped = lane.rig.spawnRun(first, { command: 'issue', stopAt: point, how: 'SIGSTOP' });
      const ended = await untilStopped(stopped);
      if (ended) return notReached(point, ended.stderr);
      const second = await onNode(lane, 1, first);
      let winner = await lane.rig.run(second, { command: 'issue' });
      expect(winner.status, `${point}, the second\n${winner.stderr}`).toBe(0);
      process.kill(stopped.pid, 'SIGCONT');
      const loser = await stopped.done;
      // If the CA had been asked already, its request went to the stopped process; then the next order succeeds.
      if (resultOf(winner) === 'failed') {
        expect(point, winner.stderr).toMatch(/^validate\//);
        winner = await lane.rig.run(second, { command: 'issue' });
      }
      const said = `${point}, the stopped one\n${loser.stdout}\n${loser.stderr}\n── the second ──\n${winner.stderr}`;
      expect(loser.status, said).toBe(0);
      expect((await readLineage(first))?.work, said).toBeUndefined();
      expect(await currentKeyFits(first), said).toBe(true);
      await isClean(lane, first, said);
    });
  });

  itDrawn(
    'stopped, and killed right after a late change: the sweep finds it by its name',
    async () => {
      const late = points.filter((point) =>
        /^lease\/request\/POST (CreateVServerGroup|CreateRules)#1@before$/.test(point),
      );
      expect(late).toHaveLength(2);
      await inLanes(all, sampled(late, 1, 'late changes'), async (lane, point) => {
        const first = await onNode(lane, 0);
        const killAt = point.replace('@before', '@after');
        const stopped = lane.rig.spawnRun(first, { command: 'issue', stopAt: point, how: 'SIGSTOP', killAt });
        expect((await untilStopped(stopped))?.stderr, `${point} was not reached`).toBeUndefined();
        const second = await onNode(lane, 1, first);
        const winner = await lane.rig.run(second, { command: 'issue' });
        expect(winner.status, `${point}, the second\n${winner.stderr}`).toBe(0);
        process.kill(stopped.pid, 'SIGCONT');
        expect((await stopped.done).status, point).toBe('SIGKILL');
        await rewriteLineage(first, (l) => ({
          ...l,
          tombstones: (l.tombstones ?? []).map((stone) => ({
            ...stone,
            closedAt: new Date(Date.parse(stone.closedAt) - 3_600_000).toISOString(),
          })),
        }));
        const swept = await lane.rig.run(second, { command: 'sweep' });
        expect(swept.status, swept.stderr).toBe(0);
        await isClean(lane, first, `${point}\n${swept.stderr}`);
      });
    },
    pointsTimeout,
  );
});

async function makeLane(): Promise<Lane> {
  const cloud = await startBalancer({ clb: { secondMs: 60 }, rules: [{ name: 'shop', domain: 'shop.example.test' }] });
  const rig = await startRig({
    leaseTtl: '1s',
    httpPort: cloud.responderPort,
    pebble: { httpPort: cloud.clb.port(80) },
  });
  return { rig, cloud, before: cloud.clb.snapshot() };
}

/** A state whose process runs on one of the nodes, with a store of its own or that of another state. */
const onNode = ({ rig, cloud }: Lane, node: number, shares?: State): Promise<State> =>
  rig.state('responder', undefined, {
    ...(shares ? { shares } : {}),
    change: (config: RigConfig): RigConfig => ({
      ...config,
      balancers: {
        slb: balancerSettings(cloud, node),
      },
      solvers: { solve: { type: 'http01-forward-rule', balancer: 'slb', listen: cloud.responders[node] } },
    }),
  });

/** A state whose first run was killed at a point; undefined if chance kept the run from reaching it. */
async function killed(lane: Lane, point: string): Promise<State | undefined> {
  const state = await onNode(lane, 0);
  const first = await lane.rig.run(state, { command: 'issue', stopAt: point });
  if (first.status === 'SIGKILL') return state;
  notReached(point, first.stderr);
  return undefined;
}

/** How often something is asked again, and which folders there are, differs from run to run. */
function notReached(point: string, said: string): void {
  expect(point, `was not reached\n${said}`).toMatch(/#([2-9]|\d\d+)@|\/store\/(TMP|lineage|session)/);
  process.stderr.write(`${point}: not reached this time\n`);
}

/** The balancer is as it was before, and no document of a lock or a token is left. */
async function isClean({ cloud, before }: Lane, state: State, said: string): Promise<void> {
  await cloud.clb.settled();
  expect(cloud.clb.snapshot(), said).toEqual(before);
  for (const kind of ['lock', 'token'] as const) expect([...(await documents(state, kind)).keys()], said).toEqual([]);
}
