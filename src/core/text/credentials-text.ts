import { isFields } from './json.ts';
import { pairIn } from './key-value.ts';

/**
 * Parses a credentials file in the formats of other clients: certbot's INI, `KEY=VALUE`, the profiles of AWS and
 * Alibaba Cloud, a BIND TSIG key, or JSON with one object. Problems name the key and the line, never a value.
 */
export class CredentialsProblem extends Error {}

/** The values of a file by key, with keys as written there. */
export type Credentials = ReadonlyMap<string, string>;

/**
 * @param profile a section of the file, or one of Alibaba Cloud's `profiles`; defaults to `default`, or to the only one
 */
export function parseCredentials(text: string, profile?: string): Credentials {
  const bare = text.replace(/^\ufeff/, '').trim();
  const key = /(?:^|\n)[ \t]*key\s+"?([^"\s{}=]+)"?\s*\{([^{}]*)\}/.exec(bare);
  if (key) return fromKeyFile(key[1]!, key[2]!);
  return bare.startsWith('{') ? fromJson(bare, profile) : fromLines(bare, profile);
}

/** Parses a TSIG key as BIND's `tsig-keygen` writes it and `nsupdate -k` reads it. */
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
