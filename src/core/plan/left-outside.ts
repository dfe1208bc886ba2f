import { type ErrorCode, errorTable } from '../errors/error-table.ts';
import { isFailure, reasonOf } from '../errors/errors.ts';
import { cut } from '../errors/remote-text.ts';
import type { Lineage, Tombstone } from '../lineage/lineage.ts';
import { nameOfPresented } from '../lineage/tombstones.ts';
import { shortList } from '../text/short-list.ts';

/** Something of a certificate that still exists in the outside world, although it should have been removed. */
export interface LeftOutside {
  /** In words: `the forward rule`. */
  readonly what: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** The maximum length of a stored reason: a certificate may have a hundred challenges. */
const longestReason = 200;

/** Errors of a service that is only busy at the moment. */
const passing: ReadonlySet<ErrorCode> = new Set([
  ...(['dns/limited', 'dns/conflict', 'balancer/limited', 'balancer/busy'] as const),
]);

/**
 * Returns why a removal was refused, if the error shows that the object still exists. After a timeout, or without a
 * connection, that is unknown, and the removal is simply tried again.
 */
export function refusalOf(error: unknown): Tombstone['refused'] {
  if (!isFailure(error) || error.blame === 'network' || error.blame === 'bug' || passing.has(error.code))
    return undefined;
  return { code: error.code, reason: cut(reasonOf(error), longestReason) };
}

/** Returns what a certificate is known to have left outside. Items with the same reason are combined. */
export function leftOutside({ tombstones = [], spec }: Pick<Lineage, 'tombstones' | 'spec'>): readonly LeftOutside[] {
  const found = new Map<string, { readonly whats: Set<string>; readonly code: ErrorCode; readonly reason: string }>();
  for (const stone of tombstones) {
    const { code, reason } = stone.refused ?? {};
    if (code === undefined || reason === undefined) continue;
    const known = code in errorTable ? (code as ErrorCode) : 'dns/failed';
    const one = found.get(`${code} ${reason}`) ?? { whats: new Set(), code: known, reason };
    one.whats.add(nameOfPresented(stone, spec));
    found.set(`${code} ${reason}`, one);
  }
  return [...found.values()].map(({ whats, code, reason }) => ({ what: shortList([...whats]), code, reason }));
}
