import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Clock } from '../ports/clock.ts';
import { dnsApiBench, type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import namecheap from './namecheap.ts';

export const apiUser = 'ops';
export const apiKey = '56b4c87ef4fd49cb96d915c0db68194d';
export const clientIp = '192.0.2.10';

interface Host {
  readonly name: string;
  readonly type: string;
  readonly address: string;
  readonly mxPref: string;
  readonly ttl: string;
}

interface Zone {
  hosts: readonly Host[];
  emailType: string;
  isUsingOurDns: boolean;
}

export interface TestNamecheap extends FakeDnsService {
  readonly zones: ReadonlyMap<string, Zone>;
}

/** The other records of a domain: an address, mail, a redirection. */
const usual: readonly Host[] = [
  { name: '@', type: 'A', address: '192.0.2.1', mxPref: '10', ttl: '1800' },
  { name: '@', type: 'MX', address: 'mx1.example.net.', mxPref: '5', ttl: '1799' },
  { name: 'go', type: 'URL301', address: 'https://example.net/?a=1&b="2"', mxPref: '10', ttl: '1799' },
  { name: 'www', type: 'TXT', address: "it's <text> & more", mxPref: '10', ttl: '300' },
];

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`).replace(/&#38;/g, '&amp;');

const xml = (status: 'OK' | 'ERROR', command: string, inside: string): FakeAnswer => ({
  status: 200,
  headers: { 'content-type': 'text/xml; charset=utf-8' },
  body: `<?xml version="1.0" encoding="utf-8"?>
<ApiResponse Status="${status}" xmlns="http://api.namecheap.com/xml.response">
  ${inside}
  <RequestedCommand>${command}</RequestedCommand>
  <Server>PHX01SBAPI01</Server><GMTTimeDifference>--5:00</GMTTimeDifference><ExecutionTime>0.3</ExecutionTime>
</ApiResponse>`,
});
const refuse = (number: string, message: string): FakeAnswer =>
  xml('ERROR', '', `<Errors><Error Number="${number}">${escaped(message)}</Error></Errors>`);
const fine = (command: string, result: string): FakeAnswer =>
  xml('OK', command, `<Errors /><Warnings /><CommandResponse Type="${command}">${result}</CommandResponse>`);

const types = ['A', 'AAAA', 'ALIAS', 'CAA', 'CNAME', 'MX', 'MXE', 'NS', 'TXT', 'URL', 'URL301', 'FRAME'];

/** A fake of the Namecheap API's two calls for records. */
export function testNamecheap(clock: Clock): TestNamecheap {
  const newZone = (): Zone => ({ hosts: usual, emailType: 'MX', isUsingOurDns: true });
  const zones = new Map<string, Zone>([...fakeZones, 'elsewhere.test'].map((zone) => [zone, newZone()]));
  zones.get('elsewhere.test')!.isUsingOurDns = false;

  const paramsOf = (request: FakeRequest): { readonly [name: string]: string } => ({
    ...Object.fromEntries(request.url.searchParams),
    ...Object.fromEntries(request.form()),
  });
  const authorize = (request: FakeRequest): FakeAnswer | undefined => {
    const { ApiUser, ApiKey, UserName, ClientIp, Command } = paramsOf(request);
    if (!ApiUser) return refuse('1010101', 'Parameter APIUser is missing');
    if (!Command) return refuse('1010104', 'Parameter Command is missing');
    if (!ClientIp) return refuse('1011105', 'Parameter ClientIP is missing');
    if (ApiKey !== apiKey || ApiUser !== apiUser)
      return refuse('1011102', 'API Key is invalid or API access has not been enabled');
    if (UserName !== apiUser) return refuse('1019103', 'Parameter UserName is not available');
    return ClientIp === clientIp ? undefined : refuse('1011150', `Invalid request IP: ${ClientIp}`);
  };

  const getHosts = (name: string, zone: Zone): FakeAnswer => {
    const hosts = zone.hosts.map(({ name: host, type, address, mxPref, ttl }, at) => {
      const fields = {
        HostId: String(217_000 + at),
        Name: host,
        Type: type,
        Address: address,
        MXPref: mxPref,
        TTL: ttl,
      };
      const more = { AssociatedAppTitle: '', FriendlyName: '', IsActive: 'true', IsDDNSEnabled: 'false' };
      const attributes = Object.entries({ ...fields, ...more }).map(([key, value]) => `${key}="${escaped(value)}"`);
      return `<host ${attributes.join(' ')} />`;
    });
    const about = `Domain="${name}" EmailType="${zone.emailType}" IsUsingOurDNS="${zone.isUsingOurDns}"`;
    return fine(
      'namecheap.domains.dns.getHosts',
      `<DomainDNSGetHostsResult ${about}>${hosts.join('\n')}</DomainDNSGetHostsResult>`,
    );
  };

  /** Replaces all records by the given ones. */
  const setHosts = (name: string, zone: Zone, p: { readonly [name: string]: string }): FakeAnswer => {
    const hosts: Host[] = [];
    for (let at = 1; p[`HostName${at}`] !== undefined; at += 1) {
      const [type = '', address, ttl = '1800'] = [p[`RecordType${at}`], p[`Address${at}`], p[`TTL${at}`]];
      if (!types.includes(type)) return refuse('2015280', `Invalid record type: ${type}`);
      if (!address) return refuse('2050900', `Address${at} is missing`);
      if (!/^\d+$/.test(ttl) || Number(ttl) < 60 || Number(ttl) > 60_000)
        return refuse('2050900', `TTL${at} is invalid`);
      hosts.push({ name: p[`HostName${at}`]!, type, address, mxPref: p[`MXPref${at}`] ?? '10', ttl });
    }
    zone.emailType = p['EmailType'] ?? 'NONE';
    // Without an e-mail type of MX, MX records are dropped.
    zone.hosts = hosts.filter(({ type }) => zone.emailType === 'MX' || type !== 'MX');
    return fine(
      'namecheap.domains.dns.setHosts',
      `<DomainDNSSetHostsResult Domain="${name}" IsSuccess="true"><Warnings /></DomainDNSSetHostsResult>`,
    );
  };

  const answer = (request: FakeRequest): FakeAnswer => {
    const params = paramsOf(request);
    const name = `${params['SLD']}.${params['TLD']}`;
    const zone = zones.get(name);
    const isGet = params['Command'] === 'namecheap.domains.dns.getHosts';
    if (!isGet && params['Command'] !== 'namecheap.domains.dns.setHosts')
      return refuse('1010104', 'Parameter Command is invalid');
    if (!zone) return refuse('2019166', `Domain not found: ${name}`);
    if (isGet) return getHosts(name, zone);
    if (!zone.isUsingOurDns)
      return refuse('2030288', 'Cannot complete this command as this domain is not using proper DNS servers');
    return setHosts(name, zone, params);
  };

  return {
    api: createFakeApi({
      ...{ clock, authorize },
      origin: 'https://api.namecheap.com',
      nameOf: (request) => paramsOf(request)['Command']?.split('.').at(-1) ?? '',
      routes: { 'POST /xml.response': answer, 'GET /xml.response': answer },
    }),
    zones,
    values: (zone) =>
      (zones.get(zone)?.hosts ?? [])
        .filter((one) => one.type === 'TXT' && one.address !== usual.at(-1)!.address)
        .map(({ name, address }) => ({ name: name === '@' ? zone : `${name}.${zone}`, value: address })),
    plant({ zone, name, value, ttl }) {
      const at = zones.get(zone)!;
      const host = relativeName(name, zone);
      at.hosts = [...at.hosts, { name: host, type: 'TXT', address: value, mxPref: '10', ttl: String(ttl) }];
    },
    addZones: (names) => {
      for (const name of names) zones.set(name, newZone());
    },
  };
}

export default dnsApiBench(namecheap, {
  service: testNamecheap,
  options: { apiUser, apiKey: new Secret(apiKey), clientIp },
  refused: { apiKey: new Secret('56b4c87ef4fd49cb96d915c0db681940') },
  // A domain has one zone.
  subZone: undefined,
  isWrite: (request) => request.text.includes('dns.setHosts'),
  limit: {
    fault: () => ({ kind: 'status', ...refuse('500000', 'Too many requests') }),
    saysWhen: false,
  },
  refusal: (said) => refuse('2011170', said),
});
