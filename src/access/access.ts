import { createHash, createHmac } from 'node:crypto';
import type { AuditEntry } from '../core/access/audit.ts';
import { decodeLogin, isOver, isToNote, type LoginDocument } from '../core/access/login.ts';
import { isScope, type Role, scopeRule, type Who } from '../core/access/role.ts';
import { createBucket, createThrottle } from '../core/access/throttle.ts';
import {
  type AccessDocument,
  decodeAccess,
  isExpired,
  linkMs,
  type TokenDocument,
  tokenPrefix,
} from '../core/access/token.ts';
import {
  decodeUser,
  isUserName,
  type PasswordHash,
  passwordProblem,
  passwordProblems,
  type UserDocument,
  userNameRule,
} from '../core/access/user.ts';
import { fail, isFailure } from '../core/errors/errors.ts';
import { toBase64url } from '../core/text/encoding.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Store } from '../ports/store.ts';
import { type Audit, type By, createAudit } from './audit.ts';
import { createBook, type Found } from './book.ts';
import { createPasswords } from './passwords.ts';

export type { Audit, By };

export interface User {
  readonly name: string;
  readonly role: Role;
  readonly createdAt: string;
  readonly passwordAt: string;
}

export interface NewUser {
  readonly name: string;
  readonly password: string;
  readonly role: Role;
}

export type Token = Omit<TokenDocument, 'schema' | 'kind'>;

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

/** Who may use pages and API. What changes something is in the audit log. */
export interface Access {
  readonly audit: Audit;
  readonly users: {
    list(signal: AbortSignal): Promise<readonly User[]>;
    /** Fails with `access/user-name`, `access/password`, `access/user-exists`. */
    add(user: NewUser, by: By, signal: AbortSignal): Promise<void>;
    /** Ends the logins of the user. Fails with `access/no-user`, `access/last-admin`. */
    setRole(name: string, role: Role, by: By, signal: AbortSignal): Promise<void>;
    /** Ends the logins of the user. Fails with `access/no-user`, `access/password`. */
    setPassword(name: string, password: string, by: By, signal: AbortSignal): Promise<void>;
    /** Fails with `access/no-user`, `access/last-admin`. */
    remove(name: string, by: By, signal: AbortSignal): Promise<void>;
  };
  readonly tokens: {
    list(signal: AbortSignal): Promise<readonly Token[]>;
    /** Returns the token, which is nowhere else. Fails with `access/token-exists`, `access/scope`. */
    add(token: Pick<Token, 'name' | 'role' | 'scope' | 'expiresAt'>, by: By, signal: AbortSignal): Promise<string>;
    /** Fails with `access/no-token`. */
    remove(name: string, by: By, signal: AbortSignal): Promise<void>;
    find(token: string, signal: AbortSignal): Promise<Who | undefined>;
  };
  readonly logins: {
    open(given: Given, signal: AbortSignal): Promise<LoginAnswer>;
    /** Asks once more for the password of someone who is logged in. It counts like a login. */
    confirm(given: Given, signal: AbortSignal): Promise<Proof>;
    /** Returns the login, of which this is a use. */
    find(cookie: string, signal: AbortSignal): Promise<Login | undefined>;
    /** Returns the login as it is. */
    look(cookie: string, signal: AbortSignal): Promise<Login | undefined>;
    end(cookie: string, by: By, signal: AbortSignal): Promise<void>;
  };
  /** Links that make the first user. */
  readonly first: {
    /** Returns a link’s secret, or undefined if there are users. */
    make(signal: AbortSignal): Promise<string | undefined>;
    isValid(secret: string, signal: AbortSignal): Promise<boolean>;
    /** Makes an administrator. Fails with `access/link-over`, `access/user-name`, `access/password`. */
    use(secret: string, user: Pick<NewUser, 'name' | 'password'>, from: string, signal: AbortSignal): Promise<void>;
  };
  /** Writes down that someone was refused something because of their role. Of very many, only how many. */
  refused(by: By, act: Pick<AuditEntry, 'what' | 'object'>): Promise<void>;
  /** Learns what other processes change, and removes what is over, until the signal aborts. */
  follow(signal: AbortSignal): Promise<void>;
}

/** How often to look for what others have changed: for so long, a login that was ended elsewhere still works. */
const lookMs = 5_000;
const tidyMs = 3_600_000;
const firstName = 'first';
/** Longer than the write of a user takes. */
const makingMs = 60_000;
/** More than this many people do not log in at once; a program that guesses does. */
const mostWaiting = 20;

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
/** A form that knows it was made for this login. It needs no place in the store. */
const csrfOf = (cookie: string): string => createHmac('sha256', cookie).update('csrf').digest('base64url');
/** People type the names of users with and without capitals. */
const userName = (typed: string): string => typed.trim().toLowerCase();

/** @param given.scrypt the parameters of new hashes; as strong as they should be, unless a test has no time for that */
export function createAccess(given: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly scrypt?: PasswordHash['scrypt'];
}): Access {
  const { store, clock, random } = given;
  const audit = createAudit(given);
  const passwords = createPasswords(random, given.scrypt);
  const throttle = createThrottle();
  const refusals = createBucket({ most: 60, eachMs: 60_000 });
  const users = createBook<UserDocument>(given, 'user', decodeUser);
  const logins = createBook<LoginDocument>(given, 'login', decodeLogin);
  const access = createBook<AccessDocument>(given, 'access', decodeAccess);

  const secret = () => toBase64url(random.bytes(32));
  const nowText = () => clock.now().toISOString();
  const done = (by: By, what: string, object: string, detail?: string) =>
    audit.record(by, { what, object, result: 'done', ...present({ detail }) });
  /** Writes down what someone changes, and also what they tried in vain. */
  async function recorded(
    by: By,
    act: Pick<AuditEntry, 'what' | 'object' | 'detail'>,
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isFailure(error, 'access/')) await audit.record(by, { ...act, result: error.code });
      throw error;
    }
    await audit.record(by, { ...act, result: 'done' });
  }

  async function existing(name: string, signal: AbortSignal): Promise<Found<UserDocument>> {
    const found = await users.get(name, signal);
    if (!found) throw fail('access/no-user', { name });
    return found;
  }
  async function refuseLastAdmin(name: string, signal: AbortSignal): Promise<void> {
    const admins = [...(await users.all(signal))].filter(([, { document }]) => document.role === 'admin');
    if (admins.length > 0 && admins.every(([other]) => other === name)) throw fail('access/last-admin', { name });
  }
  function checkUser({ name, password }: Pick<NewUser, 'name' | 'password'>): void {
    if (!isUserName(name)) throw fail('access/user-name', { name, rule: userNameRule });
    checkPassword(password, name);
  }
  function checkPassword(password: string, name: string): void {
    const problem = passwordProblem(password, name);
    if (problem) throw fail('access/password', { reason: passwordProblems[problem] });
  }
  /** Makes the document of a new user, which takes long. */
  async function drawn({ password, role }: Omit<NewUser, 'name'>): Promise<UserDocument> {
    const at = nowText();
    const hash = await passwords.hash(password);
    return { schema: 1, role, password: hash, epoch: secret(), createdAt: at, passwordAt: at };
  }
  const create = (name: string, user: UserDocument, signal: AbortSignal): Promise<void> =>
    users.put(name, user, null, signal).catch((error: unknown) => {
      throw isFailure(error, 'store/conflict') ? fail('access/user-exists', { name }, { cause: error }) : error;
    });
  /** Writes a change of a user, whatever others change at the same time. */
  async function change(
    name: string,
    next: (user: UserDocument) => Partial<UserDocument>,
    signal: AbortSignal,
  ): Promise<void> {
    for (;;) {
      const { document, revision } = await existing(name, signal);
      try {
        // Another epoch ends the logins, which have that of before.
        return await users.put(name, { ...document, ...next(document), epoch: secret() }, revision, signal);
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
      }
    }
  }

  async function tokens(signal: AbortSignal) {
    const all = [...(await access.all(signal))];
    return all.flatMap(([id, { document, revision }]) =>
      document.kind === 'token' ? [{ id, document, revision }] : [],
    );
  }
  async function link(text: string, signal: AbortSignal): Promise<Found<AccessDocument> | undefined> {
    const found = await access.get(digestOf(text), signal);
    return found?.document.kind === 'link' && !isExpired(found.document, clock.now()) ? found : undefined;
  }

  /** Another process may be about to write the first user. */
  const isRecent = (mark: AccessDocument | undefined): boolean =>
    mark?.kind === 'first' && Math.abs(clock.now().getTime() - Date.parse(mark.at)) < makingMs;

  /** Whoever guesses from many addresses, or tries again and again, must not fill the store. */
  let unrecorded = 0;
  async function refused(by: By, act: Pick<AuditEntry, 'what' | 'object'>): Promise<void> {
    if (!refusals.take(clock.monotonicMs())) {
      unrecorded += 1;
      return;
    }
    const detail = unrecorded > 0 ? `and ${unrecorded} more before it` : undefined;
    unrecorded = 0;
    await audit.record(by, { ...act, result: 'refused', detail });
  }

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
    const { user: name } = found.document;
    const user = (await users.known(name, signal))?.document;
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

  /** Removes logins, tokens and links that are over. */
  async function tidy(signal: AbortSignal): Promise<void> {
    const now = clock.now();
    for (const [id, found] of [...logins.memory])
      if (isOver(found.document, users.memory.get(found.document.user)?.document, now))
        await logins.remove(id, found, signal);
    for (const [id, found] of [...access.memory])
      if (found.document.kind === 'link' && isExpired(found.document, now)) await access.remove(id, found, signal);
  }

  return {
    audit,
    users: {
      async list(signal) {
        const all = [...(await users.all(signal))];
        return all
          .map(
            ([
              name,
              {
                document: { role, createdAt, passwordAt },
              },
            ]) => ({ name, role, createdAt, passwordAt }),
          )
          .sort((one, other) => (one.name < other.name ? -1 : 1));
      },
      async add(user, by, signal) {
        const name = userName(user.name);
        const act = { what: 'user.add', object: isUserName(name) ? name : 'unknown', detail: user.role };
        const work = async () => {
          checkUser({ ...user, name });
          await create(name, await drawn(user), signal);
        };
        await recorded(by, act, work);
      },
      async setRole(typed, role, by, signal) {
        const name = userName(typed);
        const work = async () => {
          await existing(name, signal);
          if (role !== 'admin') await refuseLastAdmin(name, signal);
          await change(name, () => ({ role }), signal);
        };
        await recorded(by, { what: 'user.role', object: name, detail: role }, work);
      },
      async setPassword(typed, password, by, signal) {
        const name = userName(typed);
        const work = async () => {
          await existing(name, signal);
          checkPassword(password, name);
          const hash = await passwords.hash(password);
          await change(name, () => ({ password: hash, passwordAt: nowText() }), signal);
        };
        await recorded(by, { what: 'user.password', object: name }, work);
      },
      async remove(typed, by, signal) {
        const name = userName(typed);
        const work = async () => {
          await existing(name, signal);
          await refuseLastAdmin(name, signal);
          while (!(await users.remove(name, await existing(name, signal), signal)));
        };
        await recorded(by, { what: 'user.remove', object: name }, work);
      },
    },
    tokens: {
      list: async (signal) =>
        (await tokens(signal))
          .map(({ document: { schema: _format, kind: _kind, ...token } }) => token)
          .sort((one, other) => (one.name < other.name ? -1 : 1)),
      async add({ name, role, scope, expiresAt }, by, signal) {
        const text = `${tokenPrefix}${secret()}`;
        const work = async () => {
          if (!isUserName(name)) throw fail('access/user-name', { name, rule: userNameRule });
          const bad = scope?.find((one) => !isScope(one));
          if (bad !== undefined) throw fail('access/scope', { scope: bad, rule: scopeRule });
          if ((await tokens(signal)).some(({ document }) => document.name === name))
            throw fail('access/token-exists', { name });
          const what = { name, role, createdAt: nowText(), createdBy: by.name, ...present({ scope, expiresAt }) };
          await access.put(digestOf(text), { schema: 1, kind: 'token', ...what }, null, signal);
        };
        const detail = [role, ...(scope ?? [])].join(' ');
        await recorded(by, { what: 'token.add', object: isUserName(name) ? name : 'unknown', detail }, work);
        return text;
      },
      async remove(name, by, signal) {
        const work = async () => {
          const mine = (await tokens(signal)).filter(({ document }) => document.name === name);
          if (mine.length === 0) throw fail('access/no-token', { name });
          for (const { id, ...found } of mine) await access.remove(id, found, signal);
        };
        await recorded(by, { what: 'token.remove', object: name }, work);
      },
      async find(text, signal) {
        if (!text.startsWith(tokenPrefix) || text.length > 100) return undefined;
        const document = (await access.known(digestOf(text), signal))?.document;
        if (document?.kind !== 'token' || isExpired(document, clock.now())) return undefined;
        const { name, role, scope } = document;
        return { name, role, via: 'token', ...present({ scope }) };
      },
    },
    logins: {
      async open({ user: typed, password, from }, signal) {
        const name = userName(typed);
        const proof = await prove(name, { password, from }, signal);
        if (proof.is === 'slow') return proof;
        if (proof.is === 'wrong') {
          // People type passwords into the wrong field, so the log has only names that exist.
          const by = { name: proof.isKnown ? name : 'unknown', via: 'login', from } as const;
          await refused(by, { what: 'login', object: by.name });
          return { is: 'wrong' };
        }
        const { user } = proof;
        const cookie = secret();
        const at = nowText();
        await logins.put(digestOf(cookie), { schema: 1, user: name, epoch: user.epoch, at, seenAt: at }, null, signal);
        await done({ name, via: 'login', from }, 'login', name);
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
        await done(by, 'logout', by.name);
      },
    },
    first: {
      async make(signal) {
        if (!(await users.isEmpty(signal))) return undefined;
        const text = secret();
        const expiresAt = new Date(clock.now().getTime() + linkMs).toISOString();
        await access.put(digestOf(text), { schema: 1, kind: 'link', expiresAt }, null, signal);
        return text;
      },
      isValid: async (text, signal) => (await link(text, signal)) !== undefined && (await users.isEmpty(signal)),
      async use(text, typed, from, signal) {
        const name = userName(typed.name);
        checkUser({ ...typed, name });
        const over = () => fail('access/link-over', {});
        const user = await drawn({ password: typed.password, role: 'admin' });
        // Read before the look at the users: of two links that are used at once, one finds the other's mark.
        const before = await access.get(firstName, signal);
        const found = await link(text, signal);
        if (!found || isRecent(before?.document) || !(await users.isEmpty(signal))) throw over();
        const mark = { schema: 1, kind: 'first', user: name, at: nowText() } as const;
        try {
          await access.put(firstName, mark, before?.revision ?? null, signal);
        } catch (error) {
          throw isFailure(error, 'store/conflict') ? over() : error;
        }
        if (!(await access.remove(digestOf(text), found, signal))) throw over();
        await create(name, user, signal);
        await done({ name, via: 'link', from }, 'user.add', name, 'admin, by the link for the first user');
      },
    },
    refused,
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
