import { type AccessDocument, isExpired, linkMs } from '../core/access/token.ts';
import { fail, isFailure } from '../core/errors/errors.ts';
import type { Found } from './book.ts';
import { type Books, digestOf } from './books.ts';
import type { Recorder } from './record.ts';
import { type NewUser, type UserMaker, userName } from './users.ts';

/** Links that make the first user. */
export interface First {
  /** Returns a link’s secret, or undefined if there are users. */
  make(signal: AbortSignal): Promise<string | undefined>;
  isValid(secret: string, signal: AbortSignal): Promise<boolean>;
  /** Makes an administrator. Fails with `access/link-over`, `access/user-name`, `access/password`. */
  use(secret: string, user: Pick<NewUser, 'name' | 'password'>, from: string, signal: AbortSignal): Promise<void>;
}

const firstName = 'first';
/** Longer than the write of a user takes. */
const makingMs = 60_000;

export function createFirst(
  { users, access, clock, nowText, secret }: Books,
  maker: UserMaker,
  recorder: Recorder,
): First {
  async function link(text: string, signal: AbortSignal): Promise<Found<AccessDocument> | undefined> {
    const found = await access.get(digestOf(text), signal);
    return found?.document.kind === 'link' && !isExpired(found.document, clock.now()) ? found : undefined;
  }

  /** Another process may be about to write the first user. */
  const isRecent = (mark: AccessDocument | undefined): boolean =>
    mark?.kind === 'first' && Math.abs(clock.now().getTime() - Date.parse(mark.at)) < makingMs;

  return {
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
      maker.check({ ...typed, name });
      const over = () => fail('access/link-over', {});
      const user = await maker.draw({ password: typed.password, role: 'admin' });
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
      await maker.create(name, user, signal);
      await recorder.done({ name, via: 'link', from }, 'user.add', name, 'admin');
    },
  };
}
