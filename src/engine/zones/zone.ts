import { fail, isFailure } from '../../core/errors/errors.ts';
import { fewAddresses } from '../../core/names/address.ts';
import { isWithin, parentName, parseServerAddress } from '../../core/names/dns-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Dns, DnsAnswer, DnsRecord, DnsServer, DnsType } from '../../ports/dns.ts';
import type { Log } from '../../ports/log.ts';
import { createSilentServers } from '../memory/silent-servers.ts';
import { createZoneMemory } from '../memory/zone-memory.ts';
import { assemble, lateFor, lookupFailed, soaFor, speaks } from './authorities.ts';
import { createTimeLimit, mostServers, searchMs, serverMs } from './limits.ts';

/**
 * Finds zones and their servers. Uses the resolvers to find names, but queries the zone's own servers for CNAMEs,
 * wildcards and TXT values, so that no resolver caches that `_acme-challenge` does not exist.
 */
export interface Zones {
  /**
   * Finds the zone of a name by its SOA record, with the name of its primary server. Fails with `dns/zone-not-found`.
   */
  findZone(name: string, signal: AbortSignal): Promise<Zone>;
  /**
   * Returns every address of every authoritative server, but at most 16 servers and 16 addresses of each. Fails with
   * `dns/no-nameserver`.
   */
  nameservers(zone: string, signal: AbortSignal): Promise<readonly ZoneServer[]>;
  /**
   * Finds where a challenge's TXT value must be written: the target of the name's CNAME records, and that target's zone
   * (all CAs' resolvers follow CNAMEs). A CNAME from a wildcard is not followed, because a record written at the name
   * itself takes precedence over it. Fails with `dns/cname-loop`.
   */
  resolveChain(name: string, signal: AbortSignal): Promise<{ readonly zone: string; readonly name: string }>;
  /**
   * Queries the zone's own servers until one gives an authoritative response, and returns the zone of that response,
   * which may be a delegated one below. Fails with `dns/no-nameserver` if none does.
   */
  ask(zone: string, question: Question, signal: AbortSignal): Promise<Spoken>;
  /** Queries the resolvers until one answers. Fails with `dns/lookup-failed`. */
  resolve(question: Question, signal: AbortSignal): Promise<DnsAnswer>;
}

export interface Zone {
  readonly zone: string;
  readonly primary: string;
}

export interface ZoneServer extends DnsServer {
  /** Its name, or its address if only that is known. */
  readonly name: string;
}

export interface Spoken {
  readonly zone: string;
  readonly answer: DnsAnswer;
}

export interface Question {
  readonly name: string;
  readonly type: DnsType;
}

export interface ZoneOverride {
  readonly zone: string;
  /** `address` or `address:port`. */
  readonly nameservers: readonly string[];
}

export interface ZonesOptions {
  readonly dns: Dns;
  readonly clock: Clock;
  readonly resolvers: readonly DnsServer[];
  /** Gets warnings about zones that have too many servers. */
  readonly log?: Pick<Log, 'warn'>;
  /** The port of the authoritative servers; only tests use another than 53. */
  readonly port?: number;
}

export function createZones({ dns, clock, resolvers, log, port = 53 }: ZonesOptions): Zones {
  const remember = createZoneMemory(clock);
  const silent = createSilentServers(clock);
  const within = createTimeLimit(clock);

  async function resolve(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    let last: unknown;
    const queue = silent.inOrder(resolvers);
    for (const [at, resolver] of queue.entries()) {
      // The last one may take all the remaining time.
      const limit = at < queue.length - 1 ? clock.deadline(serverMs, signal) : undefined;
      try {
        const answer = await dns.query(resolver, { ...question, recursive: true }, limit?.signal ?? signal);
        if (speaks(answer)) return answer;
        last = lookupFailed(resolver.address, question, answer.rcode);
      } catch (error) {
        signal.throwIfAborted();
        if (!limit?.expired && !isFailure(error, 'dns/lookup-failed')) throw error;
        silent.note(resolver);
        last = limit?.expired ? lookupFailed(resolver.address, question, 'no answer in time') : error;
      } finally {
        limit?.done();
      }
    }
    throw last ?? lookupFailed('(none)', question, 'this machine has no resolver');
  }

  const findZone = (name: string, signal: AbortSignal): Promise<Zone> =>
    remember(`zone ${name}`, signal, () =>
      within(searchMs, signal, lateFor({ name, type: 'SOA' }), async (limited) => {
        for (let at: string | undefined = name; at; at = parentName(at)) {
          const answer = await resolve({ name: at, type: 'SOA' }, limited);
          const soa = soaFor(at, answer);
          if (soa?.name) return { value: { zone: soa.name, primary: soa.value }, ttl: soa.ttl };
          // The SOA is the root's: the top-level domain does not exist.
          if (soa) break;
        }
        throw fail('dns/zone-not-found', { name });
      }),
    );

  const nameservers = (zone: string, signal: AbortSignal): Promise<readonly ZoneServer[]> =>
    remember(`servers ${zone}`, signal, () =>
      within(searchMs, signal, lateFor({ name: zone, type: 'NS' }), async (limited) => {
        const answer = await resolve({ name: zone, type: 'NS' }, limited);
        const records = answer.answers.filter((record) => record.type === 'NS' && record.name === zone);
        const names = fewNames(zone, [...new Set(records.map((record) => record.value))]);
        const found = await Promise.all(
          names.map(async (name) => {
            const [ipv4, ipv6] = await Promise.all(
              (['A', 'AAAA'] as const).map((type) => addressesOf(name, type, answer.additionals, limited)),
            );
            const few = fewAddresses(ipv4 ?? [], ipv6 ?? []);
            return { left: few.left, servers: [...few.ipv4, ...few.ipv6].map((address) => ({ name, address, port })) };
          }),
        );
        const left = found.reduce((sum, one) => sum + one.left, 0);
        if (left > 0) log?.warn(`the name servers of ${zone} have ${left} more addresses; only 16 of each are asked`);
        const servers = found
          .flatMap((one) => one.servers)
          .filter((server, at, all) => all.findIndex((s) => s.address === server.address) === at);
        if (servers.length === 0) {
          const shown = names.slice(0, 3).join(', ');
          const more = names.length > 3 ? ` and of ${names.length - 3} more` : '';
          const reason = shown === '' ? 'it has no NS record' : `no address of ${shown}${more} was found`;
          throw fail('dns/no-nameserver', { zone, reason });
        }
        return { value: servers, ttl: Math.min(...records.map((record) => record.ttl)) };
      }),
    );

  /** Returns the names of the servers to query. */
  function fewNames(zone: string, names: readonly string[]): readonly string[] {
    if (names.length <= mostServers) return names;
    log?.warn(
      `${zone} has ${names.length} name servers; only the first ${mostServers} by name are asked, so a challenge can fail at the others`,
    );
    return names.toSorted().slice(0, mostServers);
  }

  /**
   * Returns a name server's addresses of one family. If the lookup fails, returns the glue records of the NS response.
   */
  async function addressesOf(name: string, type: 'A' | 'AAAA', glue: readonly DnsRecord[], signal: AbortSignal) {
    const pick = (records: readonly DnsRecord[]) => [
      ...new Set(records.filter((r) => r.type === type).map((r) => r.value)),
    ];
    try {
      return pick((await resolve({ name, type }, signal)).answers);
    } catch (error) {
      if (!isFailure(error, 'dns/lookup-failed')) throw error;
      return pick(glue.filter((record) => record.name === name));
    }
  }

  return assemble({ dns, clock, silent, resolve, findZone, nameservers });
}

/** Returns zones in which the operator has named some zones and their servers, so that they need not be looked up. */
export function overrideZones(
  zones: Zones,
  overrides: readonly ZoneOverride[],
  { dns, clock }: { readonly dns: Dns; readonly clock: Clock },
): Zones {
  if (overrides.length === 0) return zones;
  const named = new Map(overrides.map(({ zone, nameservers }) => [normalName(zone), nameservers.map(namedServer)]));
  return assemble({
    dns,
    clock,
    silent: createSilentServers(clock),
    pinned: named,
    resolve: zones.resolve,
    async findZone(name, signal) {
      const zone = zoneWith(name, named.keys());
      return zone === undefined ? zones.findZone(name, signal) : { zone, primary: '' };
    },
    nameservers: async (zone, signal) => named.get(zone) ?? zones.nameservers(zone, signal),
  });
}

const normalName = (name: string): string => name.toLowerCase().replace(/\.$/, '');

function namedServer(text: string): ZoneServer {
  const server = parseServerAddress(text);
  const form = 'an IP address, like 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353';
  if (!server) throw fail('usage/invalid-value', { typed: `"${text}" in dns.nameservers`, form });
  return { ...server, name: text };
}

/** Returns the longest of these zones to which a name belongs. */
export const zoneWith = (name: string, zones: Iterable<string>): string | undefined =>
  [...zones].filter((zone) => isWithin(name, zone)).sort((a, b) => b.length - a.length)[0];
