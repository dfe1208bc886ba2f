import { keyTypeNamed, wishesOf } from '../../config/wishes.ts';
import { fail } from '../../core/errors/errors.ts';
import { type KeyType, keyTypes } from '../../core/spec/key-type.ts';
import type { Wishes } from '../../core/spec/spec.ts';
import { dateProblem } from '../../core/spec/validity.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import { type Flags, textOf } from './values.ts';

/** Flags that say what a certificate shall be, besides its names. */
export const wishFlags = [
  'profile',
  'notBefore',
  'notAfter',
  'keyType',
  'reuseKey',
  'preferredChain',
  'onFailedName',
] as const;

/** What flags say that a certificate shall be. What has no flag stays; `none` leaves it to the CA or certfleet. */
export function wishesFromFlags(flags: Flags, kept: Wishes = {}): Wishes {
  const { reuseKey = kept.reuseKey } = flags;
  return wishesOf({
    profile: given(flags, 'profile', kept.profile),
    notBefore: dateFrom('--not-before', given(flags, 'notBefore', kept.validity?.notBefore)),
    notAfter: dateFrom('--not-after', given(flags, 'notAfter', kept.validity?.notAfter)),
    keyType: keyTypeFrom(given(flags, 'keyType', kept.keyType)),
    reuseKey: reuseKey === true,
    preferredChain: given(flags, 'preferredChain', kept.preferredChain),
    onFailedName: choiceFrom(given(flags, 'onFailedName', kept.onFailedName)),
  });
}

/** The value of a flag; without it the one kept, and none after `none`. */
function given(flags: Flags, name: (typeof wishFlags)[number], kept: string | undefined): string | undefined {
  const typed = textOf(flags[name]);
  return typed === undefined ? kept : typed === 'none' ? undefined : typed;
}

function keyTypeFrom(text: string | undefined): KeyType | undefined {
  if (text === undefined) return undefined;
  const type = keyTypeNamed(text);
  if (type) return type;
  const guess = didYouMean(text, keyTypes);
  throw fail('usage/invalid', { what: `--key-type ${text}: write one of ${keyTypes.join(', ')}${guess}` });
}

function dateFrom(flag: string, text: string | undefined): string | undefined {
  const problem = text === undefined ? undefined : dateProblem(text);
  if (problem !== undefined) throw fail('usage/invalid', { what: `${flag} ${text}: ${problem}` });
  return text;
}

function choiceFrom(text: string | undefined): 'fail' | 'drop' | undefined {
  if (text === undefined || text === 'fail' || text === 'drop') return text;
  throw fail('usage/invalid', { what: `--on-failed-name ${text}: write fail or drop` });
}
