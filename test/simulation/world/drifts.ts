import type { Lineage } from '../../../src/core/lineage/lineage.ts';
import type { LookTimes } from '../../../src/core/node/look-times.ts';
import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import { endpointHostOf } from './endpoints.ts';
import type { Outside } from './outside.ts';
import { isStopped } from './promises.ts';
import { hourMs } from './scenario.ts';

/** How long a repair may take once a look has found it. */
const mostLateMs = 2 * hourMs;

/** How soon a drift is checked again that something hindered. */
const checkMs = 6 * hourMs;

/** What somebody puts back at targets: a version that certfleet has replaced there. It is soon repaired. */
export interface Drifts {
  /** @param share which of the places behind the certificate's endpoint: in [0, 1) */
  putBack(certificate: string, share: number): void;
}

export function createDrifts(
  looks: LookTimes | undefined,
  world: {
    readonly nowMs: () => number;
    readonly later: (ms: number, run: () => void) => void;
    readonly wanted: ReadonlyMap<string, StoredSpec>;
    readonly lineageOf: (name: string) => Lineage | undefined;
    readonly outside: Outside;
    /** Whether something may have hindered the work on a certificate since a time. */
    readonly isHindered: (name: string, fromMs: number) => boolean;
    /** Whether a process that looked at a target may have ended before it wrote what it saw, since a time. */
    readonly hasLostLook: (fromMs: number) => boolean;
    /** Whether it was paused at some time since then. */
    readonly isPausedSince: (name: string, fromMs: number) => boolean;
    readonly violate: (what: string) => void;
  },
): Drifts {
  const { nowMs, outside, wanted } = world;
  /** When something was last put back at each place: only a place that was repaired can have it put back anew. */
  const putMs = new Map<string, number>();

  return {
    putBack(name, share) {
      const places = outside.endpoints.get(endpointHostOf(name)) ?? [];
      const place = places[Math.floor(share * places.length)];
      const { current, previous } = world.lineageOf(name) ?? {};
      if (!looks || place === undefined || !current || !previous || outside.used.get(place) !== current.id) return;
      outside.used.set(place, previous.id);
      const atMs = nowMs();
      putMs.set(place, atMs);
      const budgetMs = (place.includes('@') ? looks.ownMs : looks.everyMs) + mostLateMs;
      const check = () => {
        // The later one has a check of its own.
        if (putMs.get(place) !== atMs) return;
        const lineage = world.lineageOf(name);
        const isThere = outside.used.get(place) === previous.id && lineage?.current?.id !== previous.id;
        if (!lineage || !isThere || !wanted.has(name) || isStopped(lineage)) return;
        const fromMs = nowMs() - budgetMs;
        const isHindered = world.isHindered(name, fromMs) || world.isPausedSince(name, fromMs);
        if (isHindered || world.hasLostLook(fromMs)) world.later(checkMs, check);
        else world.violate(`${place} still has ${previous.id}, which somebody has put back`);
      };
      world.later(budgetMs, check);
    },
  };
}
