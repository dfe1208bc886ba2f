import { type ErrorCode, errorTable } from './error-table.ts';
import { CertfleetError, type ShownParams } from './errors.ts';
import { fill, placeholdersIn } from './template.ts';

/** The languages of errors. */
export const languages = ['en', 'zh'] as const;
export type Language = (typeof languages)[number];

/** Most readers read English, so the table in Chinese is loaded for the first one who does not. */
let table: typeof import('./chinese.ts') | undefined;

/** Loads the words of a language. Without that, all is said in English. */
export async function loadLanguage(language: Language): Promise<void> {
  if (language === 'zh') table ??= await import('./chinese.ts');
}

/** A failure as documents keep it: its code, and what its message and its hint are made of. */
export interface StoredError {
  readonly code?: string | undefined;
  readonly params?: ShownParams | undefined;
  /** The failure on which it reports. Its message is the parameter that `params` lacks. */
  readonly cause?: StoredError | undefined;
  /** Only if code and parameters do not make it exactly. Earlier versions always stored it. */
  readonly message?: string | undefined;
  readonly hint?: string | undefined;
}

export interface Said {
  readonly message: string;
  /** Empty if nothing is known to do. */
  readonly hint: string;
}

interface Words {
  readonly message: string;
  readonly hint: string;
}

/**
 * Says in a language what has failed and what to do. The words of a CA, a cloud or a program stay as they are, and so do
 * texts of which no parts are known, such as those in documents of earlier versions.
 */
export function say(error: CertfleetError | StoredError, language: Language): Said {
  const { code = '', message, hint } = error;
  if (!isErrorCode(code)) return { message: message ?? unknownText(error), hint: hint ?? '' };
  const english: Words = errorTable[code];
  const words: Words = language === 'zh' && table ? table.chinese[code] : english;
  const params = paramsOf(error, language);
  const englishParams = language === 'en' ? params : paramsOf(error, 'en');
  const told = (stored: string | undefined, what: keyof Words, missing: string) =>
    stored === undefined
      ? textOf(words[what], params, missing)
      : translated(stored, fill(english[what], englishParams), fill(words[what], params), language);
  return {
    message: told(message, 'message', '…'),
    // What to do with a part of it missing would mislead.
    hint: told(hint, 'hint', ''),
  };
}

/** Reports whether a stored failure has more than its code, where that says too little. */
export function hasWords({ code = '', params, cause, message }: StoredError): boolean {
  if (message !== undefined || params !== undefined || cause !== undefined) return true;
  return isErrorCode(code) && placeholdersIn(errorTable[code].message).length === 0;
}

/** Returns a text that certfleet wrote, such as a finding or what is wrong with a setting, in a language. */
export const inLanguage = (text: string, language: Language): string =>
  language === 'zh' && table ? table.phraseInChinese(text) : text;

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorTable, code);

/** Another version of certfleet has the code. */
const unknownText = ({ code = '', params = {} }: Pick<StoredError, 'code' | 'params'>): string =>
  [code, ...Object.values(params)].filter((text) => text !== '').join(': ') || 'unknown';

function textOf(template: string, params: ShownParams, missing: string): string {
  const isWhole = placeholdersIn(template).every((name) => params[name] !== undefined);
  return isWhole || missing !== '' ? fill(template, params, missing) : '';
}

/** Translates a text that was made from a template, perhaps with more before it (a place) or after it (more advice). */
function translated(stored: string, english: string, own: string, language: Language): string {
  if (language === 'en') return stored;
  if (stored === english) return own;
  if (english !== '' && stored.endsWith(english)) return `${stored.slice(0, -english.length)}${own}`;
  if (english !== '' && stored.startsWith(`${english} `))
    return `${own}${inLanguage(stored.slice(english.length + 1), language)}`;
  return inLanguage(stored, language);
}

/** Returns the parameters in a language. */
function paramsOf(error: CertfleetError | StoredError, language: Language): ShownParams {
  const { params = {}, cause } = error;
  const known = Object.entries(params).map(([name, text]): readonly [string, string] => {
    // The text may be the whole message of the cause.
    if (cause instanceof CertfleetError && cause.message === text) return [name, say(cause, language).message];
    return [name, inLanguage(text, language)];
  });
  if (error instanceof CertfleetError || !error.cause) return Object.fromEntries(known);
  const lacking = lackingIn(error);
  return lacking === undefined
    ? Object.fromEntries(known)
    : Object.fromEntries([...known, [lacking, say(error.cause, language).message]]);
}

/** Returns the parameter that the cause's message is. */
export function lackingIn({ code = '', params = {} }: StoredError): string | undefined {
  const { message, hint } = errorTable[code as ErrorCode];
  return placeholdersIn(`${message} ${hint}`).find((name) => params[name] === undefined);
}
