import { orQuiet } from '../core/async/or-quiet.ts';
import {
  endedBy,
  endWith,
  eventText,
  numberOfChange,
  quietMs,
  retryLine,
  stillHere,
  streamOf,
} from '../core/text/event-stream.ts';
import type { FleetView } from '../fleet/view.ts';
import type { Clock } from '../ports/clock.ts';
import { build } from './assets.ts';

/**
 * Says which certificates change after a number of an earlier change, as server-sent events, until the signal aborts.
 * `gap`: not all changes since then are known, so the reader must read everything again. `build`: which scripts and
 * styles the pages have.
 */
export function eventsOf(
  parts: { readonly view: FleetView; readonly clock: Clock; readonly life: string },
  { since, isStill }: { readonly since: string | undefined; readonly isStill: () => Promise<boolean> },
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const over = endedBy(signal);
  void endWith(isStill, parts.clock, over);
  return streamOf(textsOf(parts, since, over.signal), over);
}

async function* textsOf(
  { view, clock, life }: Parameters<typeof eventsOf>[0],
  since: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  let known = since === undefined ? view.sequence : numberOfChange(since, life);
  yield `${retryLine}${eventText('build', build)}`;
  while (!signal.aborted) {
    // A number of another life of the process is none here.
    const changes = known <= view.sequence ? view.follow(known, signal) : undefined;
    if (!changes) {
      known = view.sequence;
      yield eventText('gap', '', `${life}.${known}`);
      continue;
    }
    for await (const changed of orQuiet(changes, quietMs, clock, signal)) {
      if (!changed) {
        yield stillHere;
        continue;
      }
      known = changed.id;
      yield eventText('changed', JSON.stringify(changed.names), `${life}.${known}`);
    }
  }
}
