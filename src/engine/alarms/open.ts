import type { Alarm } from '../../core/alarm/alarm.ts';
import { alarmOf, decodeAlarms, noAlarms } from '../../core/alarm/open-alarms.ts';
import type { EngineProcess } from '../engine.ts';
import { alarmsKey } from './book.ts';

/** What is open, for a person who looks. */
export interface OpenAlarms {
  /** The latest first. */
  readonly open: readonly OpenSince[];
  /** How many more there are, for which the document has no room. */
  readonly more: number;
}

export interface OpenSince extends Alarm {
  /** When it was last told. RFC 3339. */
  readonly toldAt: string;
}

/** Fails with `store/corrupt`. */
export async function readAlarms({ store }: Pick<EngineProcess, 'store'>, signal: AbortSignal): Promise<OpenAlarms> {
  const entry = await store.get(alarmsKey, signal);
  const document = entry ? decodeAlarms(entry.bytes, store.location) : noAlarms;
  const open = Object.entries(document.open).map(([key, one]) => ({ ...alarmOf(key, one), toldAt: one.toldAt }));
  const more = Object.values(document.more ?? {}).reduce((sum, count) => sum + count, 0);
  return { open: open.sort((a, b) => Date.parse(b.since) - Date.parse(a.since)), more };
}
