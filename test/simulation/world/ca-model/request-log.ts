import type { Exhausted } from './rate-limits.ts';
import { Refusal, shortTypeOf } from './refusal.ts';

/** What the CA was asked, and what it said: the other side of what certfleet claims to have done. */

export type RequestKind =
  | 'directory'
  | 'newAccount'
  | 'account'
  | 'keyChange'
  | 'newOrder'
  | 'order'
  | 'authorization'
  | 'challenge'
  | 'finalize'
  | 'certificate'
  | 'renewalInfo'
  | 'revokeCert';

export interface LoggedRequest {
  readonly atMs: number;
  readonly replica: string;
  readonly kind: RequestKind;
  /** The account's URL, for a signed request. */
  readonly account: string | undefined;
  /** The set of names of a new order, else the URL or the ARI id. */
  readonly about: string;
  /** `ok`, the short type of the problem, `HTTP 503`, `paused`, or `no answer`. */
  readonly verdict: string;
  /** The bucket that refused a new order. */
  readonly exhausted: Exhausted | undefined;
  /** How a new order was judged. */
  readonly isRenewal: boolean | undefined;
  readonly isExempt: boolean | undefined;
  /** Whether newOrder returned an open order again. */
  readonly isReused: boolean | undefined;
  /** The URL of the order. */
  readonly order: string | undefined;
}

export function verdictOf(error: unknown): string {
  if (!(error instanceof Refusal)) return 'no answer';
  if (!error.problem) return `HTTP ${error.status}`;
  const type = shortTypeOf(error.problem);
  return type === 'rateLimited' && !error.exhausted ? 'paused' : type;
}
