import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { fail, reasonOf } from '../core/errors.ts';
import { orAborted } from '../core/on-abort.ts';
import type { Clock, Deadline } from '../ports/clock.ts';
import type { Processes, ProcessIdentity, ProcessRequest, ProcessResult } from '../ports/processes.ts';
import { groupRuns, isRunning, readHome, readStat } from './process-table.ts';

/** Longest a program may run unless told otherwise: a hook that waits for a slow DNS takes minutes. */
const defaultTimeoutMs = 5 * 60_000;
/** From SIGTERM to SIGKILL (the port says so). */
const graceMs = 5_000;
/** How long a group may take to vanish after SIGKILL; only a process stuck in the kernel (a dead NFS) takes longer. */
const killedMs = 5_000;
/** Pause between two looks at another process: there is no event for the end of a process that is no child. */
const pollMs = 20;
/** What is kept of each output stream: its end says why it failed. */
const outputBytes = 64 * 1024;
/** After its exit, for output that is still in the pipe. A daemon that it started may hold the pipe open for ever. */
const drainMs = 500;

const neverAborted = new AbortController().signal;

/** Collects the end of a stream. */
function tailOf(stream: NodeJS.ReadableStream | null): () => string {
  let chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    // Joined now and then, not at each chunk: a program that prints by the byte stays linear.
    if (size > 2 * outputBytes) {
      const tail = Buffer.concat(chunks).subarray(-outputBytes);
      chunks = [tail];
      size = tail.length;
    }
  });
  return () => {
    const tail = Buffer.concat(chunks).subarray(-outputBytes);
    if (tail.length < outputBytes) return tail.toString('utf8');
    // Cut at a character: UTF-8's continuation bytes are 10xxxxxx.
    let start = 0;
    while (start < 4 && ((tail[start] ?? 0) & 0xc0) === 0x80) start += 1;
    return tail.subarray(start).toString('utf8');
  };
}

/** Sends a signal to a process group; false when there is none any more. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  // 0 and 1 would be this program's own group and everything there is.
  if (!Number.isSafeInteger(group) || group <= 1) return false;
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}

/**
 * Waits for a line on descriptor 3 and becomes the program, with the same pid and start time. When the writer dies
 * first, the descriptor ends without a line, and so does this, having done nothing.
 */
const gate = 'IFS= read -r go <&3 || exit 0; exec 3<&-; exec "$@"';
const gated = (command: readonly string[]): [string, ...string[]] => [
  '/bin/sh',
  '-c',
  gate,
  'certfleet-gate',
  ...command,
];
/** What the shell says, and answers, where it cannot become the program: not found, not executable (POSIX). */
const gateWord = /^certfleet-gate: (line )?(\d+: )?(exec: )?/m;
const cannotBegin: readonly unknown[] = [126, 127];

/** The real processes of this machine. */
export function createProcesses(clock: Clock): Processes {
  const home = readHome();
  const identify = (pid: number): ProcessIdentity => ({ ...home, pid, startTime: readStat(pid)?.startTime ?? '' });
  const self = identify(process.pid);

  function look(who: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
    if (who.bootId === '' || who.pidNamespace === '' || who.startTime === '') return 'unknown';
    if (who.bootId !== home.bootId || who.pidNamespace !== home.pidNamespace) return 'unknown';
    const stat = readStat(who.pid);
    return isRunning(stat) && stat.startTime === who.startTime ? 'alive' : 'dead';
  }

  /** Waits until `gone()`, at most `ms`; whether it is. */
  async function waitFor(gone: () => boolean, ms: number, signal: AbortSignal): Promise<boolean> {
    const end = clock.monotonicMs() + ms;
    while (!gone()) {
      if (clock.monotonicMs() >= end) return false;
      await clock.sleep(pollMs, signal);
    }
    return true;
  }

  /** SIGTERM, then SIGKILL, to a whole group; `gone` says when that is enough. */
  async function endGroup(group: number, gone: () => boolean, signal: AbortSignal): Promise<void> {
    if (gone()) return;
    signalGroup(group, 'SIGTERM');
    // A stopped process sees its SIGTERM only when it goes on.
    signalGroup(group, 'SIGCONT');
    if (await waitFor(gone, graceMs, signal)) return;
    signalGroup(group, 'SIGKILL');
    await waitFor(gone, killedMs, signal);
  }

  async function run(request: ProcessRequest): Promise<ProcessResult> {
    request.signal.throwIfAborted();
    const { onStart } = request;
    const [program, ...args] = onStart ? gated(request.command) : request.command;
    // The program alone: arguments may hold what a user should not have written there.
    const shown = request.command[0];
    let child: ChildProcess;
    try {
      // A session and group of its own: it can be ended with everything it started, and a Ctrl-C meant for certfleet
      // does not reach it.
      child = spawn(program, args, {
        env: { ...request.env },
        ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
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
    // Before anything is awaited: a child that has ended is kept as a zombie until node's event loop has its turn.
    const who = identify(pid);
    let status: number | string | undefined;
    const exited = new Promise<void>((done) => {
      child.once('exit', (code, name) => {
        status = code ?? name ?? 'unknown';
        done();
      });
    });
    const closed = new Promise<void>((done) => child.once('close', () => done()));
    // Kill may fail with an event; a program that reads no input breaks the pipe. Neither is an error here.
    child.on('error', () => {});
    child.stdin?.on('error', () => {});
    const gateway = child.stdio[3] as Writable | undefined;
    gateway?.on('error', () => {});

    const gone = () => status !== undefined && !(signalGroup(pid, 0) && groupRuns(pid) !== false);
    const end = () => endGroup(pid, gone, neverAborted);
    // From the first moment: at the exit of a child, node throws away what nobody has asked for.
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
      // Lets go of the pipes that a daemon may hold open; they would keep this process alive.
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
      // Of a leader that is dead already the group is not looked for: the number alone does not prove whose it is. Of one
      // that lives it does, until the last member is gone.
      if (look(who) !== 'alive') return;
      await endGroup(who.pid, () => look(who) !== 'alive' && groupRuns(who.pid) !== true, signal);
    },
  };
}
