import { type ChildProcess, spawn } from 'node:child_process';
import { hostname } from 'node:os';
import type { Writable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { neverAborted } from '../../core/async/never-aborted.ts';
import { orAborted } from '../../core/async/on-abort.ts';
import { fail, reasonOf } from '../../core/errors/errors.ts';
import { present } from '../../core/text/present.ts';
import type { Clock, Deadline } from '../../ports/clock.ts';
import type { Processes, ProcessIdentity, ProcessRequest, ProcessResult } from '../../ports/processes.ts';
import { groupRuns, isRunning, readHome, readStat } from './process-table.ts';

/** How long a program may run by default. A hook that waits for slow DNS takes minutes. */
const defaultTimeoutMs = 5 * 60_000;
/** The time between SIGTERM and SIGKILL, as the port promises. */
const graceMs = 5_000;
/** How long a group may take to end after SIGKILL. Only a process stuck in the kernel (a dead NFS) takes longer. */
const killedMs = 5_000;
/** The interval at which another process is checked. The end of a process that is not a child raises no event. */
const pollMs = 20;
/** How much of each output stream to keep. The end shows why a program failed. */
const outputBytes = 64 * 1024;
/**
 * How long to wait after the exit for output in the pipe, which a daemon that the program started may keep open
 * forever.
 */
const drainMs = 500;

/**
 * How much V8 lets the heap grow until it collects, in percent. It would let that of 100,000 certificates double while
 * they are read, and keep the memory for months.
 */
const heapGrowth = 20;

/** Keeps the end of a stream. */
function tailOf(stream: NodeJS.ReadableStream | null): () => string {
  let chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    // Joins chunks only now and then, so that a program that prints single bytes takes linear time.
    if (size > 2 * outputBytes) {
      const tail = Buffer.concat(chunks).subarray(-outputBytes);
      chunks = [tail];
      size = tail.length;
    }
  });
  return () => {
    const tail = Buffer.concat(chunks).subarray(-outputBytes);
    if (tail.length < outputBytes) return tail.toString('utf8');
    // Cuts between characters: UTF-8's continuation bytes are 10xxxxxx.
    let start = 0;
    while (start < 4 && ((tail[start] ?? 0) & 0xc0) === 0x80) start += 1;
    return tail.subarray(start).toString('utf8');
  };
}

/** Sends a signal to a process group; returns false if it no longer exists. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  // 0 would be this program's own group, and 1 every process.
  if (!Number.isSafeInteger(group) || group <= 1) return false;
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}

/**
 * Waits for a line on descriptor 3, and then becomes the program, with the same PID and start time. If the writer dies
 * first, the descriptor ends without a line and the shell exits.
 */
const gate = 'IFS= read -r go <&3 || exit 0; exec 3<&-; exec "$@"';
const gated = (command: readonly string[]): [string, ...string[]] => [
  '/bin/sh',
  '-c',
  gate,
  'certfleet-gate',
  ...command,
];
/** The shell's exit codes if it cannot become the program: not found, not executable (POSIX). */
const gateWord = /^certfleet-gate: (line )?(\d+: )?(exec: )?/m;
const cannotBegin: readonly unknown[] = [126, 127];

/** Creates access to the real processes of this machine. */
export function createProcesses(clock: Clock): Processes {
  const home = readHome();
  const identify = (pid: number): ProcessIdentity => ({ ...home, pid, startTime: readStat(pid)?.startTime ?? '' });
  const self: ProcessIdentity = { ...identify(process.pid), host: hostname() };

  function look(who: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
    if (who.bootId === '' || who.pidNamespace === '' || who.startTime === '') return 'unknown';
    if (who.bootId !== home.bootId || who.pidNamespace !== home.pidNamespace) return 'unknown';
    // Asked often, and known.
    if (who.pid === self.pid && who.startTime === self.startTime) return 'alive';
    const stat = readStat(who.pid);
    return isRunning(stat) && stat.startTime === who.startTime ? 'alive' : 'dead';
  }

  /** Waits at most `ms` for `gone()`, and returns its last result. */
  async function waitFor(gone: () => boolean, ms: number, signal: AbortSignal): Promise<boolean> {
    const end = clock.monotonicMs() + ms;
    while (!gone()) {
      if (clock.monotonicMs() >= end) return false;
      await clock.sleep(pollMs, signal);
    }
    return true;
  }

  /** Sends SIGTERM, then SIGKILL, to a whole group until `gone()`. */
  async function endGroup(group: number, gone: () => boolean, signal: AbortSignal): Promise<void> {
    if (gone()) return;
    signalGroup(group, 'SIGTERM');
    // A stopped process receives SIGTERM only once it continues.
    signalGroup(group, 'SIGCONT');
    if (await waitFor(gone, graceMs, signal)) return;
    signalGroup(group, 'SIGKILL');
    await waitFor(gone, killedMs, signal);
  }

  async function run(request: ProcessRequest): Promise<ProcessResult> {
    request.signal.throwIfAborted();
    const { onStart } = request;
    const [program, ...args] = onStart ? gated(request.command) : request.command;
    // Shows only the program's name, because people put secrets into arguments.
    const shown = request.command[0];
    let child: ChildProcess;
    try {
      // The program has its own session and group, so that it can be ended with everything it started, and a Ctrl-C
      // meant for certfleet does not reach it.
      child = spawn(program, args, {
        env: { ...request.env },
        ...present({ cwd: request.cwd }),
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe', ...(onStart ? (['pipe'] as const) : [])],
      });
    } catch (cause) {
      throw fail('process/failed', { command: shown, reason: reasonOf(cause) }, { cause });
    }
    const { pid } = child;
    if (pid === undefined) {
      const cause = await new Promise<Error>((done) => child.once('error', done));
      throw fail('process/failed', { command: shown, reason: reasonOf(cause) }, { cause });
    }
    // Before any await, because a child that has ended stays a zombie only until Node's event loop runs.
    const who = identify(pid);
    let status: number | string | undefined;
    const exited = new Promise<void>((done) => {
      child.once('exit', (code, name) => {
        status = code ?? name ?? 'unknown';
        done();
      });
    });
    const closed = new Promise<void>((done) => child.once('close', () => done()));
    // Kill may fail with an event, and a program that reads no input breaks the pipe. Neither is an error here.
    child.on('error', () => {});
    child.stdin?.on('error', () => {});
    const gateway = child.stdio[3] as Writable | undefined;
    gateway?.on('error', () => {});

    const gone = () => status !== undefined && !(signalGroup(pid, 0) && groupRuns(pid) !== false);
    const end = () => endGroup(pid, gone, neverAborted);
    // Without delay, because Node discards output that has no reader when a child exits.
    const stdout = tailOf(child.stdout);
    const stderr = tailOf(child.stderr);
    let deadline: Deadline | undefined;
    try {
      if (onStart) await orAborted(onStart(who), request.signal);
      deadline = clock.deadline(request.timeoutMs ?? defaultTimeoutMs, request.signal);
      gateway?.end('go\n');
      child.stdin?.end(request.input ?? '');
      await orAborted(exited, deadline.signal);
      const drain = clock.deadline(drainMs);
      try {
        await Promise.race([closed, new Promise<void>((done) => drain.signal.addEventListener('abort', () => done()))]);
      } finally {
        drain.done();
      }
      if (onStart && cannotBegin.includes(status) && gateWord.test(stderr())) {
        const cause = new Error(stderr().replace(gateWord, '').trim());
        throw fail('process/failed', { command: shown, reason: cause.message }, { cause });
      }
      return { status: status ?? 'unknown', stdout: stdout(), stderr: stderr() };
    } catch (error) {
      await end();
      if (deadline?.expired) {
        const seconds = Math.round((request.timeoutMs ?? defaultTimeoutMs) / 1000);
        throw fail('process/timeout', { command: shown, seconds }, { cause: error });
      }
      throw error;
    } finally {
      deadline?.done();
      // A daemon may hold these pipes open, which would keep this process alive.
      child.stdin?.destroy();
      child.stdout?.destroy();
      child.stderr?.destroy();
      gateway?.destroy();
      child.unref();
    }
  }

  return {
    run,
    self: () => self,
    look,
    async end(who, signal) {
      signal.throwIfAborted();
      // If the leader is already dead, its PID does not prove whose group this is. If the leader is alive, the group is
      // its own until the last member is gone.
      if (look(who) !== 'alive') return;
      await endGroup(who.pid, () => look(who) !== 'alive' && groupRuns(who.pid) !== true, signal);
    },
    keepSmall() {
      setFlagsFromString(`--heap-growing-percent=${heapGrowth}`);
      // The space for new objects would grow to 48 MiB. They die as soon in less.
      setFlagsFromString('--semi-space-growth-factor=1');
    },
  };
}
