import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { isWithin } from '../../core/names/dns-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Dns, DnsAnswer, DnsRecord } from '../../ports/dns.ts';
import type { SilentServers } from '../memory/silent-servers.ts';
import { cnameOf, followChain } from './cname-chain.ts';
import { chainMs, createTimeLimit, mostAsked, mostReferrals, searchMs, serverMs } from './limits.ts';
import type { Question, Spoken, ZoneServer, Zones } from './zone.ts';

interface Parts extends Pick<Zones, 'resolve' | 'findZone' | 'nameservers'> {
  readonly dns: Dns;
  readonly clock: Clock;
  readonly silent: SilentServers;
  /** Zones that the operator named. Nothing below such a zone is another zone, whatever its servers say. */
  readonly pinned?: { has(zone: string): boolean };
}

/** Builds `ask` and `resolveChain` from the functions that find zones and servers. */
export function assemble({ dns, clock, silent, resolve, findZone, nameservers, pinned }: Parts): Zones {
  const within = createTimeLimit(clock);

  const ask: Zones['ask'] = (zone, question, signal) =>
    within(searchMs, signal, lateFor(question), (limited) => askServers(zone, question, limited));

  async function askServers(zone: string, question: Question, signal: AbortSignal, referrals = 0): Promise<Spoken> {
    let reason = '';
    const servers = silent.inOrder(await nameservers(zone, signal));
    for (const server of servers.slice(0, mostAsked)) {
      const answer = await askServer(server, question, signal);
      if (typeof answer === 'string') {
        reason = answer;
        continue;
      }
      const referred = pinned?.has(zone) ? undefined : referral(zone, question.name, answer);
      if (referred !== undefined && referrals === mostReferrals)
        throw fail('dns/no-nameserver', {
          zone,
          reason: `it is the last of ${referrals} delegations, and refers to yet another server`,
        });
      if (referred !== undefined) return askServers(referred, question, signal, referrals + 1);
      if (answer.authoritative && speaks(answer))
        return { zone: pinned?.has(zone) ? zone : deepest(zone, question.name, answer), answer };
      reason = `${server.name} ${answer.authoritative ? `answers ${answer.rcode}` : 'is not authoritative'}`;
    }
    throw fail('dns/no-nameserver', { zone, reason });
  }

  /** Returns the answer, or why there is none, in words. */
  async function askServer(server: ZoneServer, question: Question, signal: AbortSignal): Promise<DnsAnswer | string> {
    const limit = clock.deadline(serverMs, signal);
    try {
      return await dns.query(server, { ...question, recursive: false }, limit.signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!limit.expired && !isFailure(error, 'dns/lookup-failed')) throw error;
      silent.note(server);
      return limit.expired ? `${server.name} does not answer` : reasonOf(error);
    } finally {
      limit.done();
    }
  }

  const resolveChain: Zones['resolveChain'] = (name, signal) =>
    within(chainMs, signal, lateFor({ name, type: 'CNAME' }), (limited) =>
      followChain({ findZone, ask }, name, limited),
    );

  return { resolve, findZone, nameservers, ask, resolveChain };
}

export const speaks = (answer: DnsAnswer): boolean => answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN';

/**
 * Returns the SOA record in a response about a name: its own, or the zone's in a negative response (RFC 2308 §2). After
 * a CNAME, the record concerns the target, so it does not count.
 */
export function soaFor(name: string, answer: DnsAnswer): DnsRecord | undefined {
  const own = answer.answers.find((record) => record.type === 'SOA' && record.name === name);
  if (own) return own;
  if (cnameOf(name, answer) !== undefined) return undefined;
  return answer.authorities.find((record) => record.type === 'SOA' && isWithin(name, record.name));
}

/**
 * Returns the delegated zone that a server refers to instead of answering (RFC 1034 §4.3.2, step 3b). It is always
 * below `zone`.
 */
function referral(zone: string, name: string, answer: DnsAnswer): string | undefined {
  if (answer.authoritative || answer.rcode !== 'NOERROR' || answer.answers.length > 0) return undefined;
  return answer.authorities.find(
    (record) => record.type === 'NS' && isBelow(record.name, zone) && isWithin(name, record.name),
  )?.name;
}

/**
 * Returns the zone of a response: a server of both zones answers from the lower one, as the SOA in a negative response
 * shows.
 */
function deepest(zone: string, name: string, answer: DnsAnswer): string {
  const soa = soaFor(name, answer);
  return soa && isBelow(soa.name, zone) ? soa.name : zone;
}

const isBelow = (name: string, zone: string): boolean => name !== zone && isWithin(name, zone);

export const lateFor = (question: Question) => (ms: number) =>
  lookupFailed('of its zone', question, `all servers together took longer than ${ms / 1000} s`);

export const lookupFailed = (server: string, { name, type }: Question, reason: string) =>
  fail('dns/lookup-failed', { server, question: `${type} ${name}`, reason });
