import { execFile } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { present } from '../../src/core/text/present.ts';

const run = promisify(execFile);

/** What one run of a program took. */
export interface Cost {
  /** Seconds from start to end. */
  readonly wall: number;
  /** Seconds of processor time, children included. */
  readonly cpu: number;
  /** Largest resident memory of one of its processes, MiB. */
  readonly peakMib: number;
}

// A machine's own file of extra roots costs every start of node 45 ms (140 certificates), of those programs that are
// given none for the CA of the bench: it is the machine's, and none of the rivals needs it.
function ownEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _machines, ...environment } = process.env;
  return environment;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program to its end and measures it (GNU time, which adds about 1 ms). A bad exit code throws with its output. */
export async function measure(command: readonly string[], options: RunOptions = {}): Promise<Cost> {
  const folder = await mkdtemp(join(tmpdir(), 'certfleet-time-'));
  const file = join(folder, 'time');
  try {
    const start = performance.now();
    await run('/usr/bin/time', ['--output', file, '--format', '%U %S %M', ...command], {
      ...present({ cwd: options.cwd }),
      env: { ...ownEnvironment(), ...options.env },
      maxBuffer: 64 * 1024 * 1024,
    }).catch((error: { stdout?: string; stderr?: string }) => {
      throw new Error(`${command.join(' ')} failed:\n${error.stdout ?? ''}${error.stderr ?? ''}`);
    });
    const wall = (performance.now() - start) / 1000;
    const [user = 0, system = 0, peakKib = 0] = (await readFile(file, 'utf8')).trim().split(' ').map(Number);
    return { wall, cpu: user + system, peakMib: peakKib / 1024 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs the rivals in turn, so that a busy moment of the machine meets all of them. */
export async function inTurn<Name extends string>(
  times: number,
  rivals: Readonly<Record<Name, (round: number) => Promise<Cost>>>,
): Promise<Record<Name, readonly Cost[]>> {
  const costs = Object.fromEntries(Object.keys(rivals).map((name) => [name, []])) as unknown as Record<Name, Cost[]>;
  for (let round = 0; round < times; round++) {
    for (const name of Object.keys(rivals) as Name[]) costs[name].push(await rivals[name](round));
  }
  return costs;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export const medianOf = (costs: readonly Cost[], what: keyof Cost): number => median(costs.map((cost) => cost[what]));

/** Milliseconds of one write of 4 KiB with fdatasync in this folder: what every durable put costs at least. */
export function syncLatencyMs(folder: string): number {
  const file = join(folder, 'sync-probe');
  const handle = openSync(file, 'w', 0o600);
  const block = Buffer.alloc(4096, 1);
  try {
    const times = Array.from({ length: 50 }, () => {
      const start = performance.now();
      writeSync(handle, block);
      fdatasyncSync(handle);
      return performance.now() - start;
    });
    return median(times);
  } finally {
    closeSync(handle);
    rmSync(file);
  }
}

// ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  readonly ratio: number;
  /** What we want, and on which side of it the ratio must be. */
  readonly bound: { readonly atMost: number } | { readonly atLeast: number };
}

const missed: string[] = [];

export function printRow({ what, ours, peer, ratio, bound }: Row): void {
  const [words, kept] =
    'atMost' in bound
      ? [`at most ${bound.atMost}`, ratio <= bound.atMost]
      : [`at least ${bound.atLeast}`, ratio >= bound.atLeast];
  console.log(`${ratio.toFixed(2).padStart(6)}  ${what} (${words}: ${kept ? 'kept' : 'MISSED'})`);
  console.log(`        certfleet ${ours}; ${peer}`);
  if (!kept) missed.push(`${ratio.toFixed(2)}, ${words}: ${what}`);
}

/** The end of the bench. */
export function printMissed(): void {
  console.log(missed.length === 0 ? '\nEvery bound is kept.' : `\nMissed: ${['', ...missed].join('\n  ')}`);
}

export const printNote = (text: string): void => console.log(`        ${text}`);
export const seconds = (value: number): string => `${value.toFixed(value < 10 ? 3 : 1)} s`;
export const range = (values: readonly number[]): string =>
  `${median(values).toFixed(3)} s (${Math.min(...values).toFixed(3)}-${Math.max(...values).toFixed(3)})`;
