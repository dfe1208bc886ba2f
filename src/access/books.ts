import { createHash } from 'node:crypto';
import { decodeLogin, type LoginDocument } from '../core/access/login.ts';
import { type AccessDocument, decodeAccess } from '../core/access/token.ts';
import { decodeUser, type UserDocument } from '../core/access/user.ts';
import { toBase64url } from '../core/text/encoding.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Store } from '../ports/store.ts';
import { type Book, createBook } from './book.ts';

/** What users, tokens, logins and links share. */
export interface Books {
  readonly users: Book<UserDocument>;
  readonly logins: Book<LoginDocument>;
  /** API tokens and links, by the digests of their secrets. */
  readonly access: Book<AccessDocument>;
  readonly clock: Clock;
  /** Returns a new secret. */
  secret(): string;
  /** Returns the time as documents have it. */
  nowText(): string;
}

export function createBooks(given: { readonly store: Store; readonly clock: Clock; readonly random: Random }): Books {
  const { clock, random } = given;
  return {
    users: createBook<UserDocument>(given, 'user', decodeUser),
    logins: createBook<LoginDocument>(given, 'login', decodeLogin),
    access: createBook<AccessDocument>(given, 'access', decodeAccess),
    clock,
    secret: () => toBase64url(random.bytes(32)),
    nowText: () => clock.now().toISOString(),
  };
}

export const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
