import type { CertfleetError } from '../core/errors/errors.ts';

/**
 * Documents with compare-and-set. The store is the only memory: whatever must survive a crash or reach another process
 * is in it.
 *
 * - A document is at most 256 KiB (`core/lineage/document-limits.ts`).
 * - A revision is opaque and never comes back for a key, even after delete and re-create.
 * - Once `put` has resolved, the document survives a power cut; until then, readers see the old one or the new one,
 *   never a part.
 * - Every method MUST obey its signal until it has an effect; a put that has had its effect resolves.
 */
export type Kind = 'account' | 'credential' | 'key' | 'ledger' | 'lineage' | 'lock' | 'meta' | 'token' | 'version';

export interface Key {
  readonly kind: Kind;
  /** Any string of 1 to 1,000 characters; a store hashes names that its medium cannot hold. */
  readonly name: string;
}

export interface Entry {
  readonly key: Key;
  readonly revision: string;
  readonly bytes: Uint8Array;
  /**
   * The document's `store/corrupt`, if it cannot be read; then `bytes` is empty. Only `scan` sets it, so that one bad
   * document does not hide the others; `get` rejects with the same error.
   */
  readonly corrupt?: CertfleetError;
}

export interface PutOptions {
  /** The revision that must be current, or null if the document must not exist. There is no unconditional put. */
  readonly ifRevision: string | null;
  readonly signal: AbortSignal;
}

export interface Scrubbed {
  /** Documents whose earlier revisions a writer may still need: once they are written again, it does not. */
  readonly blocked: readonly Key[];
  /** Some content may be half written, by a process that is alive, so try again later. */
  readonly isTorn: boolean;
}

/** Which documents of a kind there are. */
export interface Listing {
  has(name: string): boolean;
  /** All names, except those that the medium does not show (the file store hashes some). */
  readonly names: readonly string[];
}

/** What became of a document that could not be read. */
export interface SetAside {
  /** Where it is now. */
  readonly kept: string;
  /** The document as it stands again: its revision, and when that was written. */
  readonly standing?: { readonly revision: number; readonly at: Date };
}

export interface Store {
  /** Where the store is, for messages: a path, a database URL without its password. */
  readonly location: string;
  /** If the store is a folder on this machine: where deployers may keep their own files. */
  readonly deployed?: string;
  /** The document, or undefined if it does not exist. */
  get(key: Key, signal: AbortSignal): Promise<Entry | undefined>;
  /**
   * Writes durably and returns the new revision. Fails with `store/conflict` if `ifRevision` is not current. A process
   * that was stopped in the middle may get `store/conflict` although its write succeeded and others have built on it,
   * so read the document after a conflict.
   */
  put(key: Key, bytes: Uint8Array, options: PutOptions): Promise<string>;
  /** Fails with `store/conflict` if the revision is not current; deleting an absent document succeeds. */
  delete(key: Key, options: { readonly ifRevision: string; readonly signal: AbortSignal }): Promise<void>;
  /** All documents of a kind, in pages, in any order. Concurrent changes may or may not be included. */
  scan(kind: Kind, signal: AbortSignal): AsyncIterable<readonly Entry[]>;
  /** Which documents of a kind there are, damaged ones too, without opening them: cheap for thousands. */
  list(kind: Kind, signal: AbortSignal): Promise<Listing>;
  /** Whether the store exists. Most commands must not create one, because its path may be mistyped. */
  exists(signal: AbortSignal): Promise<boolean>;
  /** Fails with `store/unusable` if no store could be made there, because the place has another use. Only looks. */
  checkUnused?(signal: AbortSignal): Promise<void>;
  /**
   * Tests that the store works before an order: write, link, read, delete, free space. Fails with `store/unusable`.
   */
  check(signal: AbortSignal): Promise<void>;
  /** Removes what has become safe to remove with time: old tombstones, left-over temporary files. */
  tidy(signal: AbortSignal): Promise<void>;
  /**
   * Removes what the store keeps of a kind besides its documents (earlier revisions, files of killed processes), if
   * `mayStay` says no to the content. Undefined if the store keeps nothing.
   */
  scrub?(kind: Kind, mayStay: (key: Key, bytes: Uint8Array) => boolean, signal: AbortSignal): Promise<Scrubbed>;
  /**
   * Makes room for a document that cannot be read any more: afterwards it does not exist, as if it had been deleted, and
   * what there was of it is kept elsewhere. If that was only a copy beside the document, the document stands again.
   * Resolves with undefined if the document can be read. Fails with `store/corrupt` if it cannot be moved.
   */
  setAside?(key: Key, signal: AbortSignal): Promise<SetAside | undefined>;
  /** This process is done with it. What it made and no other process needs goes; the documents stay. */
  close?(): Promise<void>;
}
