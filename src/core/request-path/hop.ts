import type { ErrorCode } from '../errors/error-table.ts';
import { asFailure } from '../errors/errors.ts';

/** One step of the CA's path to the answer, as `certfleet doctor` shows it. */
export interface Hop {
  readonly at: HopPlace;
  readonly state: 'well' | 'cannot-tell' | 'broken';
  readonly finding: string;
  /** Why it is broken, or may be. */
  readonly reason?: HopReason;
  readonly advice?: string;
  /** The error code of a broken hop, for the exit code. */
  readonly code?: ErrorCode;
}

export type HopPlace =
  | 'ca'
  | 'caa'
  | 'name'
  | 'alias'
  | 'zone'
  | 'server'
  | 'solver'
  | 'listener'
  | 'rule'
  | 'group'
  | 'responder'
  | 'health'
  | 'answer'
  | 'target'
  | 'room'
  | 'rights'
  | 'store'
  | 'clock';

export type HopReason =
  | 'hairpin-nat'
  | 'ipv6-not-served'
  | 'nothing-listens'
  | 'not-fetched'
  | 'redirect-elsewhere'
  | 'redirect-listener'
  | 'redirect-loses-path'
  | 'redirect-loop'
  | 'proxy-protocol'
  | 'wrong-backend'
  | 'no-healthy-backend'
  | 'security-group'
  | 'rule-of-others'
  | 'no-room'
  | 'waf'
  | 'missing-right'
  | 'other-port'
  | 'icp-filing';

/** Returns a hop that failed with an error. */
export function failedAt(at: HopPlace, error: unknown): Hop {
  const { code, message, hint } = asFailure(error);
  const broken = { at, state: 'broken', finding: message, code, advice: hint } as const;
  return code === 'balancer/redirects' ? { ...broken, reason: 'redirect-listener' } : broken;
}
