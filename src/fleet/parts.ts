import { untilAny } from '../core/async/on-abort.ts';

/** Runs the loop and the parts beside it. The end of the loop ends the parts; a part that fails ends the loop. */
export async function withParts(
  parts: readonly ((over: AbortSignal) => Promise<void>)[],
  loop: (until: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const failed = new AbortController();
  const running = parts.map((part) => part(over.signal));
  for (const part of running) part.catch((error: unknown) => failed.abort(error));
  try {
    await untilAny([signal, failed.signal], loop);
  } finally {
    over.abort();
    await Promise.allSettled(running);
  }
  await Promise.all(running);
}
