import { fail, isFailure } from '../../core/errors/errors.ts';
import type { DnsValue } from '../../ports/dns-provider.ts';
import { findHiddenWildcard } from '../looks/wildcard.ts';
import { createServerPoll, labelOf, type Missing } from '../zones/server-poll.ts';
import type { ZoneServer } from '../zones/zone.ts';
import type { Dns01Options } from './dns01.ts';
import { adviceFor, allIgnored, ignoring, missingText } from './visibility.ts';
import { createHands, type Hand, zonesOf } from './zone-holders.ts';

/** The place of a trial's value. */
export interface TrialTarget {
  readonly zone: string;
  readonly name: string;
  readonly servers: readonly ZoneServer[];
  /** What writes the zone: another solver's hand if an alias leads to a zone that has one. */
  readonly hand: Hand;
}

/** When each server address first answered with the value, and with which TTL. */
export interface Sighting {
  readonly servers: readonly { readonly server: string; readonly ms: number }[];
  /** In seconds; undefined if the server did not answer. */
  readonly ttl: number | undefined;
}

/** The steps of a DNS provider's trial, which `dns-trial.ts` calls one after another. */
export interface Trial {
  /** @param mayHide the name is random, so nothing else can exist there */
  find(name: string, mayHide: boolean, signal: AbortSignal): Promise<TrialTarget>;
  add(value: DnsValue, signal: AbortSignal): Promise<string | undefined>;
  /** Waits until all servers answer with the value. Fails with `dns/not-visible`. */
  see(value: DnsValue, told: (missing: string) => void, signal: AbortSignal): Promise<Sighting>;
  /**
   * Removes the value, and repeats that while the service lists it. Resolves with whether the list was read and no
   * longer has the value.
   */
  remove(value: DnsValue, made: string | undefined, signal: AbortSignal): Promise<boolean>;
  /** Waits until no server answers with the value. Resolves with those that still do when the time is over. */
  seeGone(
    value: DnsValue,
    budgetMs: number,
    told: (having: string) => void,
    signal: AbortSignal,
  ): Promise<readonly string[]>;
}

/** The pauses between queries to the servers: short at first, to measure a fast server well. */
const [firstPauseMs, mostPauseMs] = [100, 2_000];
/** How often the wait reports again what is missing. */
const tellEveryMs = 15_000;
/** How far the service's own list may lag, if that is unknown. */
const listLagMs = 10_000;

export function createTrial(options: Dns01Options): Trial {
  const { dns, clock } = options;
  const hands = createHands(options);
  const zones = zonesOf(options);
  const isIgnored = ignoring(options);
  const nameserversOf = async (zone: string, signal: AbortSignal): Promise<readonly ZoneServer[]> => {
    const servers = (await zones.nameservers(zone, signal)).filter((server) => !isIgnored(server));
    if (servers.length === 0) throw allIgnored(zone);
    return servers;
  };
  const poll = createServerPoll({ dns, clock });

  async function servedTtl({ zone, name, value }: DnsValue, signal: AbortSignal): Promise<number | undefined> {
    try {
      const [server] = await nameserversOf(zone, signal);
      if (!server) return undefined;
      const { answers } = await dns.query(server, { name, type: 'TXT', recursive: false }, signal);
      return answers.find((record) => record.type === 'TXT' && record.value === value)?.ttl;
    } catch (error) {
      signal.throwIfAborted();
      if (!isFailure(error)) throw error;
      return undefined;
    }
  }

  /** Reports whether the API still lists the value; undefined if it cannot be asked. */
  async function lists({ zone, name, value }: DnsValue, signal: AbortSignal): Promise<boolean | undefined> {
    const { provider } = hands.of(zone);
    if (provider.kind !== 'sets' || !provider.read) return undefined;
    const sets = await provider.read(zone, [name], signal);
    return sets.get(name)?.values.includes(value) === true;
  }

  /**
   * Polls all servers until nothing is `unmet`, or the time is over. Resolves with what is still unmet.
   *
   * @param unmet judges the servers, and those of them that lack the value
   */
  async function lookUntil(
    value: DnsValue,
    { budgetMs, told, advice, signal }: Look,
    unmet: (servers: readonly ZoneServer[], lacking: readonly Missing[], elapsedMs: number) => readonly Missing[],
  ): Promise<readonly Missing[]> {
    const since = clock.monotonicMs();
    let toldMs = 0;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 1.25, mostPauseMs)) {
      const servers = await nameserversOf(value.zone, signal);
      const lacking = await poll(servers, value, signal);
      const elapsedMs = clock.monotonicMs() - since;
      const left = unmet(servers, lacking, elapsedMs);
      if (left.length === 0 || elapsedMs >= budgetMs) return left;
      if (elapsedMs - toldMs >= tellEveryMs) {
        toldMs = elapsedMs;
        told([textOf(left), advice(left)].filter((text) => text !== '').join('. '));
      }
      await clock.sleep(Math.min(pauseMs, Math.max(0, budgetMs - elapsedMs)), signal);
    }
  }

  return {
    async find(name, mayHide, signal) {
      const target = await zones.resolveChain(name, signal);
      const hidden = mayHide ? undefined : await findHiddenWildcard(zones, target, signal);
      if (hidden) throw fail('preflight/hides-wildcard', { identifier: hidden.vanishes, wildcard: hidden.wildcard });
      return { ...target, servers: await nameserversOf(target.zone, signal), hand: hands.of(target.zone) };
    },

    add: (value, signal) => hands.of(value.zone).writer.add(value, signal),

    async see(value, told, signal) {
      const seen = new Map<string, number>();
      const { timeoutMs: budgetMs } = hands.of(value.zone);
      const look = { budgetMs, told, advice: adviceIfDead, signal };
      const missing = await lookUntil(value, look, (servers, lacking, elapsedMs) => {
        for (const server of servers.filter((one) => !isIn(lacking, one)).map(labelOf))
          if (!seen.has(server)) seen.set(server, elapsedMs);
        return lacking;
      });
      if (missing.length > 0) {
        const seconds = Math.round(budgetMs / 1000);
        const advice = `${adviceFor(missing)} If the service is only slow, set a longer \`timeout\` on the solver.`;
        throw fail('dns/not-visible', { name: value.name, seconds, missing: textOf(missing), advice });
      }
      return {
        servers: [...seen].map(([server, ms]) => ({ server, ms: Math.round(ms) })),
        ttl: await servedTtl(value, signal),
      };
    },

    async remove(value, made, signal) {
      const { writer, traits, type } = hands.of(value.zone);
      await writer.remove(value, made, signal);
      const since = clock.monotonicMs();
      let isListed = await lists(value, signal);
      while (isListed) {
        if (clock.monotonicMs() - since > (traits.listLagMs ?? listLagMs)) {
          const reason = 'it took the removal, but still lists the value';
          throw fail('dns/failed', { provider: type, name: value.name, reason });
        }
        await clock.sleep(1_000, signal);
        await writer.remove(value, undefined, signal);
        isListed = await lists(value, signal);
      }
      return isListed === false;
    },

    async seeGone(value, budgetMs, told, signal) {
      const look = { budgetMs, told, advice: () => '', signal };
      const having = await lookUntil(value, look, (servers, lacking) =>
        servers
          .filter((one) => !isIn(lacking, one))
          .map((server) => ({ server, text: `${labelOf(server)} still answers with it`, isDead: false })),
      );
      return having.map(({ text }) => text);
    },
  };
}

interface Look {
  readonly budgetMs: number;
  readonly told: (unmet: string) => void;
  /** Returns what to do about servers that the wait depends on. */
  readonly advice: (unmet: readonly Missing[]) => string;
  readonly signal: AbortSignal;
}

const textOf = (missing: readonly Missing[]): string => missingText(missing.map(({ text }) => text));

const adviceIfDead = (missing: readonly Missing[]): string =>
  missing.some(({ isDead }) => isDead) ? adviceFor(missing) : '';

const isIn = (lacking: readonly Missing[], { address, port }: ZoneServer): boolean =>
  lacking.some(({ server }) => server.address === address && server.port === port);
