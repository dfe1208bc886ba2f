import { identifierSet } from '../../../src/core/names/identifier.ts';
import type { LoggedRequest } from './ca-model/request-log.ts';
import type { Checks } from './checks.ts';
import type { Fault } from './faults.ts';
import { dayMs, minuteMs } from './scenario.ts';

/** The CA counts a moment after certfleet does, and tells its time in whole seconds. */
const jitterMs = 3_000;
/** How far the clocks of two replicas may differ: a day of one is not the day of the other. */
const spreadMs = 40 * minuteMs;

/**
 * No newOrder is refused that certfleet's own requests, or an earlier answer, foretold. What a refusal may be excused by
 * is listed in `excuseOf`.
 */
export interface Refusals {
  look(request: LoggedRequest): void;
  /** A fault has struck a call. */
  struck(fault: Fault, call: string): void;
}

export function createRefusals(world: {
  readonly nowMs: () => number;
  readonly checks: () => Pick<Checks, 'lineages' | 'untold'>;
  /** Whether a clock of the world was wrong within the last day. */
  readonly isClockWrong: () => boolean;
  readonly violate: (what: string) => void;
  readonly excused: (why: string) => void;
}): Refusals {
  const { nowMs } = world;
  const faults: { readonly fault: Fault; readonly call: string }[] = [];
  const overruled = new Map<string, number>();

  function excuseOf({ about, exhausted, verdict }: LoggedRequest): string | undefined {
    if (exhausted && exhausted.waitMs <= jitterMs) return 'the jitter of the clocks';
    if (world.isClockWrong()) return 'a wrong clock';
    const { lineages, untold } = world.checks();
    for (const { lineage } of lineages.values()) {
      const { name, spec, current, renewal } = lineage;
      if (identifierSet(spec.identifiers) !== about || !current || !renewal) continue;
      const isOverdue = Date.parse(renewal.at) <= nowMs() + spreadMs;
      if (!isOverdue || nowMs() - (overruled.get(name) ?? 0) < dayMs - spreadMs) continue;
      overruled.set(name, nowMs());
      return 'one try a day past its renewal time';
    }
    const { limit, of } = exhausted ?? {};
    if (limit === 'certificatesPerDomain' && untold(of ?? '') > 0) return 'a certificate whose answer has not come yet';
    const at = faults.findIndex(
      ({ fault: { what }, call }) =>
        limit !== 'newOrdersPerAccount' || what.startsWith('freeze') || call === 'ca.newOrder',
    );
    if (at < 0) return undefined;
    const [{ fault, call } = { fault: undefined, call: '' }] = faults.splice(at, 1);
    return `${fault?.what} ${call} (${verdict})`;
  }

  return {
    look(request) {
      const { verdict, about, exhausted } = request;
      if (verdict !== 'rateLimited' && verdict !== 'paused') return;
      const excuse = excuseOf(request);
      if (excuse) return world.excused(`${exhausted?.limit ?? verdict} of ${about}: ${excuse}`);
      const until = exhausted && new Date(nowMs() + exhausted.waitMs).toISOString();
      world.violate(
        `it orders ${about}, which the CA refuses, as was known: ${exhausted?.limit ?? verdict} of ${exhausted?.of}, until ${until}`,
      );
    },
    struck: (fault, call) => void faults.push({ fault, call }),
  };
}
