import type { Trigger } from '../../src/core/history/run-entry.ts';
import {
  type Connections,
  createEngineProcess,
  type Engine,
  type EnginePorts,
  inPass,
} from '../../src/engine/engine.ts';
import { newPass } from '../../src/engine/memory/pass.ts';
import * as all from '../../src/engine/pass/reconcile.ts';
import type { Job } from '../../src/engine/run/job.ts';

/** A process with a pass that never ends, for tests that call parts of one. */
export function engineOf({ connect, ...ports }: Omit<EnginePorts, 'declared'>): Engine {
  const process = createEngineProcess({ ...ports, declared: () => [], connections: poolOf(connect) });
  return { ...process, connect, pass: newPass('test', process.clock, process.memory) };
}

const poolOf = (connect: Connections) => ({ owner: '', open: () => ({ ...connect, end() {} }) });

/** A new pass of the process, with the connections of this engine, which a test may have changed. */
export const inNewPass = <T>(engine: Engine, run: (engine: Engine) => Promise<T>, trigger?: Trigger): Promise<T> =>
  inPass({ ...engine, connections: poolOf(engine.connect) }, run, trigger);

/** The product's `reconcile`, in a pass of its own over the memory of this process. */
export const reconcile = (process: Engine, jobs: readonly Job[], signal: AbortSignal) =>
  inNewPass(declaring(process, jobs), (engine) => all.reconcile(engine, jobs, signal));

/** The product's `reconcileAll`, in a pass of its own over the memory of this process. */
export const reconcileAll = (process: Engine, ...rest: Rest<typeof all.reconcileAll>) =>
  inNewPass(declaring(process, rest[0].jobs), (engine) => all.reconcileAll(engine, ...rest));

/** Unless the test says what is declared, it is what the pass is about. */
const declaring = (process: Engine, jobs: readonly Job[]): Engine =>
  process.declared().length > 0 ? process : { ...process, declared: () => jobs.map(({ wanted }) => wanted) };

type Rest<F> = F extends (engine: Engine, ...rest: infer R) => unknown ? R : never;
