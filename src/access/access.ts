import { isOver } from '../core/access/login.ts';
import { isExpired } from '../core/access/token.ts';
import type { PasswordHash } from '../core/access/user.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Store } from '../ports/store.ts';
import { type Audit, type By, createAudit } from './audit.ts';
import { createBooks } from './books.ts';
import { createFirst, type First } from './first.ts';
import { createLogins, type Login, type LoginAnswer, type Logins } from './logins.ts';
import { createOidc, type Oidc, type OidcParts } from './oidc.ts';
import { createPasswords } from './passwords.ts';
import { createRecorder, type Recorder } from './record.ts';
import { createTokens, type Token, type Tokens } from './tokens.ts';
import { createUsers, type NewUser, type User, type Users } from './users.ts';

export type { Audit, By, Login, LoginAnswer, NewUser, Token, User };

/** Who may use pages and API. What changes something is in the audit log. */
export interface Access extends Pick<Recorder, 'refused'> {
  readonly audit: Audit;
  readonly users: Users;
  readonly tokens: Tokens;
  readonly logins: Logins;
  readonly first: First;
  readonly oidc: Oidc;
  /** Learns what other processes change, and removes what is over, until the signal aborts. */
  follow(signal: AbortSignal): Promise<void>;
}

/** How often to look for what others have changed: for so long, a login that was ended elsewhere still works. */
const lookMs = 5_000;
const tidyMs = 3_600_000;

/** @param given.scrypt the parameters of new hashes; as strong as they should be, unless a test has no time for that */
export function createAccess(given: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly scrypt?: PasswordHash['scrypt'];
  /** Without it, there are no logins at an OpenID provider. */
  readonly oidc?: OidcParts;
}): Access {
  const { store, clock, random } = given;
  const audit = createAudit(given);
  const recorder = createRecorder(audit, clock);
  const passwords = createPasswords(random, given.scrypt);
  const books = createBooks(given);
  const { users, logins, access } = books;
  const oidc = createOidc(books, recorder, given.oidc);
  const { maker, ...people } = createUsers(books, passwords, recorder);

  /** Removes logins, tokens and links that are over. */
  async function tidy(signal: AbortSignal): Promise<void> {
    const now = clock.now();
    for (const [id, found] of [...logins.memory]) {
      const { document } = found;
      // Another node may know the rules of today before this one does.
      const user = document.role ? document : users.memory.get(document.user)?.document;
      if (isOver(document, user, now)) await logins.remove(id, found, signal);
    }
    for (const [id, found] of [...access.memory])
      if (found.document.kind === 'link' && isExpired(found.document, now)) await access.remove(id, found, signal);
  }

  return {
    audit,
    users: people,
    tokens: createTokens(books, recorder),
    logins: createLogins(books, passwords, recorder, oidc),
    first: createFirst(books, maker, recorder),
    oidc,
    refused: recorder.refused,
    async follow(signal) {
      let tidiedMs = Number.NEGATIVE_INFINITY;
      while (!signal.aborted) {
        try {
          // Together, which is one statement for a database.
          await Promise.all([users, logins, access].map((book) => book.look(signal)));
          if (clock.monotonicMs() - tidiedMs > tidyMs) {
            tidiedMs = clock.monotonicMs();
            await tidy(signal);
          }
        } catch {
          // The loop tells of a store that fails. Meanwhile, requests read it, and fail too.
        }
        await clock.sleep(Math.min(store.followMs ?? lookMs, lookMs), signal).catch(() => undefined);
      }
    },
  };
}
