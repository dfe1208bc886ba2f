import { createHmac } from 'node:crypto';
import { isOver, isToNote, type LoginDocument } from '../core/access/login.ts';
import type { Who } from '../core/access/role.ts';
import { createThrottle } from '../core/access/throttle.ts';
import { isUserName } from '../core/access/user.ts';
import { isFailure } from '../core/errors/errors.ts';
import type { By } from './audit.ts';
import type { Found } from './book.ts';
import { type Books, digestOf } from './books.ts';
import type { Oidc } from './oidc.ts';
import type { Passwords } from './passwords.ts';
import type { Recorder } from './record.ts';
import { userName } from './users.ts';

/** A login that was found by its cookie. */
export interface Login {
  readonly who: Who;
  readonly csrf: string;
}

export type LoginAnswer = ({ readonly is: 'in'; readonly cookie: string } & Login) | NotProved;

/** What someone has typed, and from where. */
interface Given {
  readonly user: string;
  readonly password: string;
  readonly from: string;
}
type NotProved = { readonly is: 'wrong' } | { readonly is: 'slow'; readonly waitMs: number };
type Proof = { readonly is: 'right' } | NotProved;

export interface Logins {
  open(given: Given, signal: AbortSignal): Promise<LoginAnswer>;
  /** Asks once more for the password of someone who is logged in. It counts like a login. */
  confirm(given: Given, signal: AbortSignal): Promise<Proof>;
  /** Returns the login, of which this is a use. */
  find(cookie: string, signal: AbortSignal): Promise<Login | undefined>;
  /** Returns the login as it is. */
  look(cookie: string, signal: AbortSignal): Promise<Login | undefined>;
  end(cookie: string, by: By, signal: AbortSignal): Promise<void>;
}

/** More than this many people do not log in at once; a program that guesses does. */
const mostWaiting = 20;

/** A form that knows it was made for this login. It needs no place in the store. */
const csrfOf = (cookie: string): string => createHmac('sha256', cookie).update('csrf').digest('base64url');

export function createLogins(
  { users, logins, clock, nowText, secret }: Books,
  passwords: Passwords,
  recorder: Recorder,
  oidc: Pick<Oidc, 'epoch'>,
): Logins {
  const throttle = createThrottle();

  /** Looks whether a password is right, unless there were too many tries. */
  async function prove(name: string, { password, from }: Omit<Given, 'user'>, signal: AbortSignal) {
    const attempt = { user: name, from };
    const waitMs = throttle.waitMs(attempt, clock.monotonicMs());
    if (waitMs > 0) return { is: 'slow', waitMs } as const;
    if (passwords.waiting >= mostWaiting) return { is: 'slow', waitMs: 10_000 } as const;
    // Counted before the hash is made: many tries at once must not all begin with a full bucket.
    throttle.failed(attempt, clock.monotonicMs());
    const user = isUserName(name) ? (await users.get(name, signal))?.document : undefined;
    const isRight = await passwords.isRight(password, user?.password);
    if (!user || !isRight) return { is: 'wrong', isKnown: user !== undefined } as const;
    throttle.succeeded(attempt, clock.monotonicMs());
    return { is: 'right', user } as const;
  }

  async function look(cookie: string, signal: AbortSignal, isUse = false): Promise<Login | undefined> {
    if (!/^[A-Za-z0-9_-]{43}$/.test(cookie)) return undefined;
    const id = digestOf(cookie);
    const found = await logins.known(id, signal);
    if (!found) return undefined;
    const { user: name, role } = found.document;
    const user = role ? { role, epoch: oidc.epoch() ?? '' } : (await users.known(name, signal))?.document;
    const now = clock.now();
    if (!user || isOver(found.document, user, now)) return undefined;
    if (isUse && isToNote(found.document, now)) await note(id, found, signal);
    return { who: { name, role: user.role, via: 'login' }, csrf: csrfOf(cookie) };
  }
  async function note(id: string, { document, revision }: Found<LoginDocument>, signal: AbortSignal): Promise<void> {
    try {
      await logins.put(id, { ...document, seenAt: nowText() }, revision, signal);
    } catch (error) {
      // Another process has noted it, or ended the login.
      if (!isFailure(error, 'store/conflict')) throw error;
      logins.forget(id);
    }
  }

  return {
    async open({ user: typed, password, from }, signal) {
      const name = userName(typed);
      const proof = await prove(name, { password, from }, signal);
      if (proof.is === 'slow') return proof;
      if (proof.is === 'wrong') {
        // People type passwords into the wrong field, so the log has only names that exist.
        const by = { name: proof.isKnown ? name : 'unknown', via: 'login', from } as const;
        await recorder.refused(by, { what: 'login', object: by.name });
        return { is: 'wrong' };
      }
      const { user } = proof;
      const cookie = secret();
      const at = nowText();
      await logins.put(digestOf(cookie), { schema: 1, user: name, epoch: user.epoch, at, seenAt: at }, null, signal);
      await recorder.done({ name, via: 'login', from }, 'login', name);
      return { is: 'in', cookie, who: { name, role: user.role, via: 'login' }, csrf: csrfOf(cookie) };
    },
    async confirm({ user, password, from }, signal) {
      const proof = await prove(userName(user), { password, from }, signal);
      return proof.is === 'slow' ? proof : { is: proof.is };
    },
    find: (cookie, signal) => look(cookie, signal, true),
    look: (cookie, signal) => look(cookie, signal),
    async end(cookie, by, signal) {
      const id = digestOf(cookie);
      for (;;) {
        const found = await logins.get(id, signal);
        if (!found) return;
        if (await logins.remove(id, found, signal)) break;
      }
      await recorder.done(by, 'logout', by.name);
    },
  };
}
