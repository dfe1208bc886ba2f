import type { Clock } from '../../ports/clock.ts';

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), for pages and API. */

/** Proxies close connections on which nothing comes, usually after a minute. */
export const quietMs = 25_000;
/** Says that the connection is there. */
export const stillHere = ': still here\n\n';
/** The browser tries again after as long. */
export const retryLine = 'retry: 3000\n\n';

export const eventText = (name: string, data: string, id?: string): string =>
  `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`;

/** Returns the number of a change as `<life>.<number>`, or NaN if another process has counted it. */
export const numberOfChange = (text: string, life: string): number =>
  text.startsWith(`${life}.`) && /^\d{1,15}$/.test(text.slice(life.length + 1))
    ? Number(text.slice(life.length + 1))
    : Number.NaN;

const encoder = new TextEncoder();

/**
 * Returns the texts as the body of an answer.
 *
 * @param over aborted once the reader has gone or the texts have ended, so that nothing behind them goes on
 */
export function streamOf(texts: AsyncGenerator<string>, over: AbortController): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await texts.next();
        if (!done) return controller.enqueue(encoder.encode(value));
      } catch (error) {
        if (!over.signal.aborted) {
          over.abort();
          throw error;
        }
      }
      over.abort();
      controller.close();
    },
    cancel: () => over.abort(),
  });
}

/** How often it is looked whether the reader may still have the events. */
const lookMs = 2_000;

/** Ends what a reader follows within seconds after a log-out, another role, or the end of the login. */
export async function endWith(
  isStill: () => Promise<boolean>,
  clock: Pick<Clock, 'sleep'>,
  over: AbortController,
): Promise<void> {
  while (!over.signal.aborted) {
    await clock.sleep(lookMs, over.signal).catch(() => undefined);
    // A store that cannot be read says nothing about the reader.
    if (!over.signal.aborted && !(await isStill().catch(() => true))) over.abort();
  }
}

/** Returns what ends when the signal aborts, or before. */
export function endedBy(signal: AbortSignal): AbortController {
  const over = new AbortController();
  signal.addEventListener('abort', () => over.abort(), { once: true });
  if (signal.aborted) over.abort();
  return over;
}
