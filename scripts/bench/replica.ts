import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { childrenOf, startHost } from '../../test/support/machines.ts';
import { machines } from '../../test/support/rights.ts';
import { atEnd, until } from '../../test/support/service.ts';
import { saysReady } from './daemon.ts';
import { cli, configure, node, type Rig } from './rig.ts';

/** A machine with a configuration of `certfleet run`. */
export interface Host {
  readonly inside: readonly string[];
  readonly folder: string;
}

/** One `certfleet run`. */
export interface Replica {
  readonly pid: number;
  /** Resolves when it is ready. */
  readonly ready: Promise<void>;
  /** Ends it without a word. */
  kill(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
}

/**
 * Hosts whose processes do not see each other, as far as this machine allows it, so that one must wait for the signs of
 * life of another. All have the same store, and this network.
 */
export const startHosts = (
  rig: Rig,
  names: readonly string[],
  { store, lines = [] }: { readonly store: string; readonly lines?: readonly string[] },
): Promise<readonly Host[]> =>
  Promise.all(
    names.map(async (name) => ({
      inside: machines.works() ? (await startHost(name)).inside : [],
      folder: await configure(rig, name, [], { store, lines: [`node: ${name}`, ...lines] }),
    })),
  );

/** Starts `certfleet run` on a host. */
export async function startReplica({ inside, folder }: Host, args: readonly string[] = []): Promise<Replica> {
  const command = [node, cli, 'run', ...args, '--json', '--config', join(folder, 'certfleet.yaml')];
  const [program = '', ...rest] = [...inside, ...command];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  const outer = child.pid ?? 0;
  const ready = saysReady(child);
  // It may be killed before.
  ready.catch(() => {});
  // nsenter waits for what it has started.
  const inner = async () => (inside.length === 0 ? outer : Number((await childrenOf(outer))[0] ?? 0));
  const pid = await until(async () => (await inner()) || undefined, { what: 'it has begun' });
  const end = async (signal: NodeJS.Signals) => {
    forget();
    if (child.exitCode === null && child.signalCode === null) process.kill(pid, signal);
    await ended;
  };
  const forget = atEnd(() => end('SIGKILL'));
  return { pid, ready, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}

/** Starts it on each host, and waits until all are ready. */
export async function startReplicas(hosts: readonly Host[], args: readonly string[] = []): Promise<Replica[]> {
  const running = await Promise.all(hosts.map((host) => startReplica(host, args)));
  await Promise.all(running.map(({ ready }) => ready));
  return running;
}
