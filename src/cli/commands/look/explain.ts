import { errorDetails } from '../../../core/errors/error-details.ts';
import { type ErrorCode, errorTable } from '../../../core/errors/error-table.ts';
import { exitCodeOfError, fail } from '../../../core/errors/errors.ts';
import { didYouMean } from '../../../core/text/nearest.ts';
import type { Run, Session } from '../../context.ts';
import { widthOf, wrap } from '../../output/text.ts';

/**
 * `certfleet explain CODE`: prints the entry of docs/reference/errors.md, which is generated from the same text.
 * Without a code, lists all codes.
 */
export const explain: Run = async (session) => {
  const code = session.invocation.args[0];
  if (code === undefined) return list(session);
  if (!isErrorCode(code))
    throw fail('usage/unknown-name', {
      kind: 'error code',
      name: code,
      nearest: suggestion(code),
      advice: '`certfleet explain` lists all of them.',
    });
  session.printJson(objectOf(code));
  const width = widthOf(session.context.stdout);
  session.printWhole([code, ...explanationOf(code)].map((paragraph) => wrap(paragraph, width)).join('\n\n'));
  return 0;
};

function list(session: Session): number {
  const areas = new Map<string, ErrorCode[]>();
  for (const code of Object.keys(errorTable) as ErrorCode[]) {
    session.printJson(objectOf(code));
    const area = code.slice(0, code.indexOf('/'));
    areas.set(area, [...(areas.get(area) ?? []), code]);
  }
  const texts = [...areas].map(([area, codes]) =>
    [`${area} (exit code ${exitCodeOfError(codes[0]!)})`, ...codes.map((code) => `  ${code}`)].join('\n'),
  );
  session.printWhole(texts.join('\n\n'));
  session.note('\n`certfleet explain CODE` explains one.');
  return 0;
}

function objectOf(code: ErrorCode) {
  const { message, hint, blame, retry } = errorTable[code];
  return { object: 'error', code, message, hint, exitCode: exitCodeOfError(code), blame, retry };
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorTable, code);

function suggestion(code: string): string {
  const known = Object.keys(errorTable);
  const area = known.filter((one) => one.startsWith(`${code.split('/')[0]}/`));
  return didYouMean(code, known) || (area.length > 0 ? `; available: ${area.join(', ')}` : '');
}

/** Returns paragraphs about a code: the message, what to do, and what certfleet does. */
export function explanationOf(code: ErrorCode): readonly string[] {
  const { message, hint, blame, retry } = errorTable[code];
  return [
    code === 'usage/invalid' ? 'The command line is invalid; the message says where.' : `“${message}”`,
    ...(errorDetails[code] ?? [
      hint.startsWith('{') ? 'What to do depends on the case; the error itself says it.' : hint,
    ]),
    [
      `Exit code ${exitCodeOfError(code)}`,
      blameWords[blame],
      // These codes are about the command, not about a certificate that `renew` could retry.
      ...(/^(usage|output)\//.test(code) ? [] : [retryWords[retry]]),
    ].join(' · '),
  ];
}

const blameWords = {
  config: 'for you to fix',
  provider: 'a problem on the provider’s side',
  ca: 'a problem on the CA’s side',
  network: 'a problem in the network',
  bug: 'a bug in certfleet',
} as const;
const retryWords = {
  never: '`certfleet renew` tries again after a change, otherwise once a day',
  later: '`certfleet renew` tries again, with growing pauses',
  at: '`certfleet renew` tries again at the time that the CA gave',
} as const;
