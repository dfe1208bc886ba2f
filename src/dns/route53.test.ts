import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { createZoneWriter } from '../engine/solvers/zone-writer.ts';
import type { DnsValue } from '../ports/dns-provider.ts';
import type { World } from '../ports/world.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import route53 from './route53.ts';
import bench, { fakeKeys, fakeRoute53, wrongSecret } from './test-route53.ts';

// The same against moto: test/real/dns-route53.test.ts.

const { signal } = new AbortController();
const value: DnsValue = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 60 };

type Options = Parameters<typeof route53.connect>[0]['options'];

function start(options: Partial<Options> = {}, place = {}) {
  const clock = fakeClock(undefined, { auto: true });
  const fake = fakeRoute53(clock, place);
  const lines: string[] = [];
  const log = { debug: (line: string) => void lines.push(line), info: () => {}, warn: () => {} };
  const random = { bytes: (length: number) => new Uint8Array(length), number: () => 0 };
  const connect = (more: Partial<Options> = {}, { http } = fake.api) =>
    route53.connect({
      name: 'dns',
      world: { clock, random, log, http: () => http, files: {} } as unknown as World,
      options: route53.options.parse({
        accessKeyId: new Secret(fakeKeys.id),
        secretAccessKey: new Secret(fakeKeys.secret),
        ...options,
        ...more,
      }),
    });
  const provider = connect();
  const writer = createZoneWriter({
    ...{ provider, clock, traits: route53.traits },
    lock: (_resource, over, change) => change(over),
  });
  const setAt = (name = value.name, zone = 'example.test') =>
    fake.zones.find((one) => one.name === zone && !one.isPrivate)?.sets.find((one) => one.name === name);
  const names = () => fake.api.calls.map(({ name }) => name);
  return { ...fake, clock, connect, lines, names, provider, setAt, writer };
}

dnsApiContract(it, bench);

describe('a change', () => {
  it('is one batch for all names of the zone', async () => {
    const { writer, api, values } = start();
    const names = ['', 'a.', 'b.'].map((host) => `_acme-challenge.${host}example.test`);
    await Promise.all(names.flatMap((name) => ['x', 'y'].map((v) => writer.add({ ...value, name, value: v }, signal))));
    expect(api.count('POST rrset')).toBe(1);
    expect(api.count('GET hostedzonesbyname')).toBe(1);
    expect(values('example.test')).toHaveLength(6);
  });

  it('keeps the TTL and the values of others word for word', async () => {
    const { writer, zones, setAt } = start();
    const zone = zones.find((one) => one.name === 'example.test' && !one.isPrivate)!;
    const theirs = ['"one" "two"', String.raw`"a \"b\" \\ \303\244 <&>"`];
    zone.sets.push({ name: value.name, type: 'TXT', ttl: 300, values: theirs });
    await writer.add(value, signal);
    expect(setAt()).toMatchObject({ ttl: 300, values: [...theirs, '"abc"'] });
    await writer.remove(value, undefined, signal);
    expect(setAt()).toMatchObject({ ttl: 300, values: theirs });
  });

  it('is refused if the set is no longer as it was read', async () => {
    const { provider, setAt, plant } = start();
    const change = { name: value.name, add: ['abc'], remove: [], after: ['abc'], ttl: 60 };
    plant({ ...value, value: 'theirs' });
    const conflict = { code: 'dns/conflict' };
    const write = (before: { values: string[]; ttl: number } | undefined) =>
      provider.write('example.test', [{ ...change, before }], signal);
    await expect(write(undefined)).rejects.toMatchObject(conflict);
    await expect(write({ values: ['others'], ttl: 60 })).rejects.toMatchObject(conflict);
    await expect(write({ values: ['theirs'], ttl: 61 })).rejects.toMatchObject(conflict);
    expect(setAt()?.values).toEqual(['"theirs"']);
    await write({ values: ['theirs'], ttl: 60 });
    expect(setAt()?.values).toEqual(['"abc"']);
    const gone = { ...change, after: [], before: { values: ['gone'], ttl: 60 }, name: `gone.${value.name}` };
    await expect(provider.write('example.test', [gone], signal)).rejects.toMatchObject(conflict);
  });

  it.each(['lost', 'html'] as const)('whose answer is %s is made once', async (kind) => {
    const { api, writer, setAt } = start();
    api.fault({ kind }, { on: ({ method }) => method === 'POST' });
    await writer.add(value, signal);
    expect(setAt()?.values).toEqual(['"abc"']);
  });

  it.each(['PriorRequestNotComplete', 'Throttling'])('waits while the API answers %s', async (code) => {
    const { api, writer, setAt, clock } = start();
    const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>Slow down</Message></Error></ErrorResponse>`;
    api.fault({ kind: 'status', status: 400, body }, { times: 3, on: ({ method }) => method === 'POST' });
    await writer.add(value, signal);
    expect(setAt()?.values).toEqual(['"abc"']);
    expect(clock.sleeps).toEqual([1_000, 2_000, 4_000]);
  });

  it('reads the other form of a refused batch', async () => {
    const { api, provider } = start();
    const body = `<InvalidChangeBatch xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Messages><Message>Tried to create resource record set [name='x.', type='TXT'] but it already exists</Message></Messages><RequestId>r</RequestId></InvalidChangeBatch>`;
    api.fault({ kind: 'status', status: 400, body }, { on: ({ method }) => method === 'POST' });
    const change = { name: value.name, add: ['abc'], remove: [], before: undefined, after: ['abc'], ttl: 60 };
    await expect(provider.write('example.test', [change], signal)).rejects.toMatchObject({ code: 'dns/conflict' });
  });

  it('of too many values is cut into several batches', async () => {
    const { provider, api, values } = start();
    const changes = Array.from({ length: 130 }, (_, at) => {
      const after = Array.from({ length: 10 }, (_one, n) => `value-${n}-`.padEnd(43, 'x'));
      return { name: `n${at}.example.test`, add: after, remove: [], before: undefined, after, ttl: 60 };
    });
    await provider.write('example.test', changes, signal);
    expect(values('example.test')).toHaveLength(1_300);
    expect(api.count('POST rrset')).toBe(2);
  });
});

describe('the zone', () => {
  it('is found among more zones than one page has', async () => {
    const { addZone, provider } = start();
    for (let at = 0; at < 240; at++) addZone('paged.test', { isPrivate: true });
    const { id } = addZone('paged.test');
    for (let at = 0; at < 300; at++) addZone(`z${at}.paged.test`);
    await provider.check?.('paged.test', signal);
    expect(id).toMatch(/^Z/);
  });

  it('is found again after it was made anew', async () => {
    const { zones, addZone, provider } = start();
    await provider.check?.('sub.example.test', signal);
    (zones as unknown[]).splice(0);
    addZone('sub.example.test');
    await expect(provider.check?.('sub.example.test', signal)).rejects.toMatchObject({ code: 'dns/refused' });
    await provider.check?.('sub.example.test', signal);
  });

  it.each([
    ['us-east-1', 'https://route53.amazonaws.com', 'us-east-1'],
    ['eu-west-1', 'https://route53.amazonaws.com', 'us-east-1'],
    ['cn-north-1', 'https://route53.amazonaws.com.cn', 'cn-northwest-1'],
    ['us-gov-east-1', 'https://route53.us-gov.amazonaws.com', 'us-gov-west-1'],
  ])('of an account in %s is at %s', async (region, origin, signed) => {
    const { provider } = start({ region }, { origin, region: signed });
    await provider.check?.('example.test', signal);
  });

  it('is not searched for if its id is given', async () => {
    const { zones, connect, denied, names } = start();
    denied.add('route53:ListHostedZonesByName');
    const { id } = zones.find((one) => one.name === 'sub.example.test' && !one.isPrivate)!;
    await connect({ hostedZoneId: id }).check?.('sub.example.test', signal);
    expect(names()).toEqual(['GET rrset']);
  });
});

describe('the check', () => {
  const hosted = 'arn:aws:route53:::hostedzone/';
  it.each<[string, string | undefined, string, Partial<Options>, string, string]>([
    [
      'a wrong secret',
      undefined,
      'example.test',
      { secretAccessKey: new Secret(wrongSecret) },
      'does not match',
      '(secretAccessKey)',
    ],
    [
      'an unknown key',
      undefined,
      'example.test',
      { accessKeyId: new Secret('AKIAUNKNOWN000000000') },
      'is invalid',
      '(accessKeyId)',
    ],
    ['an unknown zone', undefined, 'other.test', {}, 'the account has no such zone', 'accessKeyId'],
    ['a private zone', undefined, 'private.test', {}, 'is private', 'accessKeyId'],
    ['two zones of one name', undefined, 'twice.test', {}, '2 public hosted zones', 'Set `hostedZoneId`'],
    [
      'an unknown id',
      undefined,
      'example.test',
      { hostedZoneId: 'ZGONE' },
      'No hosted zone found',
      'Check `hostedZoneId`',
    ],
    [
      'no right to search',
      'route53:ListHostedZonesByName',
      'example.test',
      {},
      'not authorized',
      '"Action":"route53:ListHostedZonesByName","Resource":"*"',
    ],
    [
      'no right to read',
      'route53:ListResourceRecordSets',
      'example.test',
      {},
      'not authorized',
      `"Action":"route53:ListResourceRecordSets","Resource":"${hosted}Z`,
    ],
  ])('says what is wrong with %s', async (_what, denies, zone, options, reason, advice) => {
    const { addZone, connect, denied } = start();
    addZone('private.test', { isPrivate: true });
    for (let twice = 0; twice < 2; twice++) addZone('twice.test');
    if (denies !== undefined) denied.add(denies);
    await expect(connect(options).check?.(zone, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining(advice),
    });
  });

  it('names no id that is not set if the zone lacks its SOA record', async () => {
    const { zones, connect } = start();
    const { sets } = zones.find((one) => one.name === 'example.test' && !one.isPrivate)!;
    sets.splice(0, sets.length, ...sets.filter(({ type }) => type !== 'SOA'));
    await expect(connect().check?.('example.test', signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringContaining('the account’s hosted zone example.test has no SOA record'),
      hint: expect.not.stringContaining('hostedZoneId'),
    });
  });

  it('says that the id is of another zone', async () => {
    const { zones, connect } = start();
    const { id } = zones.find((one) => one.name === 'sub.example.test' && !one.isPrivate)!;
    await expect(connect({ hostedZoneId: id }).check?.('example.test', signal)).rejects.toMatchObject({
      hint: expect.stringContaining('Set `hostedZoneId` to the id of this zone'),
    });
  });

  it('says that the clock is wrong', async () => {
    const { api, provider } = start();
    const message = 'Signature expired: 20261124T110000Z is now earlier than 20261124T115500Z';
    const body = `<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>${message}</Message></Error></ErrorResponse>`;
    api.fault({ kind: 'status', status: 403, body });
    await expect(provider.check?.('example.test', signal)).rejects.toMatchObject({ code: 'dns/clock-skew' });
  });
});

describe('a write', () => {
  it.each([
    [
      'a key that may not write',
      'AccessDenied',
      'Add to its policy: {"Effect":"Allow","Action":"route53:ChangeResourceRecordSets"',
    ],
    ['a CNAME at the name', 'conflicting RRSet of type CNAME', 'Look at the records of this name'],
    ['a weighted set', 'routing policy', 'Remove this record at Route 53'],
  ])('is refused in a sentence for %s', async (what, reason, advice) => {
    const { denied, writer, zones } = start();
    const zone = zones.find((one) => one.name === 'example.test' && !one.isPrivate)!;
    const { name } = value;
    if (what.includes('key')) denied.add('route53:ChangeResourceRecordSets');
    if (what.includes('CNAME')) zone.sets.push({ name, type: 'CNAME', ttl: 60, values: ['x.test.'] });
    if (what.includes('weighted')) zone.sets.push({ name, type: 'TXT', ttl: 60, values: ['"x"'], id: 'one' });
    await expect(writer.add(value, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining(advice),
    });
  });
});

it('reads an asterisk in a name', async () => {
  const { provider, plant } = start();
  const name = '*.example.test';
  plant({ ...value, name });
  expect([...(await provider.read!('example.test', [name], signal)).keys()]).toEqual([name]);
});
