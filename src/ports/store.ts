import type { CertfleetError } from '../core/errors.ts';

/**
 * Documents with compare-and-set (house.md §6). The store is the only memory: whatever must survive a crash or be
 * seen by another replica is here.
 *
 * - A document is at most 256 KiB (`core/document-limits.ts`).
 * - A revision is opaque and never comes back for a key, even after delete and re-create.
 * - After `put` has resolved, the document survives a power cut; before, readers see the old one or the new one,
 *   never a part.
 * - Every method MUST honour its signal before it has an effect; a put that has taken effect resolves.
 */
export type Kind = 'account' | 'credential' | 'key' | 'ledger' | 'lineage' | 'lock' | 'meta' | 'token' | 'version';

export interface Key {
  readonly kind: Kind;
  /** Any string of 1 to 1,000 characters; stores hash what their medium cannot hold. */
  readonly name: string;
}

export interface Entry {
  readonly key: Key;
  readonly revision: string;
  readonly bytes: Uint8Array;
  /**
   * Set by `scan` alone, where a document cannot be read: its `store/corrupt`; `bytes` is empty then. One bad document
   * must not hide the others; `get` of it rejects with the same error.
   */
  readonly corrupt?: CertfleetError;
}

export interface PutOptions {
  /** The revision that must be current, or null: the document must not exist. There is no unconditional put. */
  readonly ifRevision: string | null;
  readonly signal: AbortSignal;
}

export interface Store {
  /** A person's word for where it is, for messages: a path, a database URL without its password. */
  readonly location: string;
  /** Of a store that is a folder of this machine: where deployers may keep files of their own. */
  readonly deployed?: string;
  /** The document, or undefined where there is none (or it was deleted). */
  get(key: Key, signal: AbortSignal): Promise<Entry | undefined>;
  /**
   * Writes durably and answers the new revision. Fails with `store/conflict` when `ifRevision` is not current. A
   * process that was stopped in the middle may be told `store/conflict` although its write was taken and others have
   * written on top of it: after a conflict, read before anything else.
   */
  put(key: Key, bytes: Uint8Array, options: PutOptions): Promise<string>;
  /** Fails with `store/conflict` when the revision is not current; deleting what is absent is fine. */
  delete(key: Key, options: { readonly ifRevision: string; readonly signal: AbortSignal }): Promise<void>;
  /** All documents of a kind, in pages, in any order. What changes meanwhile may or may not be seen. */
  scan(kind: Kind, signal: AbortSignal): AsyncIterable<readonly Entry[]>;
  /** Whether it was made already. A command that only looks must not make one: its path may be mistyped. */
  exists(signal: AbortSignal): Promise<boolean>;
  /**
   * Proves that the store works before a CA is called: write, link, read, delete, free space. Fails with
   * `store/unusable`.
   */
  check(signal: AbortSignal): Promise<void>;
  /** Removes what only time could make safe to remove (old tombstones, left-over temporary files). */
  tidy(signal: AbortSignal): Promise<void>;
}
