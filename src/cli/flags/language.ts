import { fail } from '../../core/errors/errors.ts';
import { type Language, languages } from '../../core/errors/wording.ts';
import type { Environment, Invocation } from '../context.ts';

/** Returns the language of --lang, or else of the environment. Fails with `usage/unknown-value`. */
export function languageOf({ lang }: Invocation['flags'], env: Environment): Language {
  if (lang === undefined) return languageOfEnvironment(env);
  if (isLanguage(lang)) return lang;
  throw fail('usage/unknown-value', { typed: `--lang ${String(lang)}`, known: languages.join(' or '), nearest: '' });
}

/** Returns the language in which to say that arguments cannot be parsed. */
export function languageTyped(argv: readonly string[], env: Environment): Language {
  const at = argv.findLastIndex((word) => word === '--lang' || word.startsWith('--lang='));
  const typed = argv[at]?.startsWith('--lang=') ? argv[at].slice('--lang='.length) : argv[at + 1];
  return at >= 0 && isLanguage(typed) ? typed : languageOfEnvironment(env);
}

const isLanguage = (word: unknown): word is Language => languages.some((one) => one === word);

/** POSIX: the first of these variables that is set and not empty counts (XBD, section 8.2). */
function languageOfEnvironment(env: Environment): Language {
  const locale = env['LC_ALL'] || env['LC_MESSAGES'] || env['LANG'] || '';
  return /^zh(?:[^a-z]|$)/i.test(locale) ? 'zh' : 'en';
}
