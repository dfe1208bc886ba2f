import { harmless } from '../../core/errors/remote-text.ts';

/** The body exceeds the limit. Becomes the port's error where method and URL are known. */
export class TooLarge extends Error {}

/**
 * Returns headers as the port defines them: repeated headers are joined, and characters that could control a terminal
 * are replaced.
 */
export function joined(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const lines: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) lines[name] = harmless(typeof value === 'string' ? value : value.join(', '));
  }
  return lines;
}
