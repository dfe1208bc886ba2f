import {
  type EventReader,
  eventText,
  numberOfChange,
  retryLine,
  streamOf,
  textsFor,
} from '../core/text/event-stream.ts';
import type { FleetView } from '../fleet/web/view.ts';
import { build } from './assets.ts';

/**
 * Says which certificates change after a number of an earlier change, as server-sent events, until the signal aborts.
 * `gap`: not all changes since then are known, so the reader must read everything again. `build`: which scripts and
 * styles the pages have.
 */
export function eventsOf(
  { view, life, ...reader }: EventReader & { readonly view: FleetView; readonly life: string },
  since: string | undefined,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  async function* textsOf(over: AbortSignal): AsyncGenerator<string, void> {
    yield `${retryLine}${eventText('build', build)}`;
    const changes = view.follow(numberOfChange(since, life, view.sequence), over);
    yield* textsFor(reader, changes, ({ id, names }) => {
      if (!names) return eventText('gap', '', `${life}.${id}`);
      return names.length > 0 ? eventText('changed', JSON.stringify(names), `${life}.${id}`) : undefined;
    });
  }
  return streamOf(textsOf, signal);
}
