import { fail } from '../core/errors/errors.ts';
import { isDnsName, isWithin, parentName } from '../core/names/dns-name.ts';
import type { Clock } from '../ports/clock.ts';
import type { Dns, DnsAnswer, DnsRecord, DnsServer, DnsType } from '../ports/dns.ts';
import type { DnsValue, ValuesProvider } from '../ports/dns-provider.ts';

/** One authoritative server address of a {@link FakeDns}. Tests may change its state at any time. */
export interface FakeServer extends DnsServer {
  readonly name: string;
  state: 'answers' | 'silent' | 'no-route' | 'servfail';
  /** While true, the server returns the TXT values from the moment when this was set. */
  held: boolean;
}

export interface FakeZone {
  /** Server names and their addresses. */
  readonly servers: Readonly<Record<string, readonly string[]>>;
  /** `[name, type, value]`, with full names. */
  readonly records?: readonly (readonly [string, DnsType, string])[];
}

/** A small DNS in memory: zones with servers and wildcards, and one resolver at 192.0.2.53. */
export interface FakeDns extends Dns {
  readonly resolver: DnsServer;
  server(address: string): FakeServer;
  values(zone: string): readonly { readonly name: string; readonly value: string }[];
  add(value: Omit<DnsValue, 'ttl'>): void;
  remove(value: Omit<DnsValue, 'ttl'>): void;
  /** Every question so far: `address type name`. */
  readonly questions: readonly string[];
}

/** How long the real implementation tries (3 times 2 s). */
const silenceMs = 6_000;

export function fakeDns(zones: Readonly<Record<string, FakeZone>>, clock: Clock): FakeDns {
  const resolver = { address: '192.0.2.53', port: 53 };
  const records: DnsRecord[] = [];
  const put = (name: string, type: DnsType, value: string) => records.push({ name, type, ttl: 60, value });
  const servers = new Map<string, FakeServer & { before: readonly DnsRecord[] }>();
  for (const [zone, { servers: names, records: extra = [] }] of Object.entries(zones)) {
    put(zone, 'SOA', Object.keys(names)[0] ?? '');
    for (const [name, addresses] of Object.entries(names)) {
      put(zone, 'NS', name);
      for (const address of addresses) {
        put(name, address.includes(':') ? 'AAAA' : 'A', address);
        servers.set(address, newServer(name, address));
      }
    }
    for (const [name, type, value] of extra) put(name, type, value);
  }

  function newServer(name: string, address: string) {
    let held = false;
    return {
      ...{ name, address, port: 53, state: 'answers' as FakeServer['state'], before: [] as readonly DnsRecord[] },
      get held() {
        return held;
      },
      set held(value: boolean) {
        held = value;
        this.before = [...records];
      },
    };
  }

  const zoneOf = (name: string): string | undefined => {
    for (let at: string | undefined = name; at !== undefined; at = parentName(at)) if (zones[at]) return at;
    return undefined;
  };

  const exists = (known: readonly DnsRecord[], name: string): boolean =>
    known.some((record) => isWithin(record.name, name));

  /**
   * Returns the records of a name: its own, or those of the wildcard below its closest existing ancestor (RFC 4592).
   */
  function recordsOf(known: readonly DnsRecord[], name: string): readonly DnsRecord[] {
    if (exists(known, name)) return known.filter((record) => record.name === name);
    let above = parentName(name);
    while (above !== undefined && !exists(known, above)) above = parentName(above);
    return known.filter((record) => record.name === `*.${above}`).map((record) => ({ ...record, name }));
  }

  function answer(known: readonly DnsRecord[], name: string, type: DnsType, isResolver: boolean): DnsAnswer {
    const zone = zoneOf(name);
    const answers: DnsRecord[] = [];
    let at = name;
    for (let hops = 0; hops < 10; hops++) {
      const own = recordsOf(known, at).filter((record) => record.type === type || record.type === 'CNAME');
      answers.push(...own);
      const alias = own.find((record) => record.type === 'CNAME');
      if (!alias || type === 'CNAME' || !isResolver) break;
      at = alias.value;
    }
    const isThere = answers.length > 0 || exists(known, name) || recordsOf(known, name).length > 0;
    const soa = known.filter((record) => record.type === 'SOA' && record.name === (zone ?? ''));
    return {
      rcode: isThere ? 'NOERROR' : 'NXDOMAIN',
      authoritative: zone !== undefined && !isResolver,
      answers,
      authorities: answers.length > 0 ? [] : soa,
      additionals: [],
    };
  }

  const questions: string[] = [];
  return {
    resolver,
    questions,
    server(address) {
      const found = servers.get(address);
      if (!found) throw new Error(`no server at ${address}`);
      return found;
    },
    values: (zone) =>
      records.filter((r) => r.type === 'TXT' && zoneOf(r.name) === zone).map(({ name, value }) => ({ name, value })),
    add({ zone, name, value }) {
      if (zoneOf(name) !== zone) throw new Error(`${name} is not in the zone ${zone}`);
      if (!records.some((r) => r.type === 'TXT' && r.name === name && r.value === value)) put(name, 'TXT', value);
    },
    remove({ name, value }) {
      const at = records.findIndex((r) => r.type === 'TXT' && r.name === name && r.value === value);
      if (at !== -1) records.splice(at, 1);
    },
    async query(server, { name, type }, signal) {
      signal.throwIfAborted();
      questions.push(`${server.address} ${type} ${name}`);
      const failed = (reason: string, cause?: unknown) =>
        fail('dns/lookup-failed', { server: server.address, question: `${type} ${name}`, reason }, { cause });
      if (!isDnsName(name)) throw failed('it is not a valid DNS name');
      if (server.address === resolver.address) return answer(records, name, type, true);
      const known = servers.get(server.address);
      if (!known || known.state === 'silent') {
        await clock.sleep(silenceMs, signal);
        throw failed('no answer in time');
      }
      if (known.state === 'no-route')
        throw failed('network unreachable', Object.assign(new Error('no route'), { code: 'ENETUNREACH' }));
      const nothing = { authoritative: false, answers: [], authorities: [], additionals: [] };
      if (known.state === 'servfail') return { rcode: 'SERVFAIL', ...nothing };
      return answer(known.held ? known.before : records, name, type, false);
    },
    exchange: () => Promise.reject(new Error('the fake DNS accepts no messages')),
    systemResolvers: () => [resolver],
  };
}

/** Creates a provider that changes a {@link FakeDns}. */
export function memoryDnsProvider(dns: FakeDns): ValuesProvider {
  return {
    kind: 'values',
    async append(value, signal) {
      signal.throwIfAborted();
      dns.add(value);
      return undefined;
    },
    async remove(value, _made, signal) {
      signal.throwIfAborted();
      dns.remove(value);
    },
  };
}
