import type { JsonObject } from '../text/json.ts';
import { present } from '../text/present.ts';
import type { ErrorCode } from './error-table.ts';
import { CertfleetError, type ShownParams } from './errors.ts';
import { cut } from './remote-text.ts';
import { isErrorCode, lackingIn, type StoredError, say } from './wording.ts';

/** How many failures may report on one another. */
const deepest = 2;

/**
 * Returns a failure as a document keeps it. A text that code and parameters do not make, such as one that lists the
 * failures of several targets, is kept as it is.
 *
 * @param most the length of its texts
 */
export function storedError(error: CertfleetError, most: number): StoredError {
  const parts = partsOf(error);
  const { message, hint } = say(parts, 'en');
  return shortened(
    {
      ...parts,
      ...present({
        message: message === error.message ? undefined : error.message,
        hint: hint === error.hint ? undefined : error.hint,
      }),
    },
    most,
  );
}

/** Returns what an error's texts are made of, for documents and for programs. */
export function partsOf({ code, params = {}, cause }: CertfleetError, depth: number = deepest): StoredError {
  const about = cause instanceof CertfleetError && depth > 0 ? cause : undefined;
  const name = about && Object.keys(params).find((one) => params[one] === about.message);
  const own = Object.entries(params).filter(([one]) => one !== name);
  return {
    code,
    ...present({
      params: own.length > 0 ? Object.fromEntries(own) : undefined,
      cause: about && name !== undefined ? partsWithTexts(about, depth - 1) : undefined,
    }),
  };
}

/** Returns what programs get of an error besides its message. */
export const dataOf = (error: CertfleetError) => partsOf(error) as JsonObject & { readonly code: ErrorCode };

/** Only the message of a cause is told. */
function partsWithTexts(cause: CertfleetError, depth: number): StoredError {
  const parts = partsOf(cause, depth);
  return say(parts, 'en').message === cause.message ? parts : { ...parts, message: cause.message };
}

/** Shortens the texts of a stored failure; with `most` 0, only the code is left. */
export function shortened(stored: StoredError, most: number): StoredError {
  const { code, params, cause, message, hint } = stored;
  if (most === 0) return present({ code });
  return present({
    code,
    params: params && shortParams(params, most),
    cause: cause && shortened(cause, most),
    message: message === undefined ? undefined : cut(message, most),
    hint: hint === undefined ? undefined : cut(hint, most),
  });
}

function shortParams(params: ShownParams, most: number): ShownParams {
  const texts = Object.entries(params);
  const length = texts.reduce((sum, [, text]) => sum + text.length, 0);
  if (length <= most) return params;
  // Names are short, so what a CA or a program said keeps most of the room.
  const short = texts.filter(([, text]) => text.length <= most / (2 * texts.length));
  const room = most - short.reduce((sum, [, text]) => sum + text.length, 0);
  const each = Math.floor(room / (texts.length - short.length));
  return Object.fromEntries(
    texts.map(([name, text]) => [name, cut(text, Math.max(each, Math.floor(most / (2 * texts.length))))]),
  );
}

/**
 * Returns a stored failure as an error.
 *
 * @param otherwise the code, if none is stored or another version of certfleet made it
 * @param hint what to do, if that is not what is stored
 */
export function errorOf(stored: StoredError, otherwise: ErrorCode, hint?: string): CertfleetError {
  const { code = '', message, params } = stored;
  const said = code === '' ? { message: message ?? '', hint: stored.hint ?? '' } : say(stored, 'en');
  const cause = stored.cause && errorOf(stored.cause, otherwise);
  if (!isErrorCode(code)) return new CertfleetError(otherwise, said.message, hint ?? said.hint, { cause });
  const lacking = cause && lackingIn(stored);
  const whole = lacking === undefined ? params : { ...params, [lacking]: cause?.message ?? '' };
  return new CertfleetError(code, said.message, hint ?? said.hint, { cause, params: whole });
}
