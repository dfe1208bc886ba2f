import { pairIn } from '../core/text/key-value.ts';
import { nearest } from '../core/text/nearest.ts';
import type { OptionField } from './fields.ts';

/**
 * Reads a file with credentials as other clients have it: certbot's INI, `KEY=VALUE`, the profiles of AWS and Alibaba
 * Cloud, a TSIG key of BIND, or JSON with one object. Problems name the key and the line, never a value.
 */
export class CredentialsProblem extends Error {}

/** The values of a file by key, as it is written there. */
export type Credentials = ReadonlyMap<string, string>;

/**
 * @param profile which section of the file, or which of Alibaba Cloud's `profiles`; `default` unless given, or the only
 * one
 */
export function parseCredentials(text: string, profile?: string): Credentials {
  const bare = text.replace(/^\ufeff/, '').trim();
  const key = /(?:^|\n)[ \t]*key\s+"?([^"\s{}=]+)"?\s*\{([^{}]*)\}/.exec(bare);
  if (key) return fromKeyFile(key[1]!, key[2]!);
  return bare.startsWith('{') ? fromJson(bare, profile) : fromLines(bare, profile);
}

/** A TSIG key as BIND's `tsig-keygen` writes it, and as `nsupdate -k` reads it. */
function fromKeyFile(keyName: string, body: string): Credentials {
  const [algorithm, secret] = ['algorithm', 'secret'].map(
    (name) => new RegExp(`\\b${name}\\s+"?([^"\\s;]+)"?\\s*;`).exec(body)?.[1],
  );
  return new Map(Object.entries({ keyName, algorithm: algorithm ?? '', secret: secret ?? '' }));
}

function fromJson(text: string, profile: string | undefined): Credentials {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message repeats a part of the file.
    throw new CredentialsProblem('it begins like JSON but is none');
  }
  let fields = value as Readonly<Record<string, unknown>>;
  if (Array.isArray(fields['profiles'])) {
    const named = new Map(
      fields['profiles'].filter(isFields).map((one) => [String(one['name']), Object.entries(one)] as const),
    );
    const current = typeof fields['current'] === 'string' ? fields['current'] : undefined;
    fields = Object.fromEntries(chosen(named, profile ?? current));
  } else if (profile !== undefined) throw new CredentialsProblem(`it has no profile "${profile}"`);
  const found = new Map<string, string>();
  for (const [key, one] of Object.entries(fields)) {
    if (typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean') found.set(key, String(one));
  }
  return found;
}

type Pair = readonly [key: string, value: string];

function fromLines(text: string, profile: string | undefined): Credentials {
  const sections = new Map<string, Pair[]>();
  const outside: Pair[] = [];
  let section = outside;
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const header = /^\[\s*(?:profile\s+)?(.+?)\s*\]$/.exec(line);
    if (header) {
      section = sections.get(header[1]!) ?? [];
      sections.set(header[1]!, section);
      continue;
    }
    const pair = pairIn(line);
    if (!pair) throw new CredentialsProblem(`line ${at + 1} is not KEY=VALUE`);
    section.push(pair);
  }
  const pairs =
    sections.size === 0 && profile === undefined
      ? outside
      : [...outside, ...chosen(sections, profile, outside.length > 0)];
  const found = new Map<string, string>();
  for (const [key, value] of pairs) {
    if (found.has(key) && found.get(key) !== value)
      throw new CredentialsProblem(`it has the key ${key} twice, with different values`);
    found.set(key, value);
  }
  return found;
}

function chosen<T>(
  profiles: ReadonlyMap<string, readonly T[]>,
  wanted: string | undefined,
  mayLack = false,
): readonly T[] {
  const names = [...profiles.keys()];
  const found =
    profiles.get(wanted ?? 'default') ??
    (wanted === undefined && names.length === 1 ? profiles.get(names[0]!) : undefined);
  if (found) return found;
  const has = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
  if (wanted !== undefined) throw new CredentialsProblem(`it has no profile "${wanted}"; ${has}`);
  if (mayLack) return [];
  throw new CredentialsProblem(`choose one of its profiles with \`profile\`; ${has}`);
}

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The keys by which a file may name an option: the option's own name in any spelling and its aliases, each with and
 * without certbot's prefix.
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

/** certbot's own way to write a key. */
export const isIniKey = (alias: string): boolean => /^(certbot_)?dns_/.test(alias);

export const snakeCase = (name: string): string => name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();

/** The keys of an option that a person would write: those of certbot's INI, else its name. */
export function writtenKeys(field: OptionField, prefixes: readonly string[]): readonly string[] {
  const keys = keysOf({ ...field, name: snakeCase(field.name) }, prefixes);
  const ofCertbot = [...field.aliases.filter(isIniKey), ...keys.filter(isIniKey)];
  return ofCertbot.length > 0 ? [...new Set(ofCertbot)] : keys.slice(0, 1);
}

/**
 * Says why a file has a value for none of these options. Of the file's own keys it shows only those that are like a
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

/** A key of a file that is almost one for these options, in words; undefined if there is none. */
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

/** A mistyped key for one of these options, which a file with other options would hide; undefined if there is none. */
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

/** The values of an adapter's options in a file. Empty ones count as missing. */
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
 * `apiToken`, `api_token` and `API-TOKEN` are one key. acme.sh stores keys with `SAVED_`, and plugins of certbot write
 * their own name and a colon before them.
 */
const spelling = (key: string): string =>
  key
    .replace(/^.*:/, '')
    .replace(/^SAVED_/, '')
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .toLowerCase();
