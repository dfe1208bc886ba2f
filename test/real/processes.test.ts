import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { isFailure } from '../../src/core/errors/errors.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { findPortHolder, listenersOf } from '../../src/lib/processes/port-holder.ts';
import { isRunning, parseStat, readStat } from '../../src/lib/processes/process-table.ts';
import { createProcesses } from '../../src/lib/processes/processes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { ProcessIdentity } from '../../src/ports/processes.ts';
import { repositoryRoot, temporaryFolder } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

const processes = createProcesses(systemClock);
const { signal } = new AbortController();
const env = { PATH: '/usr/bin:/bin' };
const started: ChildProcess[] = [];

const sh = (script: string, ...args: string[]) => ['/bin/sh', '-c', script, 'sh', ...args] as const;

/** Waits for a condition; the limit only guards against a hang. */
async function until(condition: () => boolean, ms = 20_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${condition}`);
    await systemClock.sleep(10, signal);
  }
}

/** The same clock with a short wait between SIGTERM and SIGKILL: 0.3 s instead of 5 s. */
const hastyClock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * 16 };

/** A child of this test, in its own group. */
function start(script: string): { child: ChildProcess; who: ProcessIdentity } {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore' });
  started.push(child);
  const pid = child.pid ?? 0;
  return { child, who: { ...processes.self(), pid, startTime: readStat(pid)?.startTime ?? '' } };
}

stopAllAfterwards();
afterEach(() => void vi.unstubAllEnvs());
afterAll(() => {
  for (const child of started) {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
});

describe('run', () => {
  it('passes input, output and exit code', async () => {
    const result = await processes.run({ command: sh('cat; echo err >&2; exit 3'), env, input: 'héllo', signal });
    expect(result).toEqual({ status: 3, stdout: 'héllo', stderr: 'err\n' });
  });

  it('returns the name of the signal that ended it', async () => {
    expect((await processes.run({ command: sh('kill -HUP $$'), env, signal })).status).toBe('SIGHUP');
  });

  it('uses no shell', async () => {
    const result = await processes.run({ command: ['/bin/echo', '$(id)', '; ls'], env, signal });
    expect(result.stdout).toBe('$(id) ; ls\n');
  });

  it('passes exactly the given environment', async () => {
    vi.stubEnv('CERTFLEET_TEST_SECRET', 'must not be seen');
    const result = await processes.run({ command: ['/usr/bin/env'], env: { ...env, A: '1' }, signal });
    expect(result.stdout.trim().split('\n').sort()).toEqual(['A=1', `PATH=${env.PATH}`]);
  });

  it('runs in the given folder', async () => {
    expect((await processes.run({ command: ['/bin/pwd'], env, cwd: '/usr', signal })).stdout).toBe('/usr\n');
  });

  it('says why a program cannot be started', async () => {
    for (const command of [['/nowhere/x'], ['no-such-program'], ['/etc/passwd']] as const) {
      const error = await processes.run({ command, env, signal }).catch((caught: unknown) => caught);
      expect(isFailure(error, 'process/failed')).toBe(true);
      expect((error as Error).message).toMatch(/could not be started: (no such file|permission denied)/);
    }
  });

  it('keeps the last 64 KiB of each stream, cut between characters', async () => {
    const script = 'i=0; while [ $i -lt 20000 ]; do echo "ü$i"; i=$((i+1)); done; echo end';
    const { stdout } = await processes.run({ command: sh(script), env, signal });
    expect(Buffer.byteLength(stdout)).toBeLessThanOrEqual(64 * 1024);
    expect(Buffer.byteLength(stdout)).toBeGreaterThan(64 * 1024 - 4);
    expect(stdout.endsWith('ü19999\nend\n')).toBe(true);
    expect(stdout).not.toContain('\ufffd');
  });

  it('accepts a program that reads no input', async () => {
    const result = await processes.run({ command: ['/bin/true'], env, input: 'x'.repeat(1_000_000), signal });
    expect(result.status).toBe(0);
  });

  it('awaits onStart before it sends input, with an identity that can be checked', async () => {
    const order: string[] = [];
    let seen: ProcessIdentity | undefined;
    await processes.run({
      command: sh('read line; echo "$line"'),
      env,
      input: 'go\n',
      signal,
      onStart: async (who) => {
        seen = who;
        order.push('begun');
        await systemClock.sleep(50, signal);
        order.push(processes.look(who));
      },
    });
    expect(order).toEqual(['begun', 'alive']);
    expect(seen?.bootId).toMatch(/^[0-9a-f-]{36}$/);
    expect(seen?.pidNamespace).toMatch(/^pid:\[\d+\]$/);
    expect(processes.look(seen as ProcessIdentity)).toBe('dead');
  });

  it('lets the program begin only after onStart, as the named process', async () => {
    const file = join(await temporaryFolder('gate'), 'begun');
    let seen: ProcessIdentity | undefined;
    const result = await processes.run({
      command: sh('echo $$; : > "$1"', file),
      env,
      signal,
      onStart: async (who) => {
        seen = who;
        // Long enough for a program that does not wait.
        await systemClock.sleep(50, signal);
        expect(existsSync(file)).toBe(false);
      },
    });
    expect(result).toEqual({ status: 0, stdout: `${seen?.pid}\n`, stderr: '' });
    expect(existsSync(file)).toBe(true);
  });

  it('never begins a program whose starter is killed in onStart', async () => {
    const file = join(await temporaryFolder('gate'), 'begun');
    const starter = join(repositoryRoot, 'test/support/gate-starter.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', starter, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const pid = Number(String(line).trim());
    child.kill('SIGKILL');
    await until(() => !isRunning(readStat(pid)));
    expect(existsSync(file)).toBe(false);
  });

  it('says that a program cannot begin, also after onStart', async () => {
    const onStart = async () => {};
    const run = processes.run({ command: ['/nonexistent/hook'], env, signal, onStart });
    await expect(run).rejects.toMatchObject({ code: 'process/failed', message: expect.stringContaining('not found') });
    // The program's own exit code is returned.
    expect((await processes.run({ command: sh('exit 127'), env, signal, onStart })).status).toBe(127);
  });

  it('ends the program if onStart fails, and fails with that error', async () => {
    let seen: ProcessIdentity | undefined;
    const run = processes.run({
      command: ['/bin/sleep', '600'],
      env,
      signal,
      onStart: async (who) => {
        seen = who;
        throw new Error('the journal is full');
      },
    });
    await expect(run).rejects.toThrow('the journal is full');
    expect(processes.look(seen as ProcessIdentity)).toBe('dead');
  });

  it('ends the whole group on abort, and rejects with its reason', async () => {
    const abort = new AbortController();
    let [pid, grandchild] = [0, 0];
    const run = processes.run({
      command: sh('sleep 601 & echo $! >&2; wait'),
      env,
      signal: abort.signal,
      onStart: async (who) => {
        pid = who.pid;
      },
    });
    run.catch(() => {});
    await until(() => {
      grandchild = groupOf(pid).find((member) => member !== pid) ?? 0;
      return grandchild > 0;
    });
    abort.abort(new Error('enough'));
    await expect(run).rejects.toThrow('enough');
    expect(isRunning(readStat(grandchild))).toBe(false);
  });

  it('starts nothing if the signal is already aborted', async () => {
    const run = processes.run({ command: sh('exit 9'), env, signal: AbortSignal.abort(new Error('no')) });
    await expect(run).rejects.toThrow('no');
  });

  it('kills a program that ignores SIGTERM after the time limit', async () => {
    const hasty = createProcesses(hastyClock);
    let seen: ProcessIdentity | undefined;
    const error = await hasty
      .run({
        command: sh('trap "" TERM; while :; do sleep 1; done'),
        env,
        timeoutMs: 300,
        signal,
        onStart: async (who) => {
          seen = who;
        },
      })
      .catch((caught: unknown) => caught);
    expect(isFailure(error, 'process/timeout')).toBe(true);
    expect(processes.look(seen as ProcessIdentity)).toBe('dead');
    expect(groupOf(seen?.pid ?? 0)).toEqual([]);
  });

  it('reports a time-out even if the program ends with 0 on SIGTERM', async () => {
    const command = sh('trap "exit 0" TERM; while :; do sleep 0.05; done');
    const error = await processes.run({ command, env, timeoutMs: 200, signal }).catch((caught: unknown) => caught);
    expect(isFailure(error, 'process/timeout')).toBe(true);
  });

  it('does not wait for a daemon that holds the output open, and lets it live', async () => {
    const { stdout } = await processes.run({ command: sh('sleep 602 & echo $!'), env, signal });
    const daemon = Number(stdout);
    expect(isRunning(readStat(daemon))).toBe(true);
    process.kill(daemon, 'SIGKILL');
  });
});

/** The pids of a process group, without zombies. */
function groupOf(group: number): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    const stat = readStat(pid);
    return isRunning(stat) && stat.group === group;
  });
}

describe('look and end', () => {
  it('knows itself', () => {
    expect(processes.look(processes.self())).toBe('alive');
    expect(processes.self().pid).toBe(process.pid);
  });

  it('distinguishes dead, a reused pid, another boot, another namespace and no /proc', async () => {
    const { child, who } = start('exit 0');
    await until(() => child.exitCode !== null);
    expect(processes.look(who)).toBe('dead');
    const self = processes.self();
    expect(processes.look({ ...self, startTime: '1' })).toBe('dead');
    expect(processes.look({ ...self, bootId: 'another' })).toBe('unknown');
    expect(processes.look({ ...self, pidNamespace: 'pid:[1]' })).toBe('unknown');
    expect(processes.look({ ...self, bootId: '', pidNamespace: '', startTime: '' })).toBe('unknown');
  });

  it('calls a zombie dead and a stopped process alive', async () => {
    const { child, who } = start('sleep 603');
    process.kill(who.pid, 'SIGSTOP');
    await until(() => readStat(who.pid)?.state === 'T');
    expect(processes.look(who)).toBe('alive');
    await processes.end(who, signal);
    expect(processes.look(who)).toBe('dead');
    await until(() => child.signalCode !== null);
  });

  it('ends a group with SIGTERM, and what ignores it with SIGKILL', async () => {
    const polite = start('sleep 604 & sleep 605');
    await until(() => groupOf(polite.who.pid).length > 1);
    await processes.end(polite.who, signal);
    expect(groupOf(polite.who.pid)).toEqual([]);
    const stubborn = start('trap "" TERM; while :; do sleep 1; done');
    await until(() => groupOf(stubborn.who.pid).length > 1);
    await createProcesses(hastyClock).end(stubborn.who, signal);
    expect(groupOf(stubborn.who.pid)).toEqual([]);
    // The leader obeys, but its child does not.
    const mixed = start('(trap "" TERM; while :; do sleep 1; done) & sleep 606');
    await until(() => groupOf(mixed.who.pid).length > 2);
    await createProcesses(hastyClock).end(mixed.who, signal);
    expect(groupOf(mixed.who.pid)).toEqual([]);
  });

  it('leaves another process with the same pid alone', async () => {
    const { who } = start('sleep 606');
    await processes.end({ ...who, startTime: String(Number(who.startTime) - 1) }, signal);
    await processes.end({ ...who, bootId: 'another' }, signal);
    expect(processes.look(who)).toBe('alive');
    await processes.end(who, signal);
    await processes.end(who, signal);
    expect(processes.look(who)).toBe('dead');
  });

  it('can be aborted', async () => {
    const { who } = start('trap "" TERM; while :; do sleep 1; done');
    await until(() => groupOf(who.pid).length > 1);
    const abort = new AbortController();
    const ending = processes.end(who, abort.signal);
    abort.abort(new Error('no time'));
    await expect(ending).rejects.toThrow('no time');
    expect(processes.look(who)).toBe('alive');
  });

  it('reads a stat line whose program has a confusing name', () => {
    const line = '42 (a) R 1 (b c) S 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2';
    expect(parseStat(line)).toEqual({ state: 'S', group: 42, startTime: '98765' });
    expect(parseStat('')).toBeUndefined();
    expect(parseStat('42 (cut) S 7')).toBeUndefined();
  });
});

describe('findPortHolder', () => {
  for (const host of ['127.0.0.1', '::1']) {
    it(`names the process that listens on ${host}`, async () => {
      const server = createServer();
      const listening = await new Promise<boolean>((done) => {
        server.once('error', () => done(false));
        server.listen(0, host, () => done(true));
      });
      // On a machine without IPv6 there is nothing to test.
      if (!listening) return expect(host).toBe('::1');
      const { port } = server.address() as { port: number };
      expect(await findPortHolder({ host, port })).toEqual({
        name: expect.stringMatching(/^\S/),
        pid: process.pid,
        isCertfleet: false,
        isStopped: false,
      });
      await new Promise((done) => server.close(done));
      expect(await findPortHolder({ host, port })).toBeUndefined();
    });
  }

  it('reads only listening sockets', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0',
      '   1: 0100007F:0050 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 20 4 30 10 -1',
      '   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0',
    ].join('\n');
    const at = (host: string, port: number) => listenersOf(table, { host, port });
    expect(at('::', 80)).toEqual(['111']);
    expect(at('127.0.0.1', 80)).toEqual(['111']);
    expect(at('::', 443)).toEqual([]);
    // What listens at one address of this machine keeps nobody from another.
    for (const host of ['127.0.0.1', '0.0.0.0', '::']) expect(at(host, 8080)).toEqual(['333']);
    for (const host of ['127.0.0.2', '::1']) expect(at(host, 8080)).toEqual([]);
  });
});
