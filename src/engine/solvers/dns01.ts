import { isToken, toBase64url } from '../../core/encoding.ts';
import { fail, isFailure, reasonOf } from '../../core/errors.ts';
import { baseName } from '../../core/identifier.ts';
import type { Json } from '../../core/json.ts';
import { createSingleFlight } from '../../core/single-flight.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Dns } from '../../ports/dns.ts';
import type { DnsProvider, DnsProviderTraits, DnsValue } from '../../ports/dns-provider.ts';
import type { Log } from '../../ports/log.ts';
import type { Solver, SolverChallenge } from '../../ports/solver.ts';
import type { Locks } from '../leases/lock.ts';
import { findHiddenWildcard } from '../looks/wildcard.ts';
import { chainMs, createTimeLimit } from '../zones/limits.ts';
import { createServerPoll } from '../zones/server-poll.ts';
import { overrideZone, type ZoneOverride, type Zones } from '../zones/zone.ts';
import { describeDns01 } from './dns01-path.ts';
import { createZoneWriter, type ZoneWriter } from './zone-writer.ts';

export interface Dns01Options {
  readonly provider: DnsProvider;
  /** The provider's type, in the names of the locks that all processes share. */
  readonly type: string;
  readonly traits: DnsProviderTraits;
  readonly locks: Locks;
  readonly zones: Zones;
  readonly dns: Dns;
  readonly clock: Clock;
  readonly log: Log;
  /** The zone and its servers, if the operator names them; then they are not searched for. */
  readonly override?: ZoneOverride;
  /** How long the servers may take, from the first check on. Default: what the provider needs, else 2 minutes. */
  readonly timeoutMs?: number | undefined;
  /** How long the servers are asked at least: the value must still be there when this is over. */
  readonly propagationMs?: number | undefined;
  /** SHA-256, passed in because this layer may not import it from Node. */
  readonly sha256: (text: string) => Uint8Array;
}

/**
 * DNS-01 (RFC 8555 §8.4) with any DNS provider. Zone cuts, CNAME delegation, turns at the provider and the check of
 * every authoritative server are implemented only here.
 */
export function createDns01(options: Dns01Options): Solver {
  const { provider, traits, dns, clock, log, propagationMs = 0 } = options;
  const timeoutMs = Math.max(options.timeoutMs ?? traits.visibleMs ?? 120_000, propagationMs);
  const zones = options.override ? overrideZone(options.zones, options.override, { dns, clock }) : options.zones;
  const poll = createServerPoll({ dns, clock });
  const writer = writerOf(options);
  const ttl = ttlOf(traits);
  const within = createTimeLimit(clock);
  // Names whose records hide nothing, and zones that the provider can write.
  const harmless = createBriefMemory(clock, checkedMs);
  const writable = createBriefMemory(clock, checkedMs);
  const checking = createSingleFlight<void>();
  // When a value was first checked, for the time limit, and whether it was written again.
  const looks = new Map<string, { readonly since: number; readonly isRewritten: boolean }>();

  /** The TXT record of a challenge, from its receipt or looked up again. */
  async function recordOf(
    challenge: SolverChallenge,
    receipt: Json | undefined,
    signal: AbortSignal,
  ): Promise<Written> {
    // RFC 8555 §8.4
    const value = toBase64url(options.sha256(challenge.keyAuthorization));
    const known = readReceipt(receipt);
    const { token, keyAuthorization } = challenge;
    const more = { value, ttl, challenge: { domain: baseName(challenge.identifier), token, keyAuthorization } };
    // A receipt with another value is not for this challenge.
    if (known?.value === value) return { ...known, ...more };
    return { ...(await zones.resolveChain(challengeName(challenge), signal)), ...more };
  }

  /**
   * Refuses a record that would make a name's address vanish. This is checked again right before the record is added,
   * unless it was checked just before. A check that fails is a refusal, too.
   */
  async function refuseToHide(target: { readonly zone: string; readonly name: string }, signal: AbortSignal) {
    if (harmless.has(target.name)) return;
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
    harmless.add(target.name);
  }

  /** Asks the provider once for all names of a zone. */
  async function checkProvider(zone: string, signal: AbortSignal): Promise<void> {
    if (!provider.check || writable.has(zone)) return;
    await checking(zone, async () => provider.check?.(zone, signal), signal);
    writable.add(zone);
  }

  /** A program that replaces whole sets, or another certfleet that was suspended, may have overwritten the value. */
  async function writeAgain(value: Written, signal: AbortSignal): Promise<void> {
    try {
      await writer.add(value, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.debug(`could not write the TXT value at ${value.name} again: ${reasonOf(error)}`);
    }
  }

  return {
    type: 'dns01',
    answers: ['dns-01'],
    // `ready` itself gives up after `timeoutMs`, and says which server is missing; the engine must wait for that.
    readyBudgetMs: timeoutMs + 60_000,
    ...(traits.cleanupBudgetMs === undefined ? {} : { cleanupBudgetMs: traits.cleanupBudgetMs }),

    async preflight(identifier, signal) {
      const name = `_acme-challenge.${baseName(identifier)}`;
      const target = await zones.resolveChain(name, signal);
      await refuseToHide(target, signal);
      await checkProvider(target.zone, signal);
    },

    describePath: (identifier, signal) =>
      describeDns01({ provider, zones, dns, clock, refuseToHide }, `_acme-challenge.${baseName(identifier)}`, signal),

    async present(challenge, _note, signal) {
      if (!isToken(challenge.token))
        throw fail('bug/unexpected', { reason: 'a token that is not base64url reached a solver' });
      const receipt = await recordOf(challenge, undefined, signal);
      await refuseToHide(receipt, signal);
      const made = await writer.add(receipt, signal);
      log.debug(`added a TXT value at ${receipt.name} in the zone ${receipt.zone}`);
      const { zone, name, value } = receipt;
      return made === undefined ? { zone, name, value } : { zone, name, value, made };
    },

    async ready(challenge, receipt, signal) {
      const value = await recordOf(challenge, receipt, signal);
      const key = `${value.name} ${value.value}`;
      const look = looks.get(key) ?? { since: clock.monotonicMs(), isRewritten: false };
      looks.set(key, look);
      let reason: string;
      try {
        const missing = await poll(await zones.nameservers(value.zone, signal), value, signal);
        const restMs = look.since + propagationMs - clock.monotonicMs();
        if (missing.length === 0 && restMs <= 0) {
          looks.delete(key);
          return { ready: true };
        }
        if (missing.length === 0) {
          const reason = `every server has it, and is asked for another ${Math.ceil(restMs / 1_000)} s (propagation)`;
          return { ready: false, reason };
        }
        reason = missingText(missing);
      } catch (error) {
        // A lookup of the servers failed: try again, as if a server were silent.
        if (!isFailure(error, 'dns/lookup-failed', 'dns/no-nameserver')) throw error;
        reason = reasonOf(error);
      }
      const waitedMs = clock.monotonicMs() - look.since;
      if (waitedMs >= timeoutMs / 2 && !look.isRewritten && provider.kind === 'sets') {
        looks.set(key, { ...look, isRewritten: true });
        await writeAgain(value, signal);
      }
      if (waitedMs < timeoutMs) return { ready: false, reason };
      looks.delete(key);
      throw fail('dns/not-visible', { name: value.name, seconds: Math.round(timeoutMs / 1000), missing: reason });
    },

    async cleanup(challenge, receipt, signal) {
      const value = await recordOf(challenge, receipt, signal);
      looks.delete(`${value.name} ${value.value}`);
      await writer.remove(value, value.made, signal);
      if (value.made === undefined && traits.listLagMs !== undefined) {
        // The provider may not have seen in its own list what was just added.
        await clock.sleep(traits.listLagMs, signal);
        await writer.remove(value, undefined, signal);
      }
      log.debug(`removed a TXT value at ${value.name} in the zone ${value.zone}`);
    },

    async close() {
      await provider.close?.();
    },
  };
}

/** Changes a zone while no other process of the store does. */
export const writerOf = ({
  provider,
  traits,
  clock,
  locks,
  type,
}: Pick<Dns01Options, 'provider' | 'traits' | 'clock' | 'locks' | 'type'>): ZoneWriter =>
  createZoneWriter({
    ...{ provider, traits, clock },
    lock: (resource, signal, change) =>
      locks.with(
        `dns ${type} ${resource}`,
        (document) => document,
        (held) => {
          const over = AbortSignal.any([signal, held.lost]);
          return held.effect(over, () => change(over));
        },
        signal,
      ),
  });

/** In seconds. */
export const ttlOf = ({ minTtl }: DnsProviderTraits): number => Math.max(minTtl, wantedTtl);

/** A zone may have 256 addresses that are all silent; a few show what is wrong. */
function missingText(missing: readonly string[]): string {
  const more = missing.length - mostShown;
  return more > 0 ? `${missing.slice(0, mostShown).join('; ')}; and ${more} more` : missing.join('; ');
}
const mostShown = 8;

/** How long a check stays valid: from the preflight to adding the record, there are only a few requests. */
const checkedMs = 60_000;

/** Remembers keys for a while. */
function createBriefMemory(clock: Clock, forMs: number) {
  // In the order in which they end.
  const ends = new Map<string, number>();
  return {
    has: (key: string): boolean => (ends.get(key) ?? 0) > clock.monotonicMs(),
    add(key: string): void {
      for (const [old, endMs] of ends) {
        if (endMs > clock.monotonicMs()) break;
        ends.delete(old);
      }
      ends.delete(key);
      ends.set(key, clock.monotonicMs() + forMs);
    },
  };
}

/** In seconds. Short, since the value is gone after a minute; most providers' `minTtl` is longer. */
const wantedTtl = 60;

interface Receipt extends Omit<DnsValue, 'ttl'> {
  readonly made?: string;
}

type Written = DnsValue & Receipt;

function readReceipt(receipt: Json | undefined): Receipt | undefined {
  if (typeof receipt !== 'object' || receipt === null || Array.isArray(receipt)) return undefined;
  const { zone, name, value, made } = receipt as { readonly [key: string]: Json };
  if (typeof zone !== 'string' || typeof name !== 'string' || typeof value !== 'string') return undefined;
  return { zone, name, value, ...(typeof made === 'string' ? { made } : {}) };
}

const challengeName = (challenge: SolverChallenge): string => `_acme-challenge.${baseName(challenge.identifier)}`;
