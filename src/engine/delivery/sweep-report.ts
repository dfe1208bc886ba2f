import type { ErrorCode } from '../../core/errors/error-table.ts';
import { asFailure, reasonOf } from '../../core/errors/errors.ts';
import { type Engine, report } from '../engine.ts';

export interface Swept {
  readonly cleaned: readonly string[];
  /** What a removal may have missed, because the DNS provider may not list it yet. */
  readonly unsure: readonly string[];
  /** Interrupted deployments that were finished: `abc to edge`. */
  readonly delivered: readonly string[];
  /** Certificates whose interrupted revocation was finished: `abc (serial 0a1b)`. */
  readonly revoked: readonly string[];
  readonly failed: readonly NotSwept[];
  /** The number of tombstones that will be checked later. `nextLook` is when the first of them is due, RFC 3339. */
  readonly waiting: number;
  readonly nextLook?: string;
}

export interface NotSwept {
  readonly what: string;
  readonly reason: string;
  /** The error's code; undefined if the solver or its provider ran out of time. */
  readonly code?: ErrorCode;
  /** The action that failed, if it was not a removal. */
  readonly verb?: 'deliver' | 'list' | 'revoke';
}

export type Done = Omit<Swept, 'waiting' | 'nextLook'>;

export const nothing: Done = { cleaned: [], unsure: [], delivered: [], revoked: [], failed: [] };

/** Describes what a removal may have missed. */
export const notListed = (what: string): string => `not in the provider’s list yet: ${what}; it is looked for again`;

export const notSwept = (what: string, error: unknown): NotSwept => ({
  what,
  reason: reasonOf(error),
  code: asFailure(error).code,
});

export const merged = (all: readonly Done[]): Done => ({
  cleaned: all.flatMap(({ cleaned }) => cleaned),
  unsure: all.flatMap(({ unsure }) => unsure),
  delivered: all.flatMap(({ delivered }) => delivered),
  revoked: all.flatMap(({ revoked }) => revoked),
  failed: all.flatMap(({ failed }) => failed),
});

/** Reports what was removed, and what may not have been. */
export function reported(engine: Engine, done: Done): Done {
  for (const what of done.unsure) report(engine, { level: 'info', event: 'sweep.unsure', message: notListed(what) });
  for (const what of done.cleaned)
    report(engine, { level: 'info', event: 'sweep.cleaned', message: `removed ${what}` });
  return done;
}
