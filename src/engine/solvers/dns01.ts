import { isToken, toBase64url } from '../../core/encoding.ts';
import { fail, isFailure, reasonOf } from '../../core/errors.ts';
import { baseName } from '../../core/identifier.ts';
import type { Json } from '../../core/json.ts';
import { createTurns, createTurnsByKey } from '../../core/turns.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Dns } from '../../ports/dns.ts';
import type { DnsProvider, DnsProviderTraits, DnsValue } from '../../ports/dns-provider.ts';
import type { Log } from '../../ports/log.ts';
import type { Solver, SolverChallenge } from '../../ports/solver.ts';
import { findHiddenWildcard } from '../looks/wildcard.ts';
import { createServerPoll } from '../zones/server-poll.ts';
import { overrideZone, type ZoneOverride, type Zones } from '../zones/zone.ts';

export interface Dns01Options {
  readonly provider: DnsProvider;
  readonly traits: DnsProviderTraits;
  readonly zones: Zones;
  readonly dns: Dns;
  readonly clock: Clock;
  readonly log: Log;
  /** The zone and its servers, where the operator names them: no walk for names in it. */
  readonly override?: ZoneOverride;
  /** How long the servers may take, from the first look on; default 2 minutes. */
  readonly timeoutMs?: number;
  /** SHA-256: a pure function, but node's own, which this layer may not import. */
  readonly sha256: (text: string) => Uint8Array;
}

/**
 * DNS-01 (RFC 8555 §8.4) over any DNS provider: zone cuts, CNAME delegation, locks and the look at every
 * authoritative server are here, once.
 */
export function createDns01(options: Dns01Options): Solver {
  const { provider, traits, dns, clock, log, timeoutMs = 120_000 } = options;
  const zones = options.override ? overrideZone(options.zones, options.override, { dns, clock }) : options.zones;
  const poll = createServerPoll({ dns, clock });
  const turn = createProviderTurns(traits);
  // Names below which a record hides nothing, and until when that is believed.
  const harmless = new Map<string, number>();
  // When a value was first looked for, so that the servers' time can run out.
  const firstLooks = new Map<string, number>();

  /** What belongs to a challenge in the DNS: from its receipt, or found anew. */
  async function recordOf(
    challenge: SolverChallenge,
    receipt: Json | undefined,
    signal: AbortSignal,
  ): Promise<Receipt> {
    // RFC 8555 §8.4
    const value = toBase64url(options.sha256(challenge.keyAuthorization));
    const known = readReceipt(receipt);
    // A receipt of another key authorization would be somebody else's value.
    if (known?.value === value) return known;
    return { ...(await zones.resolveChain(challengeName(challenge), signal)), value };
  }

  /**
   * Refuses a record that would make a name's address vanish. Looked at again right before the record is made, unless
   * it was just now: an order may have waited since, and a look that fails is no leave to go on (issue 3).
   */
  async function refuseToHide(target: { readonly zone: string; readonly name: string }, signal: AbortSignal) {
    if ((harmless.get(target.name) ?? 0) > clock.monotonicMs()) return;
    const hidden = await findHiddenWildcard(zones, target, signal);
    if (hidden) throw fail('preflight/hides-wildcard', { identifier: hidden.vanishes, wildcard: hidden.wildcard });
    harmless.set(target.name, clock.monotonicMs() + harmlessMs);
  }

  return {
    type: 'dns01',
    answers: ['dns-01'],
    // It gives up by itself, and says which server is missing: the engine is to wait until then.
    readyBudgetMs: timeoutMs + 60_000,

    async preflight(identifier, signal) {
      const name = `_acme-challenge.${baseName(identifier)}`;
      const target = await zones.resolveChain(name, signal);
      await refuseToHide(target, signal);
      await provider.check?.(target.zone, signal);
    },

    async present(challenge, _note, signal) {
      if (!isToken(challenge.token))
        throw fail('bug/unexpected', { reason: 'a token that is not base64url reached a solver' });
      const receipt = await recordOf(challenge, undefined, signal);
      await refuseToHide(receipt, signal);
      const made = await turn(receipt, signal, () => provider.append(receipt, signal));
      log.debug(`added a TXT value at ${receipt.name} in the zone ${receipt.zone}`);
      const { zone, name, value } = receipt;
      return made === undefined ? { zone, name, value } : { zone, name, value, made };
    },

    async ready(challenge, receipt, signal) {
      const value = await recordOf(challenge, receipt, signal);
      const key = `${value.name} ${value.value}`;
      const since = firstLooks.get(key) ?? clock.monotonicMs();
      firstLooks.set(key, since);
      let reason: string;
      try {
        const missing = await poll(await zones.nameservers(value.zone, signal), value, signal);
        if (missing.length === 0) {
          firstLooks.delete(key);
          return { ready: true };
        }
        reason = missing.join('; ');
      } catch (error) {
        // A resolver that stumbles while the servers are looked up: looked at again, like any silence.
        if (!isFailure(error, 'dns/lookup-failed', 'dns/no-nameserver')) throw error;
        reason = reasonOf(error);
      }
      if (clock.monotonicMs() - since < timeoutMs) return { ready: false, reason };
      firstLooks.delete(key);
      throw fail('dns/not-visible', { name: value.name, seconds: Math.round(timeoutMs / 1000), missing: reason });
    },

    async cleanup(challenge, receipt, signal) {
      const value = await recordOf(challenge, receipt, signal);
      firstLooks.delete(`${value.name} ${value.value}`);
      await turn(value, signal, () => provider.remove(value, value.made, signal));
      log.debug(`removed a TXT value at ${value.name} in the zone ${value.zone}`);
    },

    async close() {
      await provider.close?.();
    },
  };
}

/** From the look before the order to the record: an order and its authorizations are a few requests. */
const harmlessMs = 60_000;

interface Receipt extends DnsValue {
  readonly made?: string;
}

function readReceipt(receipt: Json | undefined): Receipt | undefined {
  if (typeof receipt !== 'object' || receipt === null || Array.isArray(receipt)) return undefined;
  const { zone, name, value, made } = receipt as { readonly [key: string]: Json };
  if (typeof zone !== 'string' || typeof name !== 'string' || typeof value !== 'string') return undefined;
  return { zone, name, value, ...(typeof made === 'string' ? { made } : {}) };
}

const challengeName = (challenge: SolverChallenge): string => `_acme-challenge.${baseName(challenge.identifier)}`;

/**
 * Lets calls to the provider through: at most `maxConcurrent` at once, and one at a time for what disturbs each other
 * (`traits.writes`). Within this process only: two processes with a provider that writes whole names or zones can
 * still meet, and then lose a value; the look at the servers finds that out.
 */
function createProviderTurns({ writes, maxConcurrent }: DnsProviderTraits) {
  const slots = createTurns(maxConcurrent);
  const byKey = createTurnsByKey();
  return <T>({ zone, name }: DnsValue, signal: AbortSignal, call: () => Promise<T>): Promise<T> => {
    const inSlot = () => slots.run(call, signal);
    if (writes === 'value') return inSlot();
    return byKey(writes === 'zone' ? zone : `${zone} ${name}`, inSlot, signal);
  };
}
