import { fail } from '../errors/errors.ts';
import { decodeDocument } from '../lineage/lineage.ts';
import { isRole, type Role } from './role.ts';

/** `access/<SHA-256 of the token>`: an API token. */
export interface TokenDocument {
  readonly schema: 1;
  readonly kind: 'token';
  readonly name: string;
  readonly role: Role;
  /** The certificates that it is for; all, if left out. */
  readonly scope?: readonly string[] | undefined;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly expiresAt?: string | undefined;
}

/** `access/<SHA-256 of the link>`: a link that makes the first user, once. */
export interface LinkDocument {
  readonly schema: 1;
  readonly kind: 'link';
  readonly expiresAt: string;
}

/** `access/first`: of those that use such links at the same time, the one that could write it wins. */
export interface FirstDocument {
  readonly schema: 1;
  readonly kind: 'first';
  readonly user: string;
  readonly at: string;
}

export type AccessDocument = TokenDocument | LinkDocument | FirstDocument;

/** Reads the document. Fails with `store/corrupt`. */
export function decodeAccess(bytes: Uint8Array, name: string, file: string): AccessDocument {
  const where = { key: `access/${name}`, file };
  const found = decodeDocument<AccessDocument>(bytes, where, ['kind']);
  if (found.kind === 'token' && (!isRole(found.role) || typeof found.name !== 'string'))
    throw fail('store/corrupt', { ...where, reason: 'it has no name, or an unknown role' });
  return found;
}

/** Reports whether a token or link is over. A time that cannot be read is over. */
export const isExpired = ({ expiresAt }: { readonly expiresAt?: string | undefined }, now: Date): boolean =>
  expiresAt !== undefined && !(Date.parse(expiresAt) > now.getTime());

/** So long is a link valid that makes the first user. */
export const linkMs = 900_000;

/** API tokens are known by this in logs and by those who look for leaked secrets. */
export const tokenPrefix = 'cft_';
