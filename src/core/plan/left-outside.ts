import { type ErrorCode, errorTable } from '../errors/error-table.ts';
import { isFailure, reasonOf } from '../errors/errors.ts';
import { cut } from '../errors/remote-text.ts';
import type { Lineage, Tombstone } from '../lineage/lineage.ts';
import { nameOfPresented } from '../lineage/tombstones.ts';
import { shortList } from '../text/short-list.ts';

/** Something of a certificate that is still in the outside world, although it was to be removed. */
export interface LeftOutside {
  /** In words: `the forward rule`. */
  readonly what: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** How much of a reason to store: a certificate may have a hundred challenges. */
const longestReason = 200;

/** The service only has no time at the moment. */
const passing: ReadonlySet<ErrorCode> = new Set([
  ...(['dns/limited', 'dns/conflict', 'balancer/limited', 'balancer/busy'] as const),
]);

/**
 * Why a removal was refused, if the error shows that what was to be removed is still there. After a timeout, or without a
 * connection, that is unknown: it is tried again, and that is all.
 */
export function refusalOf(error: unknown): Tombstone['refused'] {
  if (!isFailure(error) || error.blame === 'network' || error.blame === 'bug' || passing.has(error.code))
    return undefined;
  return { code: error.code, reason: cut(reasonOf(error), longestReason) };
}

/** What a certificate has left outside, as far as that is known. What has the same reason is one entry. */
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
