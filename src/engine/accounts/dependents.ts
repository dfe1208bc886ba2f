import type { Lineage } from '../../core/lineage/lineage.ts';
import type { AccountRef } from '../../core/spec/account.ts';
import type { Engine } from '../engine.ts';
import { recordsOfAccount } from './republish.ts';
import { proxiesOfAccount } from './stateless.ts';

/** A change that is about to be made to an account. */
export interface AccountChange {
  readonly what: 'rollover' | 'deactivate';
  readonly account: AccountRef;
  readonly url: string;
  /** RFC 7638 thumbprint of the account's current key. */
  readonly thumbprint: string;
  /** The thumbprint of the new key; undefined if the account is closed. */
  readonly newThumbprint: string | undefined;
}

/** Something outside the CA that contains an account's thumbprint or URL, and so must change with it. */
export interface Dependent {
  /** The certificate that needs it. */
  readonly certificate: string;
  /** What it is and what happens to it, as a sentence for display. */
  readonly what: string;
  /**
   * Prepares it for the new key before the CA gets that key, or fails if the account must not change. Called for each
   * dependent after the new key is stored, and again if the rollover is repeated.
   */
  prepare?(change: AccountChange, signal: AbortSignal): Promise<void>;
}

/**
 * Returns everything that depends on an account's key, thumbprint or URL, found in the lineages that use the account.
 * It is shown before a change, and prepared for it.
 */
export async function dependentsOf(
  engine: Engine,
  lineages: readonly Lineage[],
  change: AccountChange,
): Promise<readonly Dependent[]> {
  // The proxies first: they may stop a rollover, which would make rewriting the records pointless.
  return [...proxiesOfAccount(engine, lineages, change), ...recordsOfAccount(engine, lineages, change)];
}
