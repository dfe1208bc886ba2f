import { isFailure } from '../../core/errors/errors.ts';
import { dataOf } from '../../core/errors/stored-error.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { Entry } from '../../ports/store.ts';
import { type EngineProcess, report } from '../engine.ts';
import type { AlarmSigns } from './alarm-watch.ts';
import type { SeenLineages } from './seen.ts';

/** After so many failures at the beginning, the store is taken for gone. */
const mostFailures = 8;

/** Looks at documents. One that cannot be read is reported once, and left alone until it changes. */
export interface Looker {
  see(name: string, entry: Entry | undefined, signal: AbortSignal): Promise<Lineage | undefined>;
  /** Reads documents. Returns those that exist. Fails only if the store can read none of them. */
  look(names: Iterable<string>, signal: AbortSignal): Promise<ReadonlyMap<string, Lineage>>;
}

export function createLooker(
  engine: EngineProcess,
  seen: SeenLineages,
  { done, alarms }: { readonly done: (outcome: Outcome) => void; readonly alarms: AlarmSigns },
): Looker {
  function cannotRead(name: string, error: unknown): undefined {
    if (!isFailure(error, 'store/corrupt')) throw error;
    if (!seen.cannotRead(name)) return;
    const { message } = error;
    report(engine, { level: 'error', event: 'certificate.failed', certificate: name, message, data: dataOf(error) });
    done({ certificate: name, result: 'failed', message, error });
  }

  async function see(name: string, entry: Entry | undefined, signal: AbortSignal): Promise<Lineage | undefined> {
    try {
      let lineage = seen.see(name, entry);
      const { lease } = lineage?.work ?? {};
      // How long it lasts depends on the session of its holder.
      if (entry && lease) {
        await engine.sessions.others.look(lease, entry, signal);
        lineage = seen.see(name, entry);
      }
      alarms.see(lineage?.name ?? name, lineage);
      return lineage;
    } catch (error) {
      return cannotRead(name, error);
    }
  }

  return {
    see,
    async look(names, signal) {
      const found = new Map<string, Lineage>();
      let failures: readonly unknown[] = [];
      let hasRead = false;
      for (const name of names) {
        try {
          const entry = await engine.store.get({ kind: 'lineage', name }, signal);
          hasRead = true;
          const lineage = await see(name, entry, signal);
          if (lineage) found.set(name, lineage);
        } catch (error) {
          signal.throwIfAborted();
          if (isFailure(error, 'store/corrupt')) cannotRead(name, error);
          else failures = [...failures, error];
        }
        // A store that is gone may take long to say so each time.
        if (!hasRead && failures.length === mostFailures) break;
      }
      if (!hasRead && failures.length > 0) throw failures[0];
      return found;
    },
  };
}
