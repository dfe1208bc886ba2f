import { isFailure } from '../../../src/core/errors/errors.ts';
import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import type { EngineProcess } from '../../../src/engine/engine.ts';
import { type Command, person } from './asks.ts';
import type { Chance } from './chance.ts';
import { carryOut, type OfOther } from './commands.ts';
import type { Process } from './process.ts';
import { minuteMs } from './scenario.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

/** What a person needs from the world. */
export interface Desk {
  readonly timeline: Timeline;
  readonly trace: Trace;
  readonly chance: Chance;
  readonly wanted: ReadonlyMap<string, StoredSpec>;
  /** Starts a process on the machine of a replica; `killed` is called if a fault ends it. */
  readonly begin: (
    who: string,
    machine: string,
    killed: () => void,
  ) => { readonly process: Process; readonly engine: EngineProcess };
  /** What another client has got of a certificate. */
  readonly signForOther: (spec: StoredSpec, agoMs: number) => OfOther;
  readonly violate: (what: string) => void;
  readonly done: (command: Command, answer: string) => void;
}

/** Runs a command in a process of its own, and again after a while if it did not succeed. */
export function request(command: Command, desk: Desk): void {
  const { timeline, trace, chance, wanted } = desk;
  const { asked } = command;
  const spec = asked.ask === 'import' ? wanted.get(asked.certificate) : undefined;
  const other = asked.ask === 'import' && spec ? desk.signForOther(spec, asked.agoMs) : undefined;
  let tries = command.tries;
  const again = () => {
    tries -= 1;
    if (tries > 0) timeline.later(chance.between(5_000, 20 * minuteMs), attempt);
  };
  function attempt(): void {
    const { process, engine } = desk.begin(person, command.node, again);
    trace(process, 'command', JSON.stringify(command.asked));
    const stop = new AbortController();
    if (command.patienceMs !== undefined) process.later(command.patienceMs, () => stop.abort(new Error('SIGINT')));
    // A process that ends in order leaves no session.
    const end = () => engine.sessions.own.end(new AbortController().signal).catch(() => undefined);
    const carriedOut = carryOut(engine, command, { wanted, other }, stop.signal).finally(end);
    carriedOut.then(
      (answer) => {
        if (process.isDead) return;
        trace(process, 'answer', answer);
        process.kill();
        desk.done(command, answer);
      },
      (error: unknown) => {
        if (process.isDead) return;
        trace(process, 'answer', String(error));
        process.kill();
        if (!stop.signal.aborted && (!isFailure(error) || error.code === 'bug/unexpected'))
          desk.violate(`${command.asked.ask}: ${String((error as Error).stack)}`);
        again();
      },
    );
  }
  attempt();
}
