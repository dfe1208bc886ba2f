import { createBriefMemory } from '../../core/async/brief-memory.ts';
import { createSingleFlight } from '../../core/async/single-flight.ts';
import { fail } from '../../core/errors/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { findHiddenWildcard } from '../looks/wildcard.ts';
import { chainMs, createTimeLimit } from '../zones/limits.ts';
import type { Zones } from '../zones/zone.ts';
import type { Hands } from './zone-holders.ts';

/** Checks before a record is added, whose results are remembered for a minute. */
export interface ZoneChecks {
  /**
   * Refuses a record that would make a name's address vanish. This is checked again right before the record is added,
   * unless it was just checked. A check that fails is also a refusal.
   */
  refuseToHide(target: { readonly zone: string; readonly name: string }, signal: AbortSignal): Promise<void>;
  /** Asks the provider whether it can write the zone, once for all of its names. */
  mayWrite(zone: string, signal: AbortSignal): Promise<void>;
}

/** How long a check stays valid: only a few requests lie between the preflight and adding the record. */
const checkedMs = 60_000;

export function createZoneChecks({
  zones,
  hands,
  clock,
}: {
  readonly zones: Zones;
  readonly hands: Hands;
  readonly clock: Clock;
}): ZoneChecks {
  const within = createTimeLimit(clock);
  const nowMs = () => clock.monotonicMs();
  // Names whose records hide nothing. `writable` has the zones that the provider can write.
  const harmless = createBriefMemory<true>(nowMs, checkedMs);
  const writable = createBriefMemory<true>(nowMs, checkedMs);
  const checking = createSingleFlight<void>();
  return {
    async refuseToHide(record, signal) {
      // With dns-account-01, a record makes two names above it exist. Only the upper one may have an address to lose.
      const target = { ...record, name: record.name.replace(/^_[a-z2-7]{16}\.(?=_acme-challenge\.)/, '') };
      if (harmless.get(target.name)) return;
      const hidden = await within(
        chainMs,
        signal,
        (ms) => {
          const reason = `the search for a wildcard took longer than ${ms / 1000} s`;
          return fail('dns/no-nameserver', { zone: target.zone, reason });
        },
        (limited) => findHiddenWildcard(zones, target, limited),
      );
      if (hidden) throw fail('preflight/hides-wildcard', { identifier: hidden.vanishes, wildcard: hidden.wildcard });
      harmless.set(target.name, true);
    },
    async mayWrite(zone, signal) {
      const { provider } = hands.of(zone);
      if (!provider.check || writable.get(zone)) return;
      await checking(zone, async () => provider.check?.(zone, signal), signal);
      writable.set(zone, true);
    },
  };
}
