import { toBase64url } from '../text/encoding.ts';
import { present } from '../text/present.ts';

/** The label under which a name's dns-persist-01 records are stored. */
export const persistLabel = '_validation-persist';

/**
 * A TXT record of dns-persist-01 (draft-ietf-acme-dns-persist). For as long as it exists, it permits an account of a CA
 * to get certificates for the name. Its value is an issue-value as in CAA (RFC 8659 §4.2).
 */
export interface PersistRecord {
  readonly issuer: string;
  /** The account's URL (up to draft 01), or a hash that identifies the account (from draft 02 on). */
  readonly accountUri: string;
  /** The record also covers `*.NAME`. */
  readonly wildcard: boolean;
  readonly until?: Date;
}

/** The account that a record names. */
export interface PersistAccount {
  readonly url: string;
  /**
   * The URL that the CA requires in records, if it states one (draft 01). Boulder's may have another scheme and port.
   */
  readonly stated?: string | undefined;
  /** RFC 7638 thumbprint of the account key. */
  readonly thumbprint: string;
  /** The directory's `accountHashPrefix`, which only CAs that follow draft 02 have. */
  readonly hashPrefix?: string | undefined;
}

/** What a name's record must say. */
export interface PersistWanted {
  /** The CA's names for itself; the record must have one of them. */
  readonly issuers: readonly string[];
  readonly accountUri: string;
  readonly wildcard: boolean;
}

/**
 * Returns the account URI for a name's record. With draft 02 it is a hash, which does not reveal the account's other
 * names.
 */
export function accountUriOf(
  { url, stated = url, thumbprint, hashPrefix }: PersistAccount,
  name: string,
  sha256: (data: Uint8Array) => Uint8Array,
): string {
  if (hashPrefix === undefined) return stated;
  const hashed = Buffer.concat([Uint8Array.of(name.length), Buffer.from(`${name}${thumbprint}${url}`)]);
  return `${hashPrefix}sha-256/${toBase64url(sha256(hashed))}`;
}

export function printPersistRecord({ issuer, accountUri, wildcard, until }: PersistRecord): string {
  return [
    issuer,
    `accounturi=${accountUri}`,
    ...(wildcard ? ['policy=wildcard'] : []),
    ...(until ? [`persistUntil=${Math.floor(until.getTime() / 1000)}`] : []),
  ].join('; ');
}

/** Parses a value, which a person may have written. Returns undefined if a CA would refuse it as malformed. */
export function parsePersistRecord(value: string): PersistRecord | undefined {
  const [issuer = '', ...parts] = value.split(';').map(trim);
  const tags = new Map<string, string>();
  for (const part of parts) {
    const at = part.indexOf('=');
    const tag = trim(part.slice(0, Math.max(at, 0))).toLowerCase();
    const text = trim(part.slice(at + 1));
    if (tag === '' || tags.has(tag) || !/^[\x21-\x7e]*$/.test(text)) return undefined;
    tags.set(tag, text);
  }
  const accountUri = tags.get('accounturi') ?? '';
  const until = tags.get('persistuntil');
  if (issuer === '' || accountUri === '' || (until !== undefined && !/^-?\d{1,12}$/.test(until))) return undefined;
  return {
    issuer,
    accountUri,
    wildcard: tags.get('policy')?.toLowerCase() === 'wildcard',
    ...present({ until: until === undefined ? undefined : new Date(Number(until) * 1000) }),
  };
}

const trim = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '');

/** Reports whether a value is a record that permits what is wanted at this time. */
export function permits(value: string, wanted: PersistWanted, at: Date): boolean {
  const record = parsePersistRecord(value);
  return (
    record !== undefined &&
    wanted.issuers.includes(record.issuer) &&
    record.accountUri === wanted.accountUri &&
    (record.wildcard || !wanted.wildcard) &&
    (record.until === undefined || record.until > at)
  );
}
