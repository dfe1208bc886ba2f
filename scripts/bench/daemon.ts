import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { measure, printNote, printRow } from './measure.ts';
import { cloneOurs } from './renew.ts';
import { certfleet, cli, configure, node, type Rig } from './rig.ts';

const idleSeconds = 60;

/** What a process that keeps running takes while nothing is due. */
interface Idle {
  readonly readySeconds: number;
  readonly peakMib: number;
  /** In percent of a core. */
  readonly idleCpu: number;
}

/** `certfleet run` with more and more lineages of which none is due, and no window is to be asked for. */
export async function daemon(rig: Rig): Promise<void> {
  const counts = [rig.count(1_000), rig.count(10_000), rig.count(100_000)] as const;
  const model = await configure(rig, 'run-model', [
    { name: 'model', identifiers: ['model.example.test'], solver: 'webroot' },
  ]);
  await measure(certfleet(model, 'issue', 'model'));
  const idle: Idle[] = [];
  for (const count of counts) {
    const folder = await cloneOurs(rig, model, `run-${count}`, count, { hasFiles: false });
    const one = await watchIdle(folder);
    idle.push(one);
    printNote(
      `${count} lineages: ready in ${one.readySeconds.toFixed(1)} s, peak ${one.peakMib.toFixed(0)} MiB, idle ${one.idleCpu.toFixed(2)} % of a core`,
    );
  }
  const [few, , most] = idle as [Idle, Idle, Idle];
  const rows = [
    ['ready, in seconds', `${most.readySeconds.toFixed(1)} s`, 'bound 10 s', most.readySeconds / 10, 1],
    ['largest memory', `${most.peakMib.toFixed(0)} MiB`, 'bound 300 MiB', most.peakMib / 300, 1],
    // Less than a hundredth of a second in a minute cannot be measured.
    [
      `idle CPU against ${counts[0]} lineages`,
      `${most.idleCpu.toFixed(2)} %`,
      `${few.idleCpu.toFixed(2)} %`,
      Math.max(most.idleCpu, 0.02) / Math.max(few.idleCpu, 0.02),
      4,
    ],
  ] as const;
  for (const [what, ours, peer, ratio, atMost] of rows)
    printRow({ what: `run, nothing due, ${counts[2]} lineages: ${what}`, ours, peer, ratio, bound: { atMost } });
}

async function watchIdle(folder: string): Promise<Idle> {
  const started = performance.now();
  const child = await startDaemon(folder);
  try {
    const readySeconds = (performance.now() - started) / 1_000;
    await settled(child, 0.1);
    const cpu = cpuOf(child);
    await sleep(idleSeconds * 1_000);
    return {
      readySeconds,
      peakMib: memoryOf(child, 'VmHWM'),
      idleCpu: ((cpuOf(child) - cpu) / idleSeconds) * 100,
    };
  } finally {
    await stopDaemon(child);
  }
}

type Measured = Pick<ChildProcess, 'pid'>;

/** Starts `certfleet run`, and waits until it is ready. */
export async function startDaemon(folder: string): Promise<ChildProcess> {
  const child = spawn(node, [cli, 'run', '--json', '--config', `${folder}/certfleet.yaml`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await saysReady(child);
  return child;
}

/** Waits until the first whole pass has ended: until it takes no more than these seconds of CPU in three. */
export async function settled(child: Measured, cpu: number): Promise<void> {
  for (let before = -1, now = cpuOf(child); now - before > cpu; before = now, now = cpuOf(child)) await sleep(3_000);
}

export async function stopDaemon(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  if (child.exitCode === null && child.kill('SIGTERM')) await ended;
}

/** Resident memory in MiB. */
export const memoryOf = (child: Measured, what: 'VmHWM' | 'VmRSS'): number =>
  Number(new RegExp(`${what}:\\s+(\\d+)`).exec(procFile(child, 'status'))![1]) / 1_024;

/** Resolves once a `certfleet run --json` has said that it is ready. */
export function saysReady(child: ChildProcess): Promise<void> {
  let output = '';
  return new Promise((resolve, reject) => {
    const see = (chunk: Buffer) => {
      output = `${output}${chunk}`.slice(-100_000);
      if (output.includes('"run.ready"')) resolve();
    };
    child.stdout?.on('data', see);
    child.stderr?.on('data', see);
    child.once('exit', () => reject(new Error(`certfleet run ended: ${output}`)));
  });
}

const procFile = ({ pid }: Measured, name: string): string => readFileSync(`/proc/${pid}/${name}`, 'utf8');

/** Seconds of processor time. */
export function cpuOf(child: Measured): number {
  const fields = procFile(child, 'stat').split(') ').at(-1)!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
