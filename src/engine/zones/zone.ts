import { fewAddresses } from '../../core/address.ts';
import { isWithin, parentName, parseServerAddress } from '../../core/dns-name.ts';
import { type CertfleetError, fail, isFailure, reasonOf } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Dns, DnsAnswer, DnsRecord, DnsServer, DnsType } from '../../ports/dns.ts';
import type { Log } from '../../ports/log.ts';
import { createMemory } from './zone-memory.ts';

/**
 * Finds zones and their servers. Uses the resolvers to find names, but asks the zone's own servers for CNAMEs,
 * wildcards and TXT values, so that no resolver caches that `_acme-challenge` does not exist.
 */
export interface Zones {
  /** The zone of a name, by its SOA record, and the name of its primary server. Fails with `dns/zone-not-found`. */
  findZone(name: string, signal: AbortSignal): Promise<Zone>;
  /**
   * Every address of every authoritative server, but at most 16 servers and 16 addresses of each. Fails with
   * `dns/no-nameserver`.
   */
  nameservers(zone: string, signal: AbortSignal): Promise<readonly ZoneServer[]>;
  /**
   * Where the TXT value of a challenge must be written: the target of the name's CNAME records, and that target's zone
   * (all CAs' resolvers follow CNAMEs). A CNAME from a wildcard is not followed, because a record written at the name
   * itself takes precedence over it. Fails with `dns/cname-loop`.
   */
  resolveChain(name: string, signal: AbortSignal): Promise<{ readonly zone: string; readonly name: string }>;
  /**
   * Asks the zone's own servers until one gives an authoritative answer, and returns the zone of that answer, which may
   * be a delegated one below. Fails with `dns/no-nameserver` if none does.
   */
  ask(zone: string, question: Question, signal: AbortSignal): Promise<Spoken>;
  /** Asks the resolvers until one answers. Fails with `dns/lookup-failed`. */
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

interface Question {
  readonly name: string;
  readonly type: DnsType;
}

export interface ZoneOverride {
  readonly zone: string;
  /** `address` or `address:port`. */
  readonly nameservers: readonly string[];
}

/**
 * A label that does not exist anywhere, so that any answer comes from a wildcard. It need not be random: no cache is
 * asked.
 */
export const noSuchLabel = 'certfleet-no-such-name';

/** How many CNAMEs to follow. Unbound, which Let's Encrypt uses, follows 11. */
export const chainLimit = 10;

/** How long to wait for a server if there is another one to ask. */
const serverMs = 1_500;

/**
 * The root and the large top-level domains have 13 name servers, as many as fitted into 512 octets. With more, the
 * first ones by name are asked, so that it is the same ones each time.
 */
const mostServers = 16;
/** How many servers of a zone are asked until one answers, and how many delegations are followed below a zone. */
const mostAsked = 16;
const mostReferrals = 4;

/** How many servers of one zone are asked at a time. Fewer than the sockets of a process, so that others have some. */
export const mostAtOnce = 32;

/**
 * How long a search may take, whatever the servers do: a zone with 16 silent servers, a chain of zones in which each
 * server answers late. Real ones take less than a second.
 */
const searchMs = 30_000;
const chainMs = 60_000;

export interface ZonesOptions {
  readonly dns: Dns;
  readonly clock: Clock;
  readonly resolvers: readonly DnsServer[];
  /** Learns which zones have too many servers. */
  readonly log?: Pick<Log, 'warn'>;
  /** The port of the authoritative servers; only tests use another than 53. */
  readonly port?: number;
}

export function createZones({ dns, clock, resolvers, log, port = 53 }: ZonesOptions): Zones {
  const remember = createMemory(clock);
  // For the rest of this run, ask servers that were silent last.
  const silent = new Set<string>();
  const within = createTimeLimit(clock);

  async function resolve(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    let last: unknown;
    const queue = inOrder(resolvers, silent);
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
        note(silent, resolver);
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

  /** The names of the servers that are asked. */
  function fewNames(zone: string, names: readonly string[]): readonly string[] {
    if (names.length <= mostServers) return names;
    log?.warn(
      `${zone} has ${names.length} name servers; only the first ${mostServers} by name are asked, so a challenge can fail at the others`,
    );
    return names.toSorted().slice(0, mostServers);
  }

  /** A name server's addresses of one family. If the lookup fails, the glue records that came with the answer. */
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

/** Zones in which the operator has named one zone and its servers, so that they are not searched for. */
export function overrideZone(
  zones: Zones,
  override: ZoneOverride,
  { dns, clock }: { readonly dns: Dns; readonly clock: Clock },
): Zones {
  const zone = override.zone.toLowerCase().replace(/\.$/, '');
  const servers = override.nameservers.map((text) => {
    const server = parseServerAddress(text);
    const problem = `"${text}" in dns.nameservers is not an IP address; write 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353`;
    if (!server) throw fail('usage/invalid', { what: problem });
    return { ...server, name: text };
  });
  return assemble({
    dns,
    clock,
    silent: new Set(),
    pinned: zone,
    resolve: zones.resolve,
    findZone: async (name, signal) => (isWithin(name, zone) ? { zone, primary: '' } : zones.findZone(name, signal)),
    nameservers: async (of, signal) => (of === zone ? servers : zones.nameservers(of, signal)),
  });
}

interface Parts extends Pick<Zones, 'resolve' | 'findZone' | 'nameservers'> {
  readonly dns: Dns;
  readonly clock: Clock;
  readonly silent: Set<string>;
  /** The zone that the operator named. Nothing below it is another zone, whatever its servers say. */
  readonly pinned?: string;
}

/** Builds `ask` and `resolveChain` from the functions that find zones and servers. */
function assemble({ dns, clock, silent, resolve, findZone, nameservers, pinned }: Parts): Zones {
  const within = createTimeLimit(clock);

  const ask: Zones['ask'] = (zone, question, signal) =>
    within(searchMs, signal, lateFor(question), (limited) => askServers(zone, question, limited));

  async function askServers(zone: string, question: Question, signal: AbortSignal, referrals = 0): Promise<Spoken> {
    let reason = '';
    const servers = inOrder(await nameservers(zone, signal), silent);
    for (const server of servers.slice(0, mostAsked)) {
      const answer = await askServer(server, question, signal);
      if (typeof answer === 'string') {
        reason = answer;
        continue;
      }
      const referred = zone === pinned ? undefined : referral(zone, question.name, answer);
      if (referred !== undefined && referrals === mostReferrals)
        throw fail('dns/no-nameserver', {
          zone,
          reason: `it is the last of ${referrals} delegations, and refers further`,
        });
      if (referred !== undefined) return askServers(referred, question, signal, referrals + 1);
      if (answer.authoritative && speaks(answer))
        return { zone: zone === pinned ? zone : deepest(zone, question.name, answer), answer };
      reason = `${server.name} ${answer.authoritative ? `answers ${answer.rcode}` : 'is not authoritative'}`;
    }
    throw fail('dns/no-nameserver', { zone, reason });
  }

  /** The answer, or the reason for its absence in words. */
  async function askServer(server: ZoneServer, question: Question, signal: AbortSignal): Promise<DnsAnswer | string> {
    const limit = clock.deadline(serverMs, signal);
    try {
      return await dns.query(server, { ...question, recursive: false }, limit.signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!limit.expired && !isFailure(error, 'dns/lookup-failed')) throw error;
      note(silent, server);
      return limit.expired ? `${server.name} does not answer` : reasonOf(error);
    } finally {
      limit.done();
    }
  }

  const resolveChain: Zones['resolveChain'] = (name, signal) =>
    within(chainMs, signal, lateFor({ name, type: 'CNAME' }), (limited) => followChain(name, limited));

  async function followChain(name: string, signal: AbortSignal) {
    const seen = new Set<string>();
    let at = name;
    while (seen.size < chainLimit && !seen.has(at)) {
      seen.add(at);
      // Search from the parent: otherwise the resolvers would cache that the name itself does not exist.
      const above = await findZone(parentName(at) || at, signal);
      const { zone, answer } = await ask(above.zone, { name: at, type: 'CNAME' }, signal);
      const target = cnameOf(at, answer);
      if (target === undefined || (await isSynthesized(zone, at, target, signal))) return { zone, name: at };
      at = target;
    }
    throw fail('dns/cname-loop', { name, limit: chainLimit });
  }

  /** Whether a CNAME comes from a wildcard: then a sibling that does not exist has the same one. */
  async function isSynthesized(zone: string, name: string, target: string, signal: AbortSignal): Promise<boolean> {
    if (name === zone) return false;
    const beside = `${noSuchLabel}.${parentName(name)}`;
    const { answer } = await ask(zone, { name: beside, type: 'CNAME' }, signal);
    if (cnameOf(beside, answer) !== target) return false;
    // An explicit CNAME may have the wildcard's target. Then the name exists, and the wildcard does not apply below it.
    const below = `${noSuchLabel}.${name}`;
    return cnameOf(below, (await ask(zone, { name: below, type: 'CNAME' }, signal)).answer) === target;
  }

  return { resolve, findZone, nameservers, ask, resolveChain };
}

const speaks = (answer: DnsAnswer): boolean => answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN';

const cnameOf = (name: string, answer: DnsAnswer): string | undefined =>
  answer.answers.find((record) => record.type === 'CNAME' && record.name === name)?.value;

/**
 * The SOA record in an answer about a name: its own, or the zone's in a negative answer (RFC 2308 §2). After a CNAME,
 * it is about the target, so it does not count.
 */
function soaFor(name: string, answer: DnsAnswer): DnsRecord | undefined {
  const own = answer.answers.find((record) => record.type === 'SOA' && record.name === name);
  if (own) return own;
  if (cnameOf(name, answer) !== undefined) return undefined;
  return answer.authorities.find((record) => record.type === 'SOA' && isWithin(name, record.name));
}

/** The delegated zone that a server refers to instead of answering (RFC 1034 §4.3.2, step 3b); always below `zone`. */
function referral(zone: string, name: string, answer: DnsAnswer): string | undefined {
  if (answer.authoritative || answer.rcode !== 'NOERROR' || answer.answers.length > 0) return undefined;
  return answer.authorities.find(
    (record) => record.type === 'NS' && isBelow(record.name, zone) && isWithin(name, record.name),
  )?.name;
}

/** The zone of an answer: a server of both zones answers from the lower one, as the SOA in a negative answer shows. */
function deepest(zone: string, name: string, answer: DnsAnswer): string {
  const soa = soaFor(name, answer);
  return soa && isBelow(soa.name, zone) ? soa.name : zone;
}

const isBelow = (name: string, zone: string): boolean => name !== zone && isWithin(name, zone);

const keyOf = (server: DnsServer): string => `${server.address} ${server.port}`;

const inOrder = <T extends DnsServer>(servers: readonly T[], last: ReadonlySet<string>): readonly T[] => [
  ...servers.filter((server) => !last.has(keyOf(server))),
  ...servers.filter((server) => last.has(keyOf(server))),
];

/** Remembers a silent server; forgets all of them rather than keep what a hostile zone invents. */
function note(silent: Set<string>, server: DnsServer): void {
  if (silent.size >= 1_024) silent.clear();
  silent.add(keyOf(server));
}

/** Runs a search with a time limit of its own, which ends it with the error that `late` makes. */
const createTimeLimit =
  (clock: Clock) =>
  async <T>(
    ms: number,
    signal: AbortSignal,
    late: (ms: number) => CertfleetError,
    search: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const limit = clock.deadline(ms, signal);
    try {
      return await search(limit.signal);
    } catch (error) {
      signal.throwIfAborted();
      throw limit.expired ? late(ms) : error;
    } finally {
      limit.done();
    }
  };

const lateFor = (question: Question) => (ms: number) =>
  lookupFailed('of its zone', question, `all servers together took longer than ${ms / 1000} s`);

const lookupFailed = (server: string, { name, type }: Question, reason: string) =>
  fail('dns/lookup-failed', { server, question: `${type} ${name}`, reason });
