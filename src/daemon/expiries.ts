import type { KnownCertificate } from '../engine/steady/vitals.ts';

/** The state of a certificate for metrics. `status` knows more of them, for which it reads more than the loop keeps. */
export const certificateStates = [
  'valid',
  'due',
  'pending',
  'failing',
  'paused',
  'expired',
  'missing',
  'undeclared',
] as const;
type State = (typeof certificateStates)[number];

/** All certificates at a glance. */
export interface Expiries {
  readonly byState: ReadonlyMap<State, number>;
  /** Those that are renewed and expire first, the first one first. */
  readonly soonest: readonly { readonly name: string; readonly notAfterMs: number }[];
  /** How many have expired, or are past a third of the time between their renewal and their expiry. */
  readonly overdue: number;
}

/** Reports whether a certificate is overdue, for which there is an alarm, too. */
export const isOverdue = ({ isUndeclared, overdueMs }: KnownCertificate, nowMs: number): boolean =>
  !isUndeclared && overdueMs <= nowMs;

function stateOf(one: KnownCertificate, nowMs: number): State {
  if (one.isUndeclared) return 'undeclared';
  if (one.notAfterMs <= nowMs) return 'expired';
  if (one.isPaused) return 'paused';
  if (one.isFailing) return 'failing';
  if (Number.isNaN(one.notAfterMs)) return 'missing';
  if (one.isPending) return 'pending';
  return one.renewMs <= nowMs ? 'due' : 'valid';
}

/** @param most how many of the soonest to name */
export function expiriesOf(certificates: Iterable<KnownCertificate>, now: Date, most: number): Expiries {
  const nowMs = now.getTime();
  const byState = new Map<State, number>(certificateStates.map((state) => [state, 0]));
  let soonest: { readonly name: string; readonly notAfterMs: number }[] = [];
  let latestMs = Number.POSITIVE_INFINITY;
  let overdue = 0;
  const cut = () => {
    soonest = soonest.sort((a, b) => a.notAfterMs - b.notAfterMs).slice(0, most);
    if (soonest.length === most) latestMs = soonest.at(-1)!.notAfterMs;
  };
  for (const one of certificates) {
    const state = stateOf(one, nowMs);
    byState.set(state, (byState.get(state) ?? 0) + 1);
    if (one.isUndeclared || Number.isNaN(one.notAfterMs)) continue;
    if (isOverdue(one, nowMs)) overdue++;
    const { name, notAfterMs } = one;
    if (notAfterMs >= latestMs) continue;
    soonest.push({ name, notAfterMs });
    // Sorting now and then is cheaper than keeping 100,000, or than a place for each.
    if (soonest.length >= 2 * most) cut();
  }
  cut();
  return { byState, soonest, overdue };
}
