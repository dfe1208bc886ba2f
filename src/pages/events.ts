import { orQuiet } from '../core/async/or-quiet.ts';
import { endedBy, eventText, quietMs, retryLine, stillHere, streamOf } from '../core/text/event-stream.ts';
import type { FleetView } from '../fleet/view.ts';
import type { Clock } from '../ports/clock.ts';
import { build } from './assets.ts';

/** A fleet that changes all the time sends one event in this time. */
const pauseMs = 1000;

/**
 * Says which certificates change after a number of an earlier change, as server-sent events, until the signal aborts.
 * `gap`: not all changes since then are known, so the reader must read everything again. `build`: which scripts and
 * styles the pages have.
 */
export function eventsOf(
  parts: { readonly view: FleetView; readonly clock: Clock },
  since: number | undefined,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const over = endedBy(signal);
  return streamOf(textsOf(parts, since, over.signal), over);
}

async function* textsOf(
  { view, clock }: { readonly view: FleetView; readonly clock: Clock },
  since: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  let known = since ?? view.sequence;
  yield `${retryLine}${eventText('build', build)}`;
  while (!signal.aborted) {
    const changes = known <= view.sequence ? view.follow(known, signal) : undefined;
    if (!changes) {
      known = view.sequence;
      yield eventText('gap', '', String(known));
      continue;
    }
    for await (const changed of orQuiet(changes, quietMs, clock, signal)) {
      if (!changed) {
        yield stillHere;
        continue;
      }
      known = changed.id;
      yield eventText('changed', JSON.stringify(changed.names), String(known));
      await clock.sleep(pauseMs, signal);
    }
  }
}
