import type { Alarm } from '../../core/alarm/alarm.ts';
import { alarmOf, decodeAlarms, noAlarms } from '../../core/alarm/open-alarms.ts';
import type { EngineProcess } from '../engine.ts';
import { alarmsKey, createOwnBook, ownName } from './book.ts';

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

/** Returns what is open in the store, and what this node cannot keep there. Fails with `store/corrupt`. */
export async function readAlarms(engine: OpenPorts, signal: AbortSignal): Promise<OpenAlarms> {
  const { store, cache, connections, node } = engine;
  const entry = await store.get(alarmsKey, signal);
  const shared = entry ? decodeAlarms(entry.bytes, store.location) : noAlarms;
  const connect = connections.open();
  const own = await createOwnBook(cache, ownName(connect, store.location, node)).read(signal);
  connect.end();
  const all = [...Object.entries(shared.open), ...Object.entries(own.document.open)];
  const open = all.map(([key, one]) => ({ ...alarmOf(key, one), toldAt: one.toldAt }));
  const more = Object.values(shared.more ?? {}).reduce((sum, count) => sum + count, 0);
  return { open: open.sort((a, b) => Date.parse(b.since) - Date.parse(a.since)), more };
}

type OpenPorts = Pick<EngineProcess, 'store' | 'cache' | 'connections' | 'node'>;
