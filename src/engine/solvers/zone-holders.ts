import { untilAny } from '../../core/async/on-abort.ts';
import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Dns } from '../../ports/dns.ts';
import type { DnsProvider, DnsProviderTraits } from '../../ports/dns-provider.ts';
import type { Locks } from '../locks/lock.ts';
import { overrideZones, type ZoneOverride, type Zones, zoneWith } from '../zones/zone.ts';
import { createZoneWriter, type ZoneWriter } from './zone-writer.ts';

/** A provider with its credentials, and its solver's settings for the zones that it writes. */
export interface ZoneHolder {
  readonly provider: DnsProvider;
  /** The provider's type, as used in the names of the locks that all processes share. */
  readonly type: string;
  readonly traits: DnsProviderTraits;
  /** The zone and its servers, if the operator names them, so that they need not be looked up. */
  readonly override?: ZoneOverride;
  /**
   * How long the servers may take, from the first check on. The default is what the provider needs, or else 2 minutes.
   */
  readonly timeoutMs?: number | undefined;
  /** The minimum time for which the servers are polled. The value must still be there at its end. */
  readonly propagationMs?: number | undefined;
}

/** Another solver's holder, for one zone to which a CNAME may lead. */
export interface OtherHolder extends ZoneHolder {
  readonly zone: string;
  /** The solver's name. */
  readonly solver: string;
}

export interface HolderOptions extends ZoneHolder {
  readonly elsewhere?: readonly OtherHolder[];
  readonly zones: Zones;
  readonly dns: Dns;
  readonly clock: Clock;
  readonly locks: Locks;
}

/** What writes a zone. */
export interface Hand extends Pick<ZoneHolder, 'provider' | 'type' | 'traits'> {
  readonly writer: ZoneWriter;
  /** In seconds. */
  readonly ttl: number;
  readonly timeoutMs: number;
  readonly propagationMs: number;
  /** The name of the other solver to which the provider belongs. */
  readonly solver?: string;
}

export interface Hands {
  readonly all: readonly Hand[];
  /** Returns the hand that the operator named for this zone, or for one above it; otherwise the solver's own. */
  of(zone: string): Hand;
}

export function createHands(options: HolderOptions): Hands {
  const { elsewhere = [] } = options;
  const own = handOf(options, options);
  const others = new Map(elsewhere.map((one) => [one.zone, { ...handOf(options, one), solver: one.solver }]));
  return {
    all: [own, ...others.values()],
    of: (zone) => others.get(zoneWith(zone, others.keys()) ?? '') ?? own,
  };
}

/**
 * Runs a change at the target of `name`. Explains a refusal if an alias led to the zone: another provider may hold that
 * zone.
 */
export async function unlessElsewhere<T>(
  name: string,
  target: { readonly zone: string; readonly name: string },
  { solver, type: provider }: Hand,
  change: () => Promise<T>,
): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (!isFailure(error, 'dns/refused') || name === target.name || solver !== undefined) throw error;
    const { zone } = target;
    const advice = `${error.hint} If another provider hosts ${zone}, declare a solver for that provider, and name the solver here: \`zones: { ${zone}: SOLVER }\`.`;
    const params = { name, target: target.name, provider, zone, reason: reasonOf(error), advice };
    throw fail('dns/delegated', params, { cause: error });
  }
}

function handOf(options: HolderOptions, holder: ZoneHolder): Hand {
  const { provider, type, traits, propagationMs = 0 } = holder;
  const writer = writerOf({ ...options, provider, type, traits });
  const timeoutMs = Math.max(holder.timeoutMs ?? traits.visibleMs ?? 120_000, propagationMs);
  return { provider, type, traits, writer, ttl: ttlOf(traits), timeoutMs, propagationMs };
}

/** Returns the zones, with those that the solvers name themselves. */
export const zonesOf = (options: HolderOptions): Zones =>
  overrideZones(
    options.zones,
    [...(options.elsewhere ?? []), options].flatMap(({ override }) => override ?? []),
    options,
  );

/** Returns a writer that changes a zone while no other process of the store does. */
export const writerOf = ({
  provider,
  traits,
  clock,
  locks,
  type,
}: Pick<HolderOptions, 'provider' | 'traits' | 'clock' | 'locks' | 'type'>): ZoneWriter =>
  createZoneWriter({
    ...{ provider, traits, clock },
    lock: (resource, signal, change) =>
      locks.with(
        `dns ${type} ${resource}`,
        (document) => document,
        (held) => untilAny([signal, held.lost], (over) => held.effect(over, () => change(over))),
        signal,
      ),
  });

/** In seconds. Short, because the value is removed after a minute; most providers' `minTtl` is longer. */
const wantedTtl = 60;

/** Returns the TTL for a provider's values, in seconds. */
export const ttlOf = ({ minTtl }: DnsProviderTraits): number => Math.max(minTtl, wantedTtl);
