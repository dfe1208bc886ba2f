import type { Credentials } from '../../core/text/credentials-text.ts';
import { nearest } from '../../core/text/nearest.ts';
import type { OptionField } from '../registry/option-fields.ts';

/**
 * Returns the keys by which a file may name an option: the option's own name in any spelling and its aliases, each with
 * and without certbot's prefix.
 */
export const keysOf = (
  { name, aliases }: Pick<OptionField, 'name' | 'aliases'>,
  prefixes: readonly string[],
): readonly string[] => [
  name,
  ...prefixes.map((prefix) => `${prefix}${name}`),
  ...aliases,
  ...prefixes.flatMap((prefix) =>
    aliases.filter((alias) => alias.startsWith(prefix)).map((alias) => alias.slice(prefix.length)),
  ),
];

/** Reports whether a key is in certbot's spelling. */
export const isIniKey = (alias: string): boolean => /^(certbot_)?dns_/.test(alias);

export const snakeCase = (name: string): string => name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();

/** Returns the keys of an option that a person would write: those of certbot's INI, or else its name. */
export function writtenKeys(field: OptionField, prefixes: readonly string[]): readonly string[] {
  const keys = keysOf({ ...field, name: snakeCase(field.name) }, prefixes);
  const ofCertbot = [...field.aliases.filter(isIniKey), ...keys.filter(isIniKey)];
  return ofCertbot.length > 0 ? [...new Set(ofCertbot)] : keys.slice(0, 1);
}

/**
 * Explains why a file has a value for none of these options. Of the file's own keys, shows only those that resemble a
 * known one, because the others may be a part of a secret.
 *
 * @param all the adapter's options
 */
export function whyLacking(
  credentials: Credentials,
  wanted: readonly OptionField[],
  all: readonly OptionField[],
  prefixes: readonly string[],
): string {
  const spellings = (fields: readonly OptionField[]) =>
    new Set(fields.flatMap((field) => keysOf(field, prefixes).map(spelling)));
  const [wantedSpellings, known] = [spellings(wanted), spellings(all)];
  const keys = [...credentials.keys()];
  const empty = keys.find((key) => wantedSpellings.has(spelling(key)));
  if (empty !== undefined) return `its key ${empty} is empty`;
  const names = wanted.map((field) => writtenKeys(field, prefixes)[0]!);
  const none = names.length === 1 ? `it has no key ${names[0]}` : `it has none of the keys ${names.join(', ')}`;
  const others = keys.filter((key) => !known.has(spelling(key)));
  const typo = typoIn(others, wanted, prefixes);
  if (typo !== undefined) return `${none}; ${typo}`;
  const isOfAnother = ofAnother(prefixes);
  const another = others.map(prefixOf).find(isOfAnother);
  return another === undefined ? none : `${none}; its keys begin with ${another}, so it is for another provider`;
}

/** Describes a key in a file that is almost one for these options. Returns undefined if there is none. */
function typoIn(
  keys: readonly string[],
  wanted: readonly OptionField[],
  prefixes: readonly string[],
): string | undefined {
  const candidates = wanted.flatMap((field) => [...writtenKeys(field, prefixes), ...keysOf(field, prefixes)]);
  const isOfAnother = ofAnother(prefixes);
  for (const key of keys) {
    const near = isOfAnother(prefixOf(key)) ? undefined : nearest(key, candidates);
    if (near !== undefined) return `did you mean "${near}" where it has "${key}"?`;
  }
  return undefined;
}

const prefixOf = (key: string) => /^(?:.*:)?((?:certbot_)?dns_[a-z0-9]+_)/.exec(key)?.[1];
const ofAnother = (prefixes: readonly string[]) => (prefix: string | undefined) =>
  prefix !== undefined && nearest(prefix, prefixes) === undefined;

/**
 * Returns a mistyped key for one of these options, which a file with other options would hide, or undefined if there is
 * none.
 */
export function mistyped(
  credentials: Credentials,
  wanted: readonly OptionField[],
  all: readonly OptionField[],
  prefixes: readonly string[],
): string | undefined {
  const known = new Set(all.flatMap((field) => keysOf(field, prefixes).map(spelling)));
  return typoIn(
    [...credentials.keys()].filter((key) => !known.has(spelling(key))),
    wanted,
    prefixes,
  );
}

/** Returns the values of an adapter's options in a file. Empty values count as missing. */
export function optionsIn(
  credentials: Credentials,
  fields: readonly OptionField[],
  prefixes: readonly string[],
): ReadonlyMap<string, string> {
  const plain = new Map<string, string>();
  for (const [key, value] of credentials)
    if (value !== '' && !plain.has(spelling(key))) plain.set(spelling(key), value);
  const found = new Map<string, string>();
  for (const field of fields) {
    const key = keysOf(field, prefixes).find((one) => plain.has(spelling(one)));
    if (key !== undefined) found.set(field.name, plain.get(spelling(key))!);
  }
  return found;
}

/**
 * Normalizes the spelling: `apiToken`, `api_token` and `API-TOKEN` are one key. acme.sh stores keys with `SAVED_`, and
 * plugins of certbot write their own name and a colon in front.
 */
const spelling = (key: string): string =>
  key
    .replace(/^.*:/, '')
    .replace(/^SAVED_/, '')
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .toLowerCase();
