import { isFailure } from '../../core/errors/errors.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { Entry } from '../../ports/store.ts';
import { type EngineProcess, report } from '../engine.ts';
import type { AlarmSigns } from './alarm-watch.ts';
import type { SeenLineages } from './seen.ts';

/** Looks at documents. One that cannot be read is reported once, and left alone until it changes. */
export interface Looker {
  see(name: string, entry: Entry | undefined): Lineage | undefined;
  /** Reads documents. Returns those that exist. */
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
    const { code, message } = error;
    report(engine, { level: 'error', event: 'certificate.failed', certificate: name, message, data: { code } });
    done({ certificate: name, result: 'failed', message, error });
  }

  function see(name: string, entry: Entry | undefined): Lineage | undefined {
    try {
      const lineage = seen.see(name, entry);
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
      for (const name of names) {
        try {
          const lineage = see(name, await engine.store.get({ kind: 'lineage', name }, signal));
          if (lineage) found.set(name, lineage);
        } catch (error) {
          cannotRead(name, error);
        }
      }
      return found;
    },
  };
}
