import type { FleetView } from '../fleet/view.ts';
import type { Clock } from '../ports/clock.ts';
import { build } from './assets.ts';

/** A fleet that changes all the time is told about once in this time. */
const pauseMs = 1000;
/** Proxies close connections on which nothing comes, usually after a minute. */
const quietMs = 25_000;

const encoder = new TextEncoder();
const event = (name: string, data: string, id?: number): string =>
  `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`;

/**
 * Says which certificates change after a number of an earlier change, as server-sent events, until the signal aborts.
 * `gap`: not all changes since then are known, so the reader must read everything again. `build`: which scripts and
 * styles the pages have.
 */
export function eventsOf(
  { view, clock }: { readonly view: FleetView; readonly clock: Clock },
  since: number | undefined,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const end = new AbortController();
  signal.addEventListener('abort', () => end.abort(), { once: true });
  if (signal.aborted) end.abort();
  const texts = textsOf({ view, clock }, since, end.signal);
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await texts.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      } catch (error) {
        if (!end.signal.aborted) throw error;
        controller.close();
      }
    },
    cancel: () => end.abort(),
  });
}

async function* textsOf(
  { view, clock }: { readonly view: FleetView; readonly clock: Clock },
  since: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  let known = since ?? view.sequence;
  // The browser tries again after as long.
  yield `retry: 3000\n${event('build', build)}`;
  while (!signal.aborted) {
    const changes = known <= view.sequence ? view.follow(known, signal) : undefined;
    if (!changes) {
      known = view.sequence;
      yield event('gap', '', known);
      continue;
    }
    const all = changes[Symbol.asyncIterator]();
    try {
      let next = all.next();
      for (;;) {
        const quiet = new AbortController();
        const settled = await Promise.race([
          next,
          clock.sleep(quietMs, AbortSignal.any([signal, quiet.signal])).catch(() => undefined),
        ]);
        quiet.abort();
        if (signal.aborted) return;
        if (!settled) {
          yield ': still here\n\n';
          continue;
        }
        if (settled.done) break;
        known = settled.value.id;
        yield event('changed', JSON.stringify(settled.value.names), known);
        await clock.sleep(pauseMs, signal);
        next = all.next();
      }
    } finally {
      await all.return?.();
    }
  }
}
