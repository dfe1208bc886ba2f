import type { CertfleetError } from '../core/errors/errors.ts';

/**
 * Documents with compare-and-set. The store is the only memory: it contains whatever must survive a crash or reach
 * another process.
 *
 * - A document is at most 256 KiB (`core/lineage/document-limits.ts`).
 * - A revision is opaque and never recurs for a key, even after the document is deleted and created again.
 * - Once `put` has resolved, the document survives a power cut; until then, readers see the old one or the new one,
 *   never a part.
 * - Every method MUST obey its signal until it has an effect; a put that has taken effect resolves.
 */
export type Kind =
  | 'access'
  | 'account'
  | 'alarm'
  | 'audit'
  | 'credential'
  | 'declared'
  | 'history'
  | 'key'
  | 'ledger'
  | 'lineage'
  | 'lock'
  | 'login'
  | 'meta'
  | 'replica'
  | 'session'
  | 'token'
  | 'user'
  | 'version';

export interface Key {
  readonly kind: Kind;
  /** Any string of 1 to 1,000 characters. A store hashes names that its medium cannot hold. */
  readonly name: string;
}

export interface Entry {
  readonly key: Key;
  readonly revision: string;
  readonly bytes: Uint8Array;
  /**
   * Set by `scan` with `isKnown`: a text that the document has only as long as neither it nor who can write it changes.
   */
  readonly stamp?: string | undefined;
  /**
   * The `store/corrupt` error of an unreadable document, whose `bytes` are empty. Only `scan` sets it, so that one bad
   * document does not hide the others; `get` rejects with the same error.
   */
  readonly corrupt?: CertfleetError;
}

/** A document that does not exist any longer. */
export interface Gone {
  readonly key: Key;
  readonly gone: true;
}

/** Up to where a caller knows the changes of a kind, as the store that made it notes it. */
export type Cursor = unknown;

export interface PutOptions {
  /** The revision that must be current, or null if the document must not exist. There is no unconditional put. */
  readonly ifRevision: string | null;
  readonly signal: AbortSignal;
}

export interface Scrubbed {
  /** Documents whose earlier revisions a writer may still need, until the document is written again. */
  readonly blocked: readonly Key[];
  /** Some content may be half written by a living process, so try again later. */
  readonly isTorn: boolean;
}

/** The documents of a kind. */
export interface Listing {
  has(name: string): boolean;
  /** All names, except those that the medium does not show (the file store hashes some). */
  readonly names: readonly string[];
}

/** The outcome for a document that could not be read. */
export interface SetAside {
  /** Where the unreadable content is now. */
  readonly kept: string;
  /** The document that is valid again: its revision, and when that was written. */
  readonly standing?: { readonly revision: number; readonly at: Date };
}

/** Reports whether the caller knows a document that has this stamp. */
export type IsKnown = (name: string, stamp: string) => boolean;

export interface Store {
  /** Where the store is, for messages: a path, or a database URL without its password. */
  readonly location: string;
  /** `changes` is cheap, however many documents there are, so that it may take the place of many single reads. */
  readonly hasCheapChanges?: boolean;
  /** If the store is a folder on this machine: where deployers may keep their own files. */
  readonly deployed?: string;
  /** Others than the user that runs certfleet can read the medium, so it must not have secrets in the clear. */
  readonly demandsKey?: boolean;
  /** Returns the document, or undefined if it does not exist. */
  get(key: Key, signal: AbortSignal): Promise<Entry | undefined>;
  /**
   * Writes durably and returns the new revision. Fails with `store/conflict` if `ifRevision` is not current. A process
   * that was stopped in the middle may get `store/conflict` although its write succeeded and others have built on it,
   * so read the document after a conflict.
   */
  put(key: Key, bytes: Uint8Array, options: PutOptions): Promise<string>;
  /** Fails with `store/conflict` if the revision is not current; deleting an absent document succeeds. */
  delete(key: Key, options: { readonly ifRevision: string; readonly signal: AbortSignal }): Promise<void>;
  /**
   * Returns all documents of a kind, in pages, in any order. Concurrent changes may or may not be included.
   *
   * @param isKnown asked for documents before they are opened; those for which it returns true are left out. A store
   *   that cannot find their stamps without opening them need not ask.
   */
  scan(kind: Kind, signal: AbortSignal, isKnown?: IsKnown): AsyncIterable<readonly Entry[]>;
  /**
   * Returns the documents of a kind that were written or deleted since a cursor was made, by any process, and a new
   * cursor. Never misses a change, but may repeat one, and a store on a network may see it some seconds late. Without a
   * cursor, returns no documents: a caller that begins to follow makes a cursor first, and scans then.
   */
  changes(
    kind: Kind,
    cursor: Cursor | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly entries: readonly (Entry | Gone)[]; readonly cursor: Cursor }>;
  /** How often those who follow the changes should ask, if not every five seconds. */
  readonly followMs?: number;
  /** Returns which documents of a kind exist, including damaged ones, without opening them: cheap for thousands. */
  list(kind: Kind, signal: AbortSignal): Promise<Listing>;
  /** Reports whether the store exists. Most commands must not create one, because its path may be mistyped. */
  exists(signal: AbortSignal): Promise<boolean>;
  /**
   * Fails with `store/unusable` if no store could be created there, because the place has another use. Changes nothing.
   */
  checkUnused?(signal: AbortSignal): Promise<void>;
  /**
   * From now on, every call fails with `store/unusable` while this document is not there, or another one: then the store
   * is gone, and must neither be taken for empty nor be made anew. Does nothing if the document does not exist now.
   */
  anchor?(key: Key, signal: AbortSignal): Promise<void>;
  /**
   * Tests that the store works before an order: write, link, read, delete, free space. Fails with `store/unusable`.
   */
  check(signal: AbortSignal): Promise<void>;
  /** The time of the clock that the medium has of its own. */
  now?(signal: AbortSignal): Promise<Date>;
  /** Removes what has become safe to remove with time: old tombstones, left-over temporary files. */
  tidy(signal: AbortSignal): Promise<void>;
  /**
   * Removes what the store keeps of a kind besides its documents (earlier revisions, files of killed processes), unless
   * `mayStay` allows the content. Undefined if the store keeps nothing else.
   */
  scrub?(kind: Kind, mayStay: (key: Key, bytes: Uint8Array) => boolean, signal: AbortSignal): Promise<Scrubbed>;
  /**
   * Makes room for a document that can no longer be read: afterwards it does not exist, as if it had been deleted, and
   * what was left of it is kept elsewhere. If the damaged part was only a copy beside the document, the document is
   * valid again. Resolves with undefined if the document can be read. Fails with `store/corrupt` if it cannot be moved.
   */
  setAside?(key: Key, signal: AbortSignal): Promise<SetAside | undefined>;
  /**
   * Ends this process's use of the store. Removes what the process created and no other process needs; the documents
   * stay.
   */
  close?(): Promise<void>;
}
