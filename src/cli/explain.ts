import { type ErrorCode, errorTable } from '../core/error-table.ts';
import { exitCodeOfError, fail } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { Run } from './context.ts';
import { wrap } from './text.ts';

/** `certfleet explain CODE`: the entry of docs/reference/errors.md, which is made of the same words. */
export const explain: Run = async (session) => {
  const code = session.invocation.args[0]!; // the parser asks for it
  if (!isErrorCode(code)) throw fail('usage/invalid', { what: `there is no error code "${code}"${suggestion(code)}` });
  const { message, hint, blame, retry } = errorTable[code];
  session.printJson({ object: 'error', code, message, hint, exitCode: exitCodeOfError(code), blame, retry });
  const width = session.context.stdout.columns ?? Number.POSITIVE_INFINITY;
  session.printWhole([code, ...explanationOf(code)].map((paragraph) => wrap(paragraph, width)).join('\n\n'));
  return 0;
};

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorTable, code);

function suggestion(code: string): string {
  const known = Object.keys(errorTable);
  const area = known.filter((one) => one.startsWith(`${code.split('/')[0]}/`));
  return didYouMean(code, known) || (area.length > 0 ? `; available: ${area.join(', ')}` : '');
}

/** What is known of a code, a paragraph each: the message, what to do, and what certfleet does. */
export function explanationOf(code: ErrorCode): readonly string[] {
  const { message, hint, blame, retry } = errorTable[code];
  return [
    code === 'usage/invalid' ? 'The command line is invalid; the message says where.' : `“${message}”`,
    hint.startsWith('{') ? 'What to do depends on the case, and is said with it.' : hint,
    `Exit code ${exitCodeOfError(code)} · ${blameWords[blame]} · ${retryWords[retry]}`,
  ];
}

const blameWords = {
  config: 'for you to fix',
  provider: 'the provider’s side',
  ca: 'the CA’s side',
  network: 'the network in between',
  bug: 'certfleet’s own fault',
} as const;
const retryWords = {
  never: 'tried again when something is changed, else once a day',
  later: 'tried again by `certfleet renew` with growing pauses',
  at: 'tried again at the time the CA named',
} as const;
