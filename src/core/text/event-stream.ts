import type { Clock } from '../../ports/clock.ts';

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), for pages and API. */

/** The browser tries again after as long. */
export const retryLine = 'retry: 3000\n\n';

export const eventText = (name: string, data: string, id?: string): string =>
  `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`;

/**
 * Returns the number in a reader's `<life>.<number>`, or that of the last change if the reader names none. NaN if another
 * process has counted it.
 */
export function numberOfChange(text: string | undefined, life: string, last: number): number {
  if (text === undefined) return last;
  const number = text.startsWith(`${life}.`) ? text.slice(life.length + 1) : '';
  return /^\d{1,15}$/.test(number) ? Number(number) : Number.NaN;
}

/** Proxies close connections on which nothing comes, usually after a minute. */
const quietMs = 25_000;
const stillHere = ': still here\n\n';
/** How often it is looked whether the reader may still have the events. */
const lookMs = 2_000;

/** Who reads events. */
export interface EventReader {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Reports whether the login of the reader is still valid. */
  readonly isStill: () => Promise<boolean>;
  /** For how long it may read before it has to come back, in ms. */
  readonly longestMs?: number;
}

/**
 * Yields the texts of what comes, and a sign of life if it has none for a while. Ends within seconds after a log-out,
 * another role, or the end of the login.
 *
 * @param all something at least every few seconds
 */
export async function* textsFor<T>(
  { clock, isStill, longestMs = Number.POSITIVE_INFINITY }: EventReader,
  all: AsyncIterable<T>,
  textOf: (one: T) => string | undefined,
): AsyncGenerator<string, void> {
  const startedMs = clock.monotonicMs();
  let [saidMs, lookedMs] = [startedMs, startedMs];
  for await (const one of all) {
    const nowMs = clock.monotonicMs();
    if (nowMs - lookedMs >= lookMs) {
      lookedMs = nowMs;
      // A store that cannot be read says nothing about the reader.
      if (!(await isStill().catch(() => true))) return;
    }
    const text = textOf(one) ?? (nowMs - saidMs >= quietMs ? stillHere : undefined);
    if (text !== undefined) {
      saidMs = nowMs;
      yield text;
    }
    if (nowMs - startedMs >= longestMs) return;
  }
}

const encoder = new TextEncoder();

/** Returns texts as the body of an answer. What makes them ends once the reader has gone. */
export function streamOf(
  textsUntil: (signal: AbortSignal) => AsyncGenerator<string>,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  const over = new AbortController();
  const texts = textsUntil(over.signal);
  const end = () => {
    over.abort();
    // A slow reader no longer asks for texts, so the generator would never see the signal.
    void texts.return(undefined).catch(() => undefined);
  };
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await texts.next();
        if (!done) return controller.enqueue(encoder.encode(value));
      } catch (error) {
        end();
        throw error;
      }
      end();
      controller.close();
    },
    cancel: end,
  });
}
