import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { itDrawn } from '../support/drawn.ts';
import { sampled } from '../support/seeded.ts';
import { atEnd, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { currentKeyFits, leftovers, liveFits, plantForeign, processState, readLineage, resultOf } from './inspect.ts';
import {
  inLanes,
  lanesFor,
  pointsTimeout,
  type Rig,
  type RigConfig,
  type Running,
  recordedNames,
  type State,
  samplePoints,
  startRig,
} from './rig.ts';

/**
 * SIGINT and SIGTERM to the real command line during an order: it cleans up within `shutdownBudget`, keeps the order
 * for the next run, and what it could not clean up stays journalled.
 */
const samples = 1;
const exitOf = { SIGINT: 130, SIGTERM: 143 } as const;
const signals = ['SIGINT', 'SIGTERM'] as const;
// Points get the signals by turns.
const firstSignal = signals.indexOf(sampled(signals, 1, 'the first signal')[0]!);

describeWith(['pebble', 'named', 'nsupdate', 'dig'], 'signals', () => {
  const rigs: Rig[] = [];
  let rig: Rig;
  stopAllAfterwards();
  beforeAll(async () => {
    for (let i = 0; i < lanesFor(2); i += 1) {
      const one = await startRig();
      await plantForeign(one);
      rigs.push(one);
    }
    rig = rigs[0] as Rig;
  });
  beforeEach(() => {
    for (const one of rigs) {
      one.proxy.clear();
      one.proxy.forget();
    }
  });

  for (const solver of sampled(['webroot', 'dns'] as const, 1, 'solvers that are signalled'))
    it(
      `${solver}: at any effect everything is cleaned up, and the next run goes on with the same order`,
      async () => {
        const undisturbed = await rig.state(solver);
        const record = join(undisturbed.folder, 'effects');
        const ran = await rig.run(undisturbed, { command: 'issue', argv: issueOf(undisturbed), record });
        expect(ran.status, ran.stderr).toBe(0);
        const points = (await recordedNames(record)).flatMap((name) => [`${name}@before`, `${name}@after`]);
        const chosen = samplePoints(points, samples, `signals, ${solver}`);
        await inLanes(
          rigs,
          chosen.map((point, index) => ({ point, how: signals[(index + firstSignal) % 2]! })),
          async (lane, { point, how }) => signalAt(lane, await lane.state(solver), point, how),
        );
      },
      pointsTimeout,
    );

  async function signalAt(lane: Rig, state: State, point: string, how: 'SIGINT' | 'SIGTERM'): Promise<void> {
    lane.proxy.forget();
    const ran = await lane.run(state, { command: 'issue', argv: issueOf(state), stopAt: point, how });
    const said = `${how} at ${point}\n${ran.stdout}\n${ran.stderr}`;
    // The number of polls differs from run to run; and from the closing write on it is too late to stop.
    if (
      ran.status === 0 &&
      (/#([2-9]|\d\d+)@/.test(point) || /^deploy\/\w+\/store\/(lineage|meta|history|replica|session)/.test(point))
    ) {
      const done = await readLineage(state);
      expect([done?.last?.result, done?.work], said).toEqual(['issued', undefined]);
      expect(await leftovers(lane, state), said).toEqual([]);
      return;
    }
    expect(ran.status, said).toBe(exitOf[how]);
    // Nothing hangs here, so the budget is not used up.
    expect(said).not.toContain('The rest is journalled');
    expect(await leftovers(lane, state), said).toEqual([]);
    const lineage = await readLineage(state);
    expect(lineage?.work?.lease, said).toBeUndefined();
    expect(lineage?.failure, `${said}\na stop is no failure`).toBeUndefined();

    const next = await lane.run(state, { command: 'issue', argv: issueOf(state) });
    expect(next.status, `${said}\n── the next ──\n${next.stdout}${next.stderr}`).toBe(0);
    // If it is aborted during newOrder, it is unknown whether the CA has the order.
    const doubtful = point.includes('POST order-plz');
    expect(lane.proxy.accepted('newOrder'), said).toBeLessThanOrEqual(doubtful ? 2 : 1);
    expect(lane.proxy.accepted('finalize'), said).toBe(1);
    expect(await currentKeyFits(state), said).toBe(true);
    expect(await liveFits(state), said).toBe(true);
    expect((await readLineage(state))?.work, said).toBeUndefined();
    expect(await leftovers(lane, state), said).toEqual([]);
  }

  it('stopped while the CA validates, it does not remove the answer too early', async () => {
    const state = await rig.state('webroot');
    const { running, release } = await heldAt('challenge', state);
    process.kill(running.pid, 'SIGTERM');
    await until(() => running.said().includes('Stopping'), { what: 'it has received the signal', deadlineMs });
    expect((await leftovers(rig, state)).length, 'the token is still there').toBe(1);
    release();
    expect((await running.done).status).toBe(143);
    expect(await leftovers(rig, state)).toEqual([]);
    const next = await rig.cli(state, 'renew').done;
    expect(next.status, next.stderr).toBe(0);
    // The validation counted: there was no second one, and no other order.
    expect([rig.proxy.accepted('newOrder'), rig.proxy.accepted('challenge')]).toEqual([1, 1]);
  });

  itDrawn('a process that waits for the stopped one takes over', async () => {
    const state = await rig.state('dns');
    const { running, release } = await heldAt('challenge', state);
    const second = rig.spawnRun(state, { command: 'issue' });
    await until(() => second.said().includes('certificate.waiting'), { what: 'the second waits', deadlineMs });
    process.kill(running.pid, 'SIGINT');
    expect((await running.done).status).toBe(130);
    release();
    const ran = await second.done;
    expect([ran.status, resultOf(ran)], ran.stderr).toEqual([0, 'issued']);
    expect(rig.proxy.accepted('newOrder')).toBe(1);
    expect(await leftovers(rig, state)).toEqual([]);
  });

  itDrawn('a name server that hangs: ends within the budget, and a sweep removes the record later', async () => {
    const state = await rig.state('dns', undefined, { change: withBudget });
    const { running, release } = await heldAt('challenge', state);
    expect((await leftovers(rig, state)).length).toBeGreaterThan(0);
    rig.bind.service.signal('SIGSTOP');
    try {
      await endsWithinBudget(running, 'SIGTERM');
    } finally {
      rig.bind.service.signal('SIGCONT');
      release();
    }
    await isJournalled(state);
    await sweepCleans(state);
  });

  itDrawn('a clean-up hook that hangs: the same', async () => {
    const state = await hookState('sleep 60');
    const { running, release } = await heldAt('challenge', state);
    await endsWithinBudget(running, 'SIGINT');
    release();
    await isJournalled(state);
    await rm(join(state.folder, 'hang'));
    await sweepCleans(state);
    await untilHookIsGone(state);
  });

  itDrawn('a clean-up hook that hangs and ignores SIGTERM: the same', async () => {
    const state = await hookState("trap '' TERM; while :; do sleep 0.1; done");
    const { running, release } = await heldAt('challenge', state);
    await endsWithinBudget(running, 'SIGTERM');
    release();
    await isJournalled(state);
    await rm(join(state.folder, 'hang'));
    await sweepCleans(state);
    await killHook(state);
  });

  it('a second signal ends it at once', async () => {
    // With the budget of 8 s, so that this does not measure its end.
    const state = await hookState("trap '' TERM; while :; do sleep 0.1; done", (config) => config);
    const { running, release } = await heldAt('challenge', state);
    process.kill(running.pid, 'SIGINT');
    await until(() => hookPid(state), { what: 'the hook runs', deadlineMs });
    process.kill(running.pid, 'SIGINT');
    const againMs = performance.now();
    expect((await running.done).status).toBe(130);
    expect(performance.now() - againMs).toBeLessThan(6_000);
    release();
    await isJournalled(state);
    await killHook(state);
    await rm(join(state.folder, 'hang'));
    await sweepCleans(state);
  });

  // ── how ──

  /** The real command line, held at its first request of a kind before the CA gets it. */
  async function heldAt(kind: 'challenge' | 'finalize', state: State) {
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const held = rig.proxy.fault({ on: kind, what: { type: 'hold', when: 'before', until: released } });
    const running = rig.cli(state, 'issue');
    await until(() => held.hits > 0, { what: `${kind} is reached`, deadlineMs });
    return { running, release };
  }

  async function endsWithinBudget(running: Running, how: 'SIGINT' | 'SIGTERM'): Promise<void> {
    process.kill(running.pid, how);
    const startMs = performance.now();
    const ran = await running.done;
    expect(ran.status, ran.stderr).toBe(exitOf[how]);
    // Three seconds more for a busy machine; what hangs would hang for a minute.
    expect(performance.now() - startMs, ran.stderr).toBeLessThan(budgetMs + 3_000);
  }

  /** The record still exists, and the document knows it: as a tombstone, or as the work of a dead process. */
  async function isJournalled(state: State): Promise<void> {
    const lineage = await readLineage(state);
    const known = [...(lineage?.tombstones ?? []), ...(lineage?.work?.challenges ?? [])];
    expect(known.length).toBeGreaterThan(0);
    expect(lineage?.work?.order?.url, 'the order is kept').toBeDefined();
  }

  async function sweepCleans(state: State): Promise<void> {
    const swept = await rig.cli(state, 'sweep').done;
    expect(swept.status, swept.stdout + swept.stderr).toBe(0);
    expect(await leftovers(rig, state), swept.stdout + swept.stderr).toEqual([]);
    const next = await rig.cli(state, 'renew').done;
    expect(next.status, next.stdout + next.stderr).toBe(0);
    expect((await readLineage(state))?.last?.result).toBe('issued');
    expect(rig.proxy.accepted('newOrder'), 'the same order').toBe(1);
    expect(await leftovers(rig, state)).toEqual([]);
  }

  /** A `command` solver whose clean-up hangs while the file `hang` exists. */
  async function hookState(hang: string, budget = withBudget): Promise<State> {
    const state = await rig.state('dns', undefined, {
      change: (config) => {
        const folder = join(config.deployers.files.path, '..');
        const update = (verb: string) =>
          `printf 'server 127.0.0.1 ${rig.bind.port}\\nupdate ${verb}\\nsend\\n' | nsupdate -k ${rig.bind.keyFile}`;
        return budget({
          ...config,
          solvers: {
            solve: {
              type: 'command',
              present: update('add \'"$CERTFLEET_RECORD"\'. 60 TXT "\'"$CERTBOT_VALIDATION"\'"'),
              cleanup: `if [ -e ${folder}/hang ]; then echo $$ > ${folder}/pid; ${hang}; fi; ${update('delete \'"$CERTFLEET_RECORD"\'. TXT "\'"$CERTBOT_VALIDATION"\'"')}`,
            },
          },
        });
      },
    });
    await writeFile(join(state.folder, 'hang'), '');
    atEnd(() => killHook(state));
    return state;
  }
});

/** Generous, for a busy machine. */
const deadlineMs = 60_000;
const budgetMs = 2_000;
const withBudget = (config: RigConfig): RigConfig => ({ ...config, shutdownBudget: `${budgetMs / 1_000}s` });

const issueOf = (state: State): readonly string[] => ['issue', '--config', state.config];

const hookPid = async (state: State): Promise<number | undefined> => {
  const text = await readFile(join(state.folder, 'pid'), 'utf8').catch(() => '');
  return Number(text) > 1 ? Number(text) : undefined;
};

async function killHook(state: State): Promise<void> {
  const pid = await hookPid(state);
  if (pid === undefined || (await processState(pid)) === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ended meanwhile
  }
}

async function untilHookIsGone(state: State): Promise<void> {
  const pid = await hookPid(state);
  expect(pid).toBeDefined();
  await until(async () => [undefined, 'Z'].includes(await processState(pid as number)), {
    what: 'the hook was ended with its certfleet',
    deadlineMs,
  });
}
