import { beforeEach, expect, it } from 'vitest';
import { itDrawn } from '../support/drawn.ts';
import { sampled } from '../support/seeded.ts';
import { freePort, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { currentKeyFits, leftovers, liveFits, plantForeign, readLineage, resultOf } from './inspect.ts';
import { type Ran, type Rig, type RigConfig, type Running, type State, startRig } from './rig.ts';

/** Several processes at once, because of two cron jobs, an impatient administrator or a restarted container. */
describeWith(['pebble', 'named', 'nsupdate', 'dig'], 'processes at the same time', () => {
  let rig: Rig;
  stopAllAfterwards();
  beforeEach(async () => {
    // The responder has the CA's own port, so that processes must share it. The lease is long, so that nothing here
    // depends on its end.
    if (!rig) {
      const httpPort = await freePort();
      rig = await startRig({ httpPort, pebble: { httpPort }, leaseTtl: '60s' });
      await plantForeign(rig);
    }
    rig.proxy.forget();
    rig.proxy.clear();
  });

  const crowds = [
    [2, 'dns'],
    [5, 'dns'],
    [2, 'responder'],
    [5, 'responder'],
  ] as const;
  for (const [count, solver] of sampled(crowds, 1, 'crowds'))
    it(`${count} of them on one certificate, ${solver}: one order, one result`, async () => {
      const state = await rig.state(solver);
      // Hold the order until the others wait.
      const { release } = hold('newOrder');
      const running = Array.from({ length: count }, () => rig.spawnRun(state, { command: 'issue' }));
      const waiting = () => running.filter((one) => one.said().includes('certificate.waiting')).length;
      await until(() => waiting() === count - 1, { what: 'all but one wait', deadlineMs });
      release();
      const all = await Promise.all(running.map((one) => one.done));
      for (const ran of all) expect([ran.status, resultOf(ran)], transcript(all)).toEqual([0, 'issued']);
      // The same certificate for all.
      expect(new Set(all.map((ran) => JSON.stringify(ran.answer?.result))).size, transcript(all)).toBe(1);
      expect(rig.proxy.accepted('newOrder'), transcript(all)).toBe(1);
      expect(rig.proxy.accepted('finalize')).toBe(1);
      // All of them register the key that was stored first (RFC 8555 §7.3), so the CA makes one account.
      expect(rig.proxy.requests.filter((r) => r.kind === 'newAccount' && r.status === 201).length).toBeLessThanOrEqual(
        1,
      );
      await isFinished(state);
    });

  itDrawn('on different certificates of one store: they do not interfere', async () => {
    const state = await rig.state('responder', undefined, { change: withSecond });
    const both = await Promise.all(['abc', 'xyz'].map((name) => rig.run(state, { command: 'issue', names: [name] })));
    for (const ran of both) expect([ran.status, resultOf(ran)], transcript(both)).toEqual([0, 'issued']);
    expect(rig.proxy.accepted('newOrder')).toBe(2);
    expect(rig.proxy.accepted('finalize')).toBe(2);
    for (const ran of both) expect(ran.stderr).not.toContain('certificate.waiting');
    await isFinished(state, ['abc', 'xyz']);
  });

  itDrawn('one that is done stays while its responder answers for another one', async () => {
    const state = await rig.state('responder', undefined, { change: withSecond });
    const ours = hold('finalize');
    const xyz = rig.spawnRun(state, { command: 'issue', names: ['xyz'] });
    await until(() => ours.held.hits > 0, { what: 'xyz has the port and is validated', deadlineMs });
    const asking = hold('challenge');
    const abc = rig.spawnRun(state, { command: 'issue', names: ['abc'] });
    await until(() => asking.held.hits > 0, { what: 'abc is about to be validated', deadlineMs });
    let hasEnded = false;
    xyz.done.then(() => (hasEnded = true));
    ours.release();
    await until(() => xyz.said().includes('certificate.deployed'), { what: 'xyz is done', deadlineMs });
    const theirs = hold('finalize');
    asking.release();
    // It was validated on the port of a process that had finished its own work.
    await until(() => theirs.held.hits > 0, { what: 'abc is validated', deadlineMs });
    expect(hasEnded).toBe(false);
    theirs.release();
    const both = await Promise.all([abc.done, xyz.done]);
    for (const ran of both) expect([ran.status, resultOf(ran)], transcript(both)).toEqual([0, 'issued']);
    expect(rig.proxy.accepted('newOrder')).toBe(2);
    await isFinished(state, ['abc', 'xyz']);
  });

  it('one that comes later waits, and reports the result of the first', async () => {
    const state = await rig.state('dns');
    const { first, second, release } = await meetAt('finalize', state);
    release();
    const both = await Promise.all([first.done, second.done]);
    for (const ran of both) expect([ran.status, resultOf(ran)], transcript(both)).toEqual([0, 'issued']);
    expect(both[1].answer).toEqual(both[0].answer);
    expect(rig.proxy.accepted('newOrder')).toBe(1);
    await isFinished(state);
  });

  itDrawn('one that comes later reports the error of the first one', async () => {
    const state = await rig.state('dns');
    rig.proxy.fault({
      on: 'finalize',
      what: { type: 'status', status: 403, problem: 'unauthorized', detail: 'not for you' },
    });
    const { first, second, release } = await meetAt('authorization', state);
    release();
    const both = await Promise.all([first.done, second.done]);
    const [told, retold] = both.map((ran) => failureOf(ran));
    expect(told?.code, transcript(both)).toMatch(/^acme\//);
    expect(told?.message).toContain('not for you');
    expect(retold, transcript(both)).toEqual(told);
    expect(rig.proxy.seen('newOrder')).toBe(1);
    expect(await leftovers(rig, state)).toEqual([]);
    expect((await readLineage(state))?.work?.lease).toBeUndefined();
  });

  for (const kind of sampled(['newOrder', 'authorization', 'finalize', 'certificate'] as const, 1, 'taken over'))
    it(`one that comes later takes over at once when the first is killed at ${kind}`, async () => {
      const state = await rig.state('dns');
      const { first, second, release } = await meetAt(kind, state);
      process.kill(first.pid, 'SIGKILL');
      const killedMs = performance.now();
      expect((await first.done).status).toBe('SIGKILL');
      release();
      await until(() => second.said().includes('certificate.started'), { what: 'the second takes over', deadlineMs });
      // Far below the lease of 60 s, because the holder is proven dead. It takes 0.25 s, or more on a busy machine.
      expect(performance.now() - killedMs).toBeLessThan(20_000);
      const ran = await second.done;
      expect([ran.status, resultOf(ran)], transcript([ran])).toEqual([0, 'issued']);
      expect(rig.proxy.accepted('newOrder')).toBe(1);
      expect(rig.proxy.accepted('finalize')).toBe(1);
      await isFinished(state);
    });

  itDrawn('one that waits for a sweep does the work afterwards', async () => {
    // A process is killed with its challenges presented, and a sweep is removing them when the next issue starts.
    const state = await rig.state('dns');
    const killed = await rig.run(state, { command: 'issue', stopAt: 'validate/request/POST chalZ#1@before' });
    expect(killed.status, killed.stderr).toBe('SIGKILL');
    const sweeping = rig.spawnRun(state, { command: 'sweep', stopAt: 'start/update/tcp#1@before', how: 'SIGSTOP' });
    await until(async () => (await readLineage(state))?.work?.lease?.holder.pid === sweeping.pid, {
      what: 'the sweep has the lease',
      deadlineMs,
    });
    const issuing = rig.spawnRun(state, { command: 'issue' });
    await until(() => issuing.said().includes('certificate.waiting'), {
      what: 'the issue waits for the sweep',
      deadlineMs,
    });
    process.kill(sweeping.pid, 'SIGCONT');
    const both = await Promise.all([sweeping.done, issuing.done]);
    expect([both[1].status, resultOf(both[1])], transcript(both)).toEqual([0, 'issued']);
    expect(rig.proxy.accepted('newOrder')).toBe(1);
    await isFinished(state);
  });

  /** Holds a request, before the CA gets it, until it is released. */
  function hold(kind: 'newOrder' | 'authorization' | 'challenge' | 'finalize' | 'certificate') {
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const held = rig.proxy.fault({ on: kind, what: { type: 'hold', when: 'before', until: released } });
    return { held, release };
  }

  /** Holds the first at a request until the second waits for it. */
  async function meetAt(kind: Parameters<typeof hold>[0], state: State) {
    const { held, release } = hold(kind);
    const first = rig.spawnRun(state, { command: 'issue' });
    await until(() => held.hits > 0, { what: `the first has reached ${kind}`, deadlineMs });
    const second: Running = rig.spawnRun(state, { command: 'issue' });
    await until(() => second.said().includes('certificate.waiting'), { what: 'the second waits', deadlineMs });
    return { first, second, release };
  }

  async function isFinished(state: State, names: readonly string[] = ['abc']): Promise<void> {
    for (const name of names) {
      const lineage = await readLineage(state, name);
      expect(lineage?.work).toBeUndefined();
      expect(lineage?.last?.result).toBe('issued');
      expect(await currentKeyFits(state, name)).toBe(true);
      expect(await liveFits(state, name)).toBe(true);
    }
    expect(await leftovers(rig, state)).toEqual([]);
  }
});

/** Generous, for a busy machine. */
const deadlineMs = 60_000;

const withSecond = (config: RigConfig): RigConfig => ({
  ...config,
  certificates: config.certificates.flatMap((c) => [c, { ...c, name: 'xyz', identifiers: ['xyz.example.test'] }]),
});

const transcript = (all: readonly Ran[]): string =>
  all.map((ran, index) => `── ${index + 1}: ${ran.status}\n${ran.stdout}${ran.stderr}`).join('\n');

function failureOf(ran: Ran): { readonly code?: string; readonly message?: string } | undefined {
  const outcomes = ran.answer?.result as readonly { error?: { code?: string }; message?: string }[] | undefined;
  const [outcome] = outcomes ?? [];
  return outcome?.error && { code: outcome.error.code ?? '', message: outcome.message ?? '' };
}
