import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { remoteText } from '../../core/errors/remote-text.ts';
import type { Secret } from '../../core/errors/secret.ts';

/** Returns the name of a deployer for messages: `the deployer "web" (nginx)`. */
export const targetName = (type: string, name: string): string => `the deployer "${name}" (${type})`;

/**
 * Runs one step of a deployer. Errors become `deploy/target-failed`, which names the target and the certificate;
 * `deploy/…` errors and aborts pass through unchanged.
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
 * Removes the key from the output of a program that received the key. Works line by line, because the program may have
 * indented, quoted or cut the key.
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
 * Returns the last five lines of a program's output, joined into one, without the private key. Five lines hold any of
 * nginx's own messages.
 */
export function lastWords(output: { readonly stdout: string; readonly stderr: string }, keyPem?: Secret): string {
  const whole = `${output.stdout}\n${output.stderr}`;
  const text = keyPem ? withoutKey(whole, keyPem) : whole;
  const lines = text.split('\n').map((line) => line.trim());
  const words = lines.filter((line) => line !== '' && line !== '***').slice(-5);
  return words.length > 0 ? remoteText(words.join(' / ')) : 'it printed nothing';
}
