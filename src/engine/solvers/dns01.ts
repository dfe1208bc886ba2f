import { createBriefMemory } from '../../core/brief-memory.ts';
import { isToken, toBase64url } from '../../core/encoding.ts';
import { fail, isFailure, reasonOf } from '../../core/errors.ts';
import { baseName } from '../../core/identifier.ts';
import type { Json } from '../../core/json.ts';
import { shortList } from '../../core/short-list.ts';
import { createSingleFlight } from '../../core/single-flight.ts';
import type { DnsServer } from '../../ports/dns.ts';
import type { DnsValue } from '../../ports/dns-provider.ts';
import type { Log } from '../../ports/log.ts';
import type { Solver, SolverChallenge } from '../../ports/solver.ts';
import { findHiddenWildcard } from '../looks/wildcard.ts';
import { chainMs, createTimeLimit } from '../zones/limits.ts';
import { createServerPoll, type Missing } from '../zones/server-poll.ts';
import { lookFrom } from '../zones/vantage-points.ts';
import type { ZoneServer } from '../zones/zone.ts';
import { describeDns01 } from './dns01-path.ts';
import { createHands, type Hands, type HolderOptions, unlessElsewhere, zonesOf } from './zone-holders.ts';

export interface Dns01Options extends HolderOptions {
  readonly log: Log;
  /** Name servers that need not have the value: their names or addresses. */
  readonly ignoreNameservers?: readonly string[];
  /** Resolvers that must see the value, too. */
  readonly vantagePoints?: readonly DnsServer[];
  /** SHA-256, passed in because this layer may not import it from Node. */
  readonly sha256: (text: string) => Uint8Array;
}

/**
 * DNS-01 (RFC 8555 §8.4) with any DNS provider. Zone cuts, CNAME delegation, turns at the provider and the check of
 * every authoritative server are implemented only here.
 */
export function createDns01(options: Dns01Options): Solver {
  const { dns, clock, log, vantagePoints = [] } = options;
  const zones = zonesOf(options);
  const hands = createHands(options);
  const poll = createServerPoll({ dns, clock });
  const within = createTimeLimit(clock);
  const nowMs = () => clock.monotonicMs();
  // Names whose records hide nothing, and zones that the provider can write.
  const harmless = createBriefMemory<true>(nowMs, checkedMs);
  const writable = createBriefMemory<true>(nowMs, checkedMs);
  const checking = createSingleFlight<void>();
  const longestMs = Math.max(...hands.all.map(({ timeoutMs }) => timeoutMs));
  // When a value was first checked, for the time limit, and whether it was written again.
  const looks = createBriefMemory<{ readonly since: number; readonly isRewritten: boolean }>(nowMs, 2 * longestMs);
  const isIgnored = ignoring(options);

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
    const more = { value, challenge: { domain: baseName(challenge.identifier), token, keyAuthorization } };
    // A receipt with another value is not for this challenge.
    const target = known?.value === value ? known : await zones.resolveChain(challengeName(challenge), signal);
    return { ...target, ...more, ttl: hands.of(target.zone).ttl };
  }

  /**
   * Refuses a record that would make a name's address vanish. This is checked again right before the record is added,
   * unless it was checked just before. A check that fails is a refusal, too.
   */
  async function refuseToHide(target: { readonly zone: string; readonly name: string }, signal: AbortSignal) {
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
  }

  /** Asks the provider once for all names of a zone. */
  async function checkProvider(zone: string, signal: AbortSignal): Promise<void> {
    const { provider } = hands.of(zone);
    if (!provider.check || writable.get(zone)) return;
    await checking(zone, async () => provider.check?.(zone, signal), signal);
    writable.set(zone, true);
  }

  /** The servers that lack the value, and then the vantage points that do not see it. */
  async function unseen(challenge: SolverChallenge, value: DnsValue, signal: AbortSignal): Promise<Unseen | undefined> {
    const servers = (await zones.nameservers(value.zone, signal)).filter((server) => !isIgnored(server));
    if (servers.length === 0) throw allIgnored(value.zone);
    const missing = await poll(servers, value, signal);
    if (missing.length > 0) return { reason: missingText(missing.map(({ text }) => text)), advice: adviceFor(missing) };
    const blind = await lookFrom(
      options,
      vantagePoints,
      { name: challengeName(challenge), value: value.value },
      signal,
    );
    if (blind.length === 0) return undefined;
    return { reason: missingText(blind), advice: adviceForVantage, retryAfterMs: vantagePauseMs };
  }

  /** A program that replaces whole sets, or another certfleet that was suspended, may have overwritten the value. */
  async function writeAgain(value: Written, signal: AbortSignal): Promise<void> {
    try {
      await hands.of(value.zone).writer.add(value, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.debug(`could not write the TXT value at ${value.name} again: ${reasonOf(error)}`);
    }
  }

  return {
    type: 'dns01',
    answers: ['dns-01'],
    // `ready` itself gives up after `timeoutMs`, and says which server is missing; the engine must wait for that.
    readyBudgetMs: longestMs + 60_000,
    ...longestCleanup(hands),

    async preflight(identifier, signal) {
      const name = `_acme-challenge.${baseName(identifier)}`;
      const target = await zones.resolveChain(name, signal);
      await refuseToHide(target, signal);
      await unlessElsewhere(name, target, hands.of(target.zone), () => checkProvider(target.zone, signal));
    },

    describePath: (identifier, signal) =>
      describeDns01(
        { hands, zones, dns, clock, isIgnored, refuseToHide },
        `_acme-challenge.${baseName(identifier)}`,
        signal,
      ),

    async present(challenge, _note, signal) {
      if (!isToken(challenge.token))
        throw fail('bug/unexpected', { reason: 'a token that is not base64url reached a solver' });
      const receipt = await recordOf(challenge, undefined, signal);
      await refuseToHide(receipt, signal);
      const hand = hands.of(receipt.zone);
      const made = await unlessElsewhere(challengeName(challenge), receipt, hand, () =>
        hand.writer.add(receipt, signal),
      );
      log.debug(`added a TXT value at ${receipt.name} in the zone ${receipt.zone}`);
      const { zone, name, value } = receipt;
      return made === undefined ? { zone, name, value } : { zone, name, value, made };
    },

    async ready(challenge, receipt, signal) {
      const value = await recordOf(challenge, receipt, signal);
      const { provider, timeoutMs, propagationMs } = hands.of(value.zone);
      const key = `${value.name} ${value.value}`;
      const look = looks.get(key) ?? { since: nowMs(), isRewritten: false };
      let lacks: Unseen | undefined;
      try {
        lacks = await unseen(challenge, value, signal);
        const restMs = look.since + propagationMs - nowMs();
        if (!lacks && restMs > 0) {
          const rest = Math.ceil(restMs / 1_000);
          lacks = { reason: `every server has it, and is asked for another ${rest} s (propagation)`, advice: '' };
        }
      } catch (error) {
        // A lookup of the servers failed: try again, as if a server were silent.
        if (!isFailure(error, 'dns/lookup-failed', 'dns/no-nameserver')) throw error;
        lacks = { reason: reasonOf(error), advice: error.hint };
      }
      if (!lacks) {
        looks.delete(key);
        return { ready: true };
      }
      const waitedMs = nowMs() - look.since;
      const isRewriting = waitedMs >= timeoutMs / 2 && !look.isRewritten && provider.kind === 'sets';
      looks.set(key, isRewriting ? { ...look, isRewritten: true } : look);
      if (isRewriting) await writeAgain(value, signal);
      const { reason, advice, retryAfterMs } = lacks;
      if (waitedMs < timeoutMs)
        return { ready: false, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
      looks.delete(key);
      const seconds = Math.round(timeoutMs / 1000);
      throw fail('dns/not-visible', { name: value.name, seconds, missing: reason, advice });
    },

    async cleanup(challenge, receipt, signal) {
      const value = await recordOf(challenge, receipt, signal);
      const { writer, traits } = hands.of(value.zone);
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
      for (const { provider } of hands.all) await provider.close?.();
    },
  };
}

/** Whether a name server need not have the value. */
export function ignoring({ ignoreNameservers = [] }: Pick<Dns01Options, 'ignoreNameservers'>) {
  const ignored = new Set(ignoreNameservers.map((name) => name.toLowerCase().replace(/\.$/, '')));
  return ({ name, address }: ZoneServer): boolean => ignored.has(name.toLowerCase()) || ignored.has(address);
}

interface Unseen {
  readonly reason: string;
  readonly advice: string;
  readonly retryAfterMs?: number;
}

/** A resolver keeps for a while that a value is not there, so asking it often is no use. */
const vantagePauseMs = 2_000;

export const allIgnored = (zone: string) =>
  fail('dns/no-nameserver', { zone, reason: 'ignoreNameservers names all of them' });

const checkServers = 'Check the zone transfers, and that these servers belong to the zone.';

/** What to do about servers that lack a value: those that do not answer may be dead. */
export function adviceFor(missing: readonly Missing[]): string {
  const dead = [...new Set(missing.filter(({ isDead }) => isDead).map(({ server }) => server.name))];
  if (dead.length === 0) return checkServers;
  const names = shortList(dead);
  return `If ${names} ${dead.length === 1 ? 'is' : 'are'} gone for good, remove the NS record, since the CA may ask there, too; or name it in the solver: \`ignoreNameservers: [${names}]\`.`;
}

const adviceForVantage =
  'Check whether the zone answers otherwise there (DNS views, lines by region), give it more time with `timeout`, or take the resolver out of `vantagePoints`.';

function longestCleanup({ all }: Hands): Pick<Solver, 'cleanupBudgetMs'> {
  const budgets = all.flatMap(({ traits }) => traits.cleanupBudgetMs ?? []);
  return budgets.length === 0 ? {} : { cleanupBudgetMs: Math.max(...budgets) };
}

/** A zone may have 256 addresses that are all silent; a few show what is wrong. */
export function missingText(missing: readonly string[]): string {
  const more = missing.length - mostShown;
  return more > 0 ? `${missing.slice(0, mostShown).join('; ')}; and ${more} more` : missing.join('; ');
}
const mostShown = 8;

/** How long a check stays valid: from the preflight to adding the record, there are only a few requests. */
const checkedMs = 60_000;

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
