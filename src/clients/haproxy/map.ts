import { present } from '../../core/text/present.ts';
import { type HaproxySocket, refusal } from './haproxy.ts';

/**
 * One map in the memory of one HAProxy (management guide §9.3, tested with 3.0). Keys and values never become part of a
 * message or of an effect's name.
 */
export interface HaproxyMap {
  /** The socket, for messages. */
  readonly place: string;
  /** Returns undefined if this HAProxy has no such map. */
  entries(signal: AbortSignal): Promise<ReadonlyMap<string, string> | undefined>;
  /** Adds entries. Their keys must not be in the map, because HAProxy would keep both entries. */
  add(entries: readonly MapEntry[], signal: AbortSignal): Promise<void>;
  /** Changes the value of an existing key. */
  set(entry: MapEntry, signal: AbortSignal): Promise<void>;
  /** Removes all entries with these keys. Missing keys are fine. */
  remove(keys: readonly string[], signal: AbortSignal): Promise<void>;
}

export type MapEntry = readonly [key: string, value: string];

/** A command or payload with this many keys and values stays below HAProxy's `tune.bufsize` (16 kB). */
const atOnce = 40;

export function createHaproxyMap({ place, ask }: HaproxySocket, file: string): HaproxyMap {
  async function change(effect: string, command: string, signal: AbortSignal, payload?: string): Promise<void> {
    const answer = await ask(command, signal, { effect, ...present({ payload }) });
    const words = answer.split('\n').filter((line) => line !== '' && line !== 'Key not found.');
    if (words.length > 0) throw refusal(effect, words.join('\n'));
  }

  return {
    place,
    async entries(signal) {
      const command = `show map ${file}`;
      const answer = await ask(command, signal);
      if (answer.startsWith('Unknown map')) return undefined;
      const found = new Map<string, string>();
      for (const line of answer.split('\n').filter((line) => line !== '')) {
        const [, key, value = ''] = /^0x[0-9a-f]+ (\S+) ?(.*)$/.exec(line) ?? [];
        if (key === undefined) throw refusal(command, answer);
        // The first entry with a key takes precedence.
        if (!found.has(key)) found.set(key, value);
      }
      return found;
    },
    async add(entries, signal) {
      for (const some of inParts(entries)) {
        const lines = some.map(([key, value]) => `${key} ${value}\n`);
        await change(`add map ${file}`, `add map ${file}`, signal, lines.join(''));
      }
    },
    set: ([key, value], signal) => change(`set map ${file}`, `set map ${file} ${key} ${value}`, signal),
    async remove(keys, signal) {
      for (const some of inParts(keys))
        await change(`del map ${file}`, some.map((key) => `del map ${file} ${key}`).join('; '), signal);
    },
  };
}

const inParts = <T>(all: readonly T[]): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(all.length / atOnce) }, (_, at) => all.slice(at * atOnce, (at + 1) * atOnce));
