import { fail, isFailure, reasonOf } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';

/**
 * Runs one step of a deployer and says of everything that goes wrong in it which target and certificate it is about
 * (`deploy/target-failed`). Errors that say so already, and aborts, pass through.
 */
export async function onTarget<T>(
  target: string,
  certificate: string,
  signal: AbortSignal,
  step: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  try {
    return await step();
  } catch (cause) {
    if (signal.aborted || isFailure(cause, 'deploy/')) throw cause;
    const path = (cause as { path?: unknown } | undefined)?.path;
    const reason = typeof path === 'string' ? `${reasonOf(cause)} (${path})` : reasonOf(cause);
    throw fail('deploy/target-failed', { target, certificate, reason }, { cause });
  }
}

/**
 * A text that came from a program which was given the key, without what it may have shown of it. Line by line: it may
 * be indented, quoted, or cut off at either end.
 */
export function withoutKey(text: string, keyPem: Secret): string {
  const lines = keyPem
    .reveal()
    .split('\n')
    .map((line) => line.trim());
  return lines.reduce(
    (rest, line) => (line === '' || line.startsWith('-----') ? rest : rest.replaceAll(line, '***')),
    text,
  );
}

/**
 * The last lines of what a program wrote, on one line, without the private key. Five lines hold every message of
 * nginx's own; more makes a message that nobody reads.
 */
export function lastWords(output: { readonly stdout: string; readonly stderr: string }, keyPem: Secret): string {
  const text = withoutKey(`${output.stdout}\n${output.stderr}`, keyPem);
  const lines = text.split('\n').map((line) => line.trim());
  const words = lines.filter((line) => line !== '' && line !== '***').slice(-5);
  return words.length > 0 ? words.join(' / ') : 'it said nothing';
}
