import { createBriefMemory } from '../../core/async/brief-memory.ts';
import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { present } from '../../core/text/present.ts';
import { shortList } from '../../core/text/short-list.ts';
import type { DnsServer } from '../../ports/dns.ts';
import type { DnsValue } from '../../ports/dns-provider.ts';
import type { Log } from '../../ports/log.ts';
import type { Readiness } from '../../ports/solver.ts';
import { createServerPoll, type Missing } from '../zones/server-poll.ts';
import { lookFrom } from '../zones/vantage-points.ts';
import type { ZoneServer, Zones } from '../zones/zone.ts';
import type { Hands, HolderOptions } from './zone-holders.ts';

export interface VisibilityOptions extends Pick<HolderOptions, 'dns' | 'clock'> {
  readonly log: Log;
  readonly zones: Zones;
  readonly hands: Hands;
  /** Name servers that need not have the value, by name or address. */
  readonly ignoreNameservers?: readonly string[];
  /** Resolvers that must see the value, too. */
  readonly vantagePoints?: readonly DnsServer[];
}

export interface Visibility {
  /**
   * Checks whether every authoritative server has a value, and then every vantage point. Fails with `dns/not-visible`
   * once the servers' time is over.
   *
   * @param asked the name that the CA asks for, which may be an alias of the value's name
   */
  look(value: DnsValue, asked: string, signal: AbortSignal): Promise<Readiness>;
  /** Forgets a value that is being removed, so that its time starts again if it is written again. */
  forget(value: DnsValue): void;
  isIgnored(server: ZoneServer): boolean;
}

/** Looks for TXT values on the servers of their zones, and rewrites values that were overwritten. */
export function createVisibility(options: VisibilityOptions): Visibility {
  const { dns, clock, log, zones, hands, vantagePoints = [] } = options;
  const poll = createServerPoll({ dns, clock });
  const nowMs = () => clock.monotonicMs();
  const longestMs = longestWait(hands);
  // When a value was first checked, for the time limit, and whether it was rewritten.
  const looks = createBriefMemory<Look>(nowMs, 2 * longestMs);
  const isIgnored = ignoring(options);

  /** Returns the servers that lack the value or, if all have it, the vantage points that do not see it. */
  async function unseen(value: DnsValue, asked: string, signal: AbortSignal): Promise<Unseen | undefined> {
    const servers = (await zones.nameservers(value.zone, signal)).filter((server) => !isIgnored(server));
    if (servers.length === 0) throw allIgnored(value.zone);
    const missing = await poll(servers, value, signal);
    if (missing.length > 0) return { reason: missingText(missing.map(({ text }) => text)), advice: adviceFor(missing) };
    const blind = await lookFrom(options, vantagePoints, { name: asked, value: value.value }, signal);
    if (blind.length === 0) return undefined;
    return { reason: missingText(blind), advice: adviceForVantage, retryAfterMs: vantagePauseMs };
  }

  /**
   * Writes a value again: a program that replaces whole sets, or another certfleet that was suspended, may have
   * overwritten it.
   */
  async function writeAgain(value: DnsValue, signal: AbortSignal): Promise<void> {
    try {
      await hands.of(value.zone).writer.add(value, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.debug(`could not write the TXT value at ${value.name} again: ${reasonOf(error)}`);
    }
  }

  return {
    async look(value, asked, signal) {
      const { provider, timeoutMs, propagationMs } = hands.of(value.zone);
      const key = keyOf(value);
      const look = looks.get(key) ?? { since: nowMs(), isRewritten: false, toldMs: 0 };
      let lacks: Unseen | undefined;
      try {
        lacks = await unseen(value, asked, signal);
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
      const isTelling = waitedMs - look.toldMs >= tellEveryMs;
      if (isTelling) log.info(`${value.name}: ${lacks.reason}; waiting on`);
      looks.set(key, {
        ...look,
        isRewritten: look.isRewritten || isRewriting,
        toldMs: isTelling ? waitedMs : look.toldMs,
      });
      if (isRewriting) await writeAgain(value, signal);
      const { reason, advice, retryAfterMs } = lacks;
      if (waitedMs < timeoutMs) return { ready: false, reason, ...present({ retryAfterMs }) };
      looks.delete(key);
      const seconds = Math.round(timeoutMs / 1000);
      throw fail('dns/not-visible', { name: value.name, seconds, missing: reason, advice });
    },
    forget: (value) => void looks.delete(keyOf(value)),
    isIgnored,
  };
}

const keyOf = ({ name, value }: DnsValue): string => `${name} ${value}`;

/** Returns how long the slowest servers may take. */
export const longestWait = ({ all }: Hands): number => Math.max(...all.map(({ timeoutMs }) => timeoutMs));

/** Returns a function that reports whether a name server need not have the value. */
export function ignoring({ ignoreNameservers = [] }: Pick<VisibilityOptions, 'ignoreNameservers'>) {
  const ignored = new Set(ignoreNameservers.map((name) => name.toLowerCase().replace(/\.$/, '')));
  return ({ name, address }: ZoneServer): boolean => ignored.has(name.toLowerCase()) || ignored.has(address);
}

/** What is known about the wait for one value. */
interface Look {
  readonly since: number;
  readonly isRewritten: boolean;
  /** When the missing servers were last reported, in ms from the start of the wait. */
  readonly toldMs: number;
}

/**
 * How often the missing servers are reported. A person who adds a record by hand wants to know which server lacks it.
 */
const tellEveryMs = 60_000;

interface Unseen {
  readonly reason: string;
  readonly advice: string;
  readonly retryAfterMs?: number;
}

/** A resolver caches for a while that a value does not exist, so frequent queries are useless. */
const vantagePauseMs = 2_000;

export const allIgnored = (zone: string) =>
  fail('dns/no-nameserver', { zone, reason: 'ignoreNameservers lists all of them' });

const checkServers = 'Check the zone transfers, and that these servers belong to the zone.';

/** Returns what to do about servers that lack a value: those that do not respond may be dead. */
export function adviceFor(missing: readonly Missing[]): string {
  const dead = [...new Set(missing.filter(({ isDead }) => isDead).map(({ server }) => server.name))];
  if (dead.length === 0) return checkServers;
  const names = shortList(dead);
  return `If ${names} ${dead.length === 1 ? 'is' : 'are'} gone for good, remove the NS record, since the CA may ask there, too; or name it in the solver: \`ignoreNameservers: [${names}]\`.`;
}

const adviceForVantage =
  'Check whether the zone answers otherwise there (DNS views, lines by region), give it more time with `timeout`, or take the resolver out of `vantagePoints`.';

/**
 * Joins the descriptions of missing servers. A zone may have 256 addresses that are all silent; a few show what is
 * wrong.
 */
export function missingText(missing: readonly string[]): string {
  const more = missing.length - mostShown;
  return more > 0 ? `${missing.slice(0, mostShown).join('; ')}; and ${more} more` : missing.join('; ');
}
const mostShown = 8;
