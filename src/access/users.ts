import type { Role } from '../core/access/role.ts';
import { isUserName, passwordProblem, passwordProblems, type UserDocument, userNameRule } from '../core/access/user.ts';
import { neverAborted } from '../core/async/never-aborted.ts';
import { fail, isFailure } from '../core/errors/errors.ts';
import type { By } from './audit.ts';
import type { Found } from './book.ts';
import type { Books } from './books.ts';
import type { Passwords } from './passwords.ts';
import type { Recorder } from './record.ts';

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

export interface Users {
  list(signal: AbortSignal): Promise<readonly User[]>;
  /** Fails with `access/user-name`, `access/password`, `access/user-exists`. */
  add(user: NewUser, by: By, signal: AbortSignal): Promise<void>;
  /** Ends the logins of the user. Fails with `access/no-user`, `access/last-admin`. */
  setRole(name: string, role: Role, by: By, signal: AbortSignal): Promise<void>;
  /** Ends the logins of the user. Fails with `access/no-user`, `access/password`. */
  setPassword(name: string, password: string, by: By, signal: AbortSignal): Promise<void>;
  /** Fails with `access/no-user`, `access/last-admin`. */
  remove(name: string, by: By, signal: AbortSignal): Promise<void>;
}

/** People type the names of users with and without capitals. */
export const userName = (typed: string): string => typed.trim().toLowerCase();

/** The parts of making a user, for the link that makes the first one. */
export interface UserMaker {
  /** Fails with `access/user-name`, `access/password`. */
  check(user: Pick<NewUser, 'name' | 'password'>): void;
  /** Makes the document of a new user, which takes long. */
  draw(user: Omit<NewUser, 'name'>): Promise<UserDocument>;
  /** Fails with `access/user-exists`. */
  create(name: string, user: UserDocument, signal: AbortSignal): Promise<void>;
}

export function createUsers(
  books: Books,
  passwords: Passwords,
  recorder: Recorder,
): Users & { readonly maker: UserMaker } {
  const { users, nowText, secret } = books;
  async function existing(name: string, signal: AbortSignal): Promise<Found<UserDocument>> {
    const found = isUserName(name) ? await users.get(name, signal) : undefined;
    if (!found) throw fail('access/no-user', { name });
    return found;
  }
  async function refuseLastAdmin(name: string, signal: AbortSignal): Promise<void> {
    const admins = [...(await users.all(signal))].filter(([, { document }]) => document.role === 'admin');
    if (admins.length > 0 && admins.every(([other]) => other === name)) throw fail('access/last-admin', { name });
  }
  /**
   * Takes the role of administrator from a user, unless no other user has it. If two administrators do that to each other
   * at the same time, at least the later call finds that none is left, and undoes its change.
   */
  async function lower(name: string, role: Exclude<Role, 'admin'>, signal: AbortSignal): Promise<void> {
    const { role: before } = (await existing(name, signal)).document;
    if (before !== 'admin') return change(name, () => ({ role }), signal);
    await refuseLastAdmin(name, signal);
    await change(name, () => ({ role }), signal);
    const others = [...(await users.all(neverAborted)).values()];
    if (others.some(({ document }) => document.role === 'admin')) return;
    await change(name, () => ({ role: before }), neverAborted);
    throw fail('access/last-admin', { name });
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

  return {
    maker: { check: checkUser, draw: drawn, create },
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
      await recorder.changed(by, act, work);
    },
    async setRole(typed, role, by, signal) {
      const name = userName(typed);
      const work = async () => {
        if (role === 'admin') await change(name, () => ({ role }), signal);
        else await lower(name, role, signal);
      };
      await recorder.changed(by, { what: 'user.role', object: name, detail: role }, work);
    },
    async setPassword(typed, password, by, signal) {
      const name = userName(typed);
      const work = async () => {
        await existing(name, signal);
        checkPassword(password, name);
        const hash = await passwords.hash(password);
        await change(name, () => ({ password: hash, passwordAt: nowText() }), signal);
      };
      await recorder.changed(by, { what: 'user.password', object: name }, work);
    },
    async remove(typed, by, signal) {
      const name = userName(typed);
      const work = async () => {
        if ((await existing(name, signal)).document.role === 'admin') await lower(name, 'viewer', signal);
        while (!(await users.remove(name, await existing(name, signal), signal)));
      };
      await recorder.changed(by, { what: 'user.remove', object: name }, work);
    },
  };
}
