import type { Clock } from '../ports/clock.ts';
import type { Cursor, Entry, Gone, Store } from '../ports/store.ts';
import { decodeToken, isAlive, type TokenDocument } from './token-document.ts';

/** The tokens of a store, in memory. */
export interface LiveTokens {
  /**
   * Learns of what has changed, or of all tokens at first. Calls run one after the other, at most twenty a second.
   *
   * @param begun called when it begins to read: what is stored after that may be missed
   */
  look(begun: () => void): Promise<void>;
  /** Returns the key authorization, as of the last look. */
  get(token: string): string | undefined;
  /** Whether all tokens are in memory. */
  readonly areAll: boolean;
}

/** Between the beginnings of two looks: twenty a second, however many tokens are asked for. */
const pauseMs = 50;
/** Ten thousand tokens take a second. */
const longestMs = 30_000;
/** About 25 MB. A hundred names of a certificate are as many tokens, for the minute that its validations take. */
const mostTokens = 50_000;

export function createLiveTokens(
  store: Pick<Store, 'scan' | 'changes'>,
  clock: Clock,
  most: number = mostTokens,
): LiveTokens {
  let tokens = new Map<string, Pick<TokenDocument, 'keyAuthorization' | 'expires'>>();
  let areAll = true;
  let cursor: { readonly at: Cursor } | undefined;
  let begunMs = Number.NEGATIVE_INFINITY;
  let last: Promise<void> = Promise.resolve();

  /** Returns false if another token had to go. */
  function note(into: typeof tokens, entry: Entry | Gone): boolean {
    const { name } = entry.key;
    const document = 'gone' in entry ? undefined : decodeToken(entry.bytes);
    into.delete(name);
    if (!document || !isAlive(document, clock.now())) return true;
    const { keyAuthorization, expires } = document;
    into.set(name, { keyAuthorization, expires });
    if (into.size <= most) return true;
    // The oldest one is the least likely to be asked for.
    const [oldest = name] = into.keys();
    into.delete(oldest);
    return false;
  }

  async function readAll(signal: AbortSignal): Promise<void> {
    const { cursor: at } = await store.changes('token', undefined, signal);
    const found: typeof tokens = new Map();
    let fits = true;
    for await (const page of store.scan('token', signal)) for (const entry of page) fits = note(found, entry) && fits;
    [tokens, areAll, cursor] = [found, fits, { at }];
  }

  async function readChanges(since: Cursor, signal: AbortSignal): Promise<void> {
    const { entries, cursor: at } = await store.changes('token', since, signal);
    for (const entry of entries) areAll = note(tokens, entry) && areAll;
    cursor = { at };
  }

  async function read(begun: () => void): Promise<void> {
    const waitMs = begunMs + pauseMs - clock.monotonicMs();
    if (waitMs > 0) await clock.sleep(waitMs, new AbortController().signal);
    begunMs = clock.monotonicMs();
    begun();
    const deadline = clock.deadline(longestMs);
    try {
      // Those that were left out have room again.
      const isOver = !areAll && tokens.size < most / 2;
      await (cursor && !isOver ? readChanges(cursor.at, deadline.signal) : readAll(deadline.signal));
    } finally {
      deadline.done();
    }
  }

  return {
    look(begun) {
      last = last.catch(() => undefined).then(() => read(begun));
      return last;
    },
    get(token) {
      const found = tokens.get(token);
      return found && isAlive(found, clock.now()) ? found.keyAuthorization : undefined;
    },
    get areAll() {
      return areAll;
    },
  };
}
