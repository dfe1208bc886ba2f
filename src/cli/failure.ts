import type { CertfleetError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { about, harmless, type Style, wrap } from './text.ts';

/** Where a code is explained, relative to the package. For programs; people use `certfleet explain`. */
const docsOf = (code: string): string => `docs/reference/errors.md#${code}`;

/** An error for a person: what happened, what to do, where to read more. Never a stack trace. */
export function failureText(error: CertfleetError, style: Style, width: number, name: string): string {
  const room = Math.max(40, width - 4);
  return [
    style.bad(wrap(harmless(about(name, error.message)), room, '  ')),
    error.hint === '' ? '' : `  ${wrap(harmless(error.hint), room, '  ')}`,
    ...(error.retryAt ? [`  Not before ${error.retryAt.toISOString().slice(0, 16).replace('T', ' ')} UTC.`] : []),
    style.faint(`  More: certfleet explain ${error.code}`),
  ]
    .filter((line) => line !== '')
    .join('\n');
}

/** For `--json`. */
export const failureData = (error: CertfleetError): JsonObject => ({
  code: error.code,
  hint: error.hint,
  docs: docsOf(error.code),
  ...(error.retryAt ? { retryAt: error.retryAt.toISOString() } : {}),
});

/**
 * The stack frames of an error and its causes, for --verbose. The first line is left out: a library may quote its input
 * there, which may be a secret.
 */
export function stackOf(error: unknown): string {
  const parts: string[] = [];
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const frames = (cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
    parts.push(`${depth === 0 ? '' : 'caused by '}${cause.name}\n${frames.join('\n')}`);
  }
  return parts.join('\n');
}
