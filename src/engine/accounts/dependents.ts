import type { Lineage } from '../../core/lineage/lineage.ts';
import type { AccountRef } from '../../core/spec/account.ts';
import type { Engine } from '../engine.ts';
import { recordsOfAccount } from './republish.ts';
import { proxiesOfAccount } from './stateless.ts';

/** What is about to happen to an account. */
export interface AccountChange {
  readonly what: 'rollover' | 'deactivate';
  readonly account: AccountRef;
  readonly url: string;
  /** RFC 7638 thumbprint of the key that the account has. */
  readonly thumbprint: string;
  /** Of the key that it will have; undefined if it is closed. */
  readonly newThumbprint: string | undefined;
}

/** Something outside the CA that contains an account's thumbprint or URL, and so must change with it. */
export interface Dependent {
  /** The certificate that needs it. */
  readonly certificate: string;
  /** What it is, and what happens to it, as a sentence for a person. */
  readonly what: string;
  /**
   * Makes it work with the new key before the CA gets that, or fails if the account may not change. Called for each
   * dependent after the new key is stored, and again if the rollover is tried again.
   */
  prepare?(change: AccountChange, signal: AbortSignal): Promise<void>;
}

/**
 * Everything that depends on an account's key, thumbprint or URL, found in the lineages that use the account. Shown
 * before a change, and prepared for it.
 */
export async function dependentsOf(
  engine: Engine,
  lineages: readonly Lineage[],
  change: AccountChange,
): Promise<readonly Dependent[]> {
  // The proxies first: they may stop a rollover, and records that are written anew would be for nothing.
  return [...proxiesOfAccount(engine, lineages, change), ...recordsOfAccount(engine, lineages, change)];
}
