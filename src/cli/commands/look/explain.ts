import { chinese, chineseDetails } from '../../../core/errors/chinese.ts';
import { errorDetails } from '../../../core/errors/error-details.ts';
import type { Blame, Retry } from '../../../core/errors/error-entry.ts';
import { type ErrorCode, errorTable } from '../../../core/errors/error-table.ts';
import { exitCodeOfError, fail } from '../../../core/errors/errors.ts';
import { isErrorCode, type Language } from '../../../core/errors/wording.ts';
import { didYouMean } from '../../../core/text/nearest.ts';
import type { Run, Session } from '../../context.ts';
import { widthOf, wrap } from '../../output/text.ts';

/**
 * `certfleet explain CODE`: prints the entry of docs/reference/errors.md, or of errors.zh-CN.md, which are generated from
 * the same text.
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
  session.printWhole(
    [code, ...explanationOf(code, session.language)].map((paragraph) => wrap(paragraph, width)).join('\n\n'),
  );
  return 0;
};

function list(session: Session): number {
  const areas = new Map<string, ErrorCode[]>();
  for (const code of Object.keys(errorTable) as ErrorCode[]) {
    session.printJson(objectOf(code));
    const area = code.slice(0, code.indexOf('/'));
    areas.set(area, [...(areas.get(area) ?? []), code]);
  }
  const { exit, listEnd } = words[session.language];
  const texts = [...areas].map(([area, codes]) =>
    [exit(area, exitCodeOfError(codes[0]!)), ...codes.map((code) => `  ${code}`)].join('\n'),
  );
  session.printWhole(texts.join('\n\n'));
  session.note(`\n${listEnd}`);
  return 0;
}

function objectOf(code: ErrorCode) {
  const { message, hint, blame, retry } = errorTable[code];
  return { object: 'error', code, message, hint, exitCode: exitCodeOfError(code), blame, retry };
}

function suggestion(code: string): string {
  const known = Object.keys(errorTable);
  const area = known.filter((one) => one.startsWith(`${code.split('/')[0]}/`));
  return didYouMean(code, known) || (area.length > 0 ? `; available: ${area.join(', ')}` : '');
}

/** Returns paragraphs about a code: the message, what to do, and what certfleet does. */
export function explanationOf(code: ErrorCode, language: Language): readonly string[] {
  const { blame, retry } = errorTable[code];
  const { message, hint } = language === 'zh' ? chinese[code] : errorTable[code];
  const details = language === 'zh' ? chineseDetails[code] : errorDetails[code];
  const own = words[language];
  return [
    code === 'usage/invalid' ? own.invalid : `“${message}”`,
    ...(details ?? [errorTable[code].hint.startsWith('{') ? own.depends : hint]),
    [
      own.exitCode(exitCodeOfError(code)),
      own.blame[blame],
      // These codes are about the command, not about a certificate that `renew` could retry.
      ...(/^(usage|output)\//.test(code) ? [] : [own.retry[retry]]),
    ].join(' · '),
  ];
}

interface Words {
  readonly invalid: string;
  readonly depends: string;
  readonly listEnd: string;
  exit(area: string, code: number): string;
  exitCode(code: number): string;
  readonly blame: Readonly<Record<Blame, string>>;
  readonly retry: Readonly<Record<Retry, string>>;
}

const words: Readonly<Record<Language, Words>> = {
  en: {
    invalid: 'The command line is invalid; the message says where.',
    depends: 'What to do depends on the case; the error itself says it.',
    listEnd: '`certfleet explain CODE` explains one.',
    exit: (area, code) => `${area} (exit code ${code})`,
    exitCode: (code) => `Exit code ${code}`,
    blame: {
      config: 'for you to fix',
      provider: 'a problem on the provider’s side',
      ca: 'a problem on the CA’s side',
      network: 'a problem in the network',
      bug: 'a bug in certfleet',
    },
    retry: {
      never: '`certfleet renew` tries again after a change, otherwise once a day',
      later: '`certfleet renew` tries again, with growing pauses',
      at: '`certfleet renew` tries again at the time that the CA gave',
    },
  },
  zh: {
    invalid: '命令行有误，错误信息会指出哪里不对。',
    depends: '怎么办取决于具体情况，错误信息里有说明。',
    listEnd: '`certfleet explain CODE` 解释其中一个。',
    exit: (area, code) => `${area}（退出码 ${code}）`,
    exitCode: (code) => `退出码 ${code}`,
    blame: {
      config: '需要人工解决',
      provider: '问题出在服务商',
      ca: '问题出在 CA',
      network: '网络问题',
      bug: 'certfleet 的缺陷',
    },
    retry: {
      never: '有改动之后 `certfleet renew` 再试，否则每天试一次',
      later: '`certfleet renew` 会再试，间隔逐渐加长',
      at: '到 CA 给出的时间，`certfleet renew` 再试',
    },
  },
};
