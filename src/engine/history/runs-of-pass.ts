import { orAborted } from '../../core/async/on-abort.ts';
import { createTurns } from '../../core/async/turns.ts';
import {
  acted,
  begun,
  delivered,
  type End,
  entryOf,
  heard,
  type Moment,
  newRecording,
  type Recording,
} from '../../core/history/recording.ts';
import type { Act, Trigger } from '../../core/history/run-entry.ts';
import type { Deployment, Lineage, Step } from '../../core/lineage/lineage.ts';
import type { Event } from '../../core/plan/event.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Store } from '../../ports/store.ts';
import { addRun } from './stored-history.ts';

/** What a pass does to each certificate, for its history. None of these methods throws or waits, but `settle`. */
export interface RunsOfPass {
  /** Takes note of an event. */
  hear(event: Event): void;
  /** Takes note that the lease of a certificate was taken. */
  began(
    name: string,
    facts: { readonly found: Lineage | undefined; readonly step: Step; readonly forced: boolean },
  ): void;
  /** Takes note of the targets of a run: which of them have the version. */
  delivered(name: string, deployments: Readonly<Record<string, Deployment>>): void;
  /** Takes note of an act that no event tells. */
  acted(name: string, act: Act, message: string): void;
  /** Takes note that the work on a certificate has ended. If it did something, that is stored while others go on. */
  ended(name: string, end: End): void;
  /** Takes note that a certificate was deleted, so that nothing is stored until its lease is taken again. */
  forgot(name: string): void;
  /** Ends the work on all certificates, and waits a little until everything is stored. */
  settle(): Promise<void>;
}

interface Facts {
  /** Of the pass. */
  readonly id: string;
  readonly trigger: Trigger;
  readonly node: string;
}

interface Ports {
  readonly store: Store;
  readonly clock: Clock;
  readonly limits: { readonly shutdownBudgetMs: number };
}

/** How many histories are written at once. */
const atOnce = 16;
/** More runs wait for a store that hangs than are worth their memory. */
const mostWaiting = 4_096;

export function createRunsOfPass(ports: Ports, { id, trigger, node }: Facts): RunsOfPass {
  const { clock, limits } = ports;
  const recordings = new Map<string, Recording>();
  const forgotten = new Set<string>();
  const writes = new Set<Promise<void>>();
  const turns = createTurns(atOnce);
  const over = new AbortController();
  let ended = 0;

  const now = (): Moment => ({ at: clock.now().toISOString(), ms: clock.monotonicMs() });
  const keep = (name: string, recording: Recording | undefined): void => {
    if (recording && !forgotten.has(name)) recordings.set(name, recording);
  };

  async function write(name: string, entry: NonNullable<ReturnType<typeof entryOf>>): Promise<void> {
    try {
      await turns.run(() => addRun(ports, name, entry, over.signal), over.signal);
    } catch {
      // What cannot be stored is not worth a failure: the lineage has everything that counts.
    }
  }

  function end(name: string, how: End): void {
    const recording = recordings.get(name);
    recordings.delete(name);
    if (!recording) return;
    const facts = { trigger, node, process: trigger === 'run' ? 'daemon' : 'command' } as const;
    ended += 1;
    const entry = entryOf(recording, { id: `${id}-${ended}`, ...facts }, how, now());
    if (!entry || writes.size >= mostWaiting) return;
    const writing = write(name, entry).finally(() => writes.delete(writing));
    writes.add(writing);
  }

  return {
    hear(event) {
      const { certificate: name } = event;
      if (name !== undefined) keep(name, heard(recordings.get(name), event, now()));
    },
    began(name, facts) {
      forgotten.delete(name);
      keep(name, begun(recordings.get(name) ?? newRecording(now()), facts, now()));
    },
    delivered(name, deployments) {
      const recording = recordings.get(name);
      keep(name, recording && delivered(recording, deployments));
    },
    acted: (name, act, message) => keep(name, acted(recordings.get(name) ?? newRecording(now()), act, message)),
    ended: end,
    forgot(name) {
      forgotten.add(name);
      recordings.delete(name);
    },
    async settle() {
      for (const name of [...recordings.keys()]) end(name, undefined);
      if (writes.size === 0) return;
      const deadline = clock.deadline(limits.shutdownBudgetMs / 4);
      try {
        await orAborted(Promise.all(writes), deadline.signal);
      } catch (reason) {
        over.abort(reason);
      } finally {
        deadline.done();
      }
    },
  };
}

/** Takes note of nothing: for a pass that only looks. */
export const noRuns: RunsOfPass = {
  hear() {},
  began() {},
  delivered() {},
  acted() {},
  ended() {},
  forgot() {},
  async settle() {},
};
