import { createEngineProcess, type Engine, type EnginePorts, inPass } from '../../src/engine/engine.ts';
import { newPass } from '../../src/engine/memory/pass.ts';
import * as all from '../../src/engine/pass/reconcile.ts';

/** A process with a pass that never ends, for tests that call parts of one. */
export function engineOf(ports: EnginePorts): Engine {
  const process = createEngineProcess(ports);
  return { ...process, pass: newPass('test', process.clock, process.memory) };
}

/** The product's `reconcile`, in a pass of its own over the memory of this process. */
export const reconcile = (process: Engine, ...rest: Rest<typeof all.reconcile>) =>
  inPass(process, (engine) => all.reconcile(engine, ...rest));

/** The product's `reconcileAll`, in a pass of its own over the memory of this process. */
export const reconcileAll = (process: Engine, ...rest: Rest<typeof all.reconcileAll>) =>
  inPass(process, (engine) => all.reconcileAll(engine, ...rest));

type Rest<F> = F extends (engine: Engine, ...rest: infer R) => unknown ? R : never;
