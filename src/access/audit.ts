import {
  type AuditEntry,
  auditName,
  cleaned,
  dayOf,
  daysBetween,
  decodeAudit,
  withEntry,
} from '../core/access/audit.ts';
import { neverAborted } from '../core/async/never-aborted.ts';
import { isFailure } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import type { Key, Store } from '../ports/store.ts';

/** Who does something, for the audit log. A `Who` is one. */
export interface By {
  readonly name: string;
  readonly via: AuditEntry['via'];
  /** The address of the client. */
  readonly from?: string | undefined;
}

export interface Audit {
  /**
   * Records what someone did or tried to do: durably, in the order of the calls. It cannot be cancelled, because the client
   * may have disconnected.
   */
  record(by: By, act: Pick<AuditEntry, 'what' | 'object' | 'detail' | 'result'>): Promise<void>;
  /** Returns what was done since then, the latest last. */
  read(since: Date, signal: AbortSignal): Promise<readonly AuditEntry[]>;
  /** Returns the days (in UTC) on which something was done, the latest first. */
  days(signal: AbortSignal): Promise<readonly string[]>;
  /** Returns what was done on a day, the latest last. */
  day(day: string, signal: AbortSignal): Promise<readonly AuditEntry[]>;
}

const keyOf = (name: string): Key => ({ kind: 'audit', name });

export function createAudit({ store, clock }: { readonly store: Store; readonly clock: Pick<Clock, 'now'> }): Audit {
  /** The part of the day that was written last. */
  let last = { day: '', part: 1 };
  let queue: Promise<unknown> = Promise.resolve();

  const read = async (name: string, signal: AbortSignal) => {
    const entry = await store.get(keyOf(name), signal);
    return entry && { entries: decodeAudit(entry.bytes, name, store.location), revision: entry.revision };
  };

  async function append(entry: AuditEntry, signal: AbortSignal): Promise<void> {
    const day = dayOf(new Date(entry.at));
    if (last.day !== day) last = { day, part: 1 };
    for (;;) {
      const { part } = last;
      try {
        const found = await read(auditName(day, part), signal);
        const bytes = withEntry(found?.entries ?? [], entry);
        if (bytes) {
          await store.put(keyOf(auditName(day, part)), bytes, { ifRevision: found?.revision ?? null, signal });
          return;
        }
        last = { day, part: part + 1 };
      } catch (error) {
        // A part that cannot be read stays as it is.
        if (isFailure(error, 'store/corrupt')) last = { day, part: part + 1 };
        else if (!isFailure(error, 'store/conflict')) throw error;
      }
    }
  }

  async function day(name: string, signal: AbortSignal): Promise<readonly AuditEntry[]> {
    const all: AuditEntry[] = [];
    for (let part = 1; ; part += 1) {
      const found = await read(auditName(name, part), signal).catch((error: unknown) => {
        if (!isFailure(error, 'store/corrupt')) throw error;
        return { entries: [] };
      });
      if (!found) return all;
      all.push(...found.entries);
    }
  }

  return {
    record({ name: who, via, from }, { what, object, detail, result }) {
      const at = clock.now().toISOString();
      const entry = cleaned({ at, who, via, what, object, result, ...present({ from, detail }) });
      const done = queue.then(() => append(entry, neverAborted));
      queue = done.catch(() => undefined);
      return done;
    },
    async read(since, signal) {
      const all: AuditEntry[] = [];
      const from = since.toISOString();
      for (const one of daysBetween(since, clock.now()))
        all.push(...(await day(one, signal)).filter(({ at }) => at >= from));
      return all;
    },
    async days(signal) {
      const { names } = await store.list('audit', signal);
      return [...new Set(names.map((name) => name.replace(/~.*$/, '')))].sort().reverse();
    },
    day,
  };
}
