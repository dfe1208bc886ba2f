import type { AuditEntry } from '../core/access/audit.ts';
import { createBucket } from '../core/access/throttle.ts';
import { asFailure } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import type { Audit, By } from './audit.ts';

/** Writes down what people do with users, tokens and logins. */
export interface Recorder {
  done(by: By, what: string, object: string, detail?: string): Promise<void>;
  /** Writes down what someone changes, and also what they tried in vain. */
  changed(by: By, act: Pick<AuditEntry, 'what' | 'object' | 'detail'>, work: () => Promise<void>): Promise<void>;
  /** Writes down that someone was refused something. Of very many, only how many. */
  refused(by: By, act: Pick<AuditEntry, 'what' | 'object' | 'detail'>): Promise<void>;
}

export function createRecorder(audit: Audit, clock: Pick<Clock, 'monotonicMs'>): Recorder {
  const refusals = createBucket({ most: 60, eachMs: 60_000 });
  /** Whoever guesses from many addresses, or tries again and again, must not fill the store. */
  let unrecorded = 0;
  return {
    done: (by, what, object, detail) => audit.record(by, { what, object, result: 'done', ...present({ detail }) }),
    async changed(by, act, work) {
      try {
        await work();
      } catch (error) {
        // Also of a client that has gone: what it wanted may be done. The error comes first: the log may be what failed.
        await audit.record(by, { ...act, result: asFailure(error).code }).catch(() => undefined);
        throw error;
      }
      await audit.record(by, { ...act, result: 'done' });
    },
    async refused(by, act) {
      if (!refusals.take(clock.monotonicMs())) {
        unrecorded += 1;
        return;
      }
      const more = unrecorded > 0 ? [`and ${unrecorded} more before it`] : [];
      const detail = [...(act.detail ? [act.detail] : []), ...more].join('; ') || undefined;
      unrecorded = 0;
      await audit.record(by, { ...act, result: 'refused', detail });
    },
  };
}
