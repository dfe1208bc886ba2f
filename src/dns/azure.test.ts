import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { createZoneWriter } from '../engine/solvers/zone-writer.ts';
import type { World } from '../ports/world.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import azure from './azure.ts';
import bench, {
  clientId,
  clientSecret,
  fakeAzure,
  federatedToken,
  identityId,
  subscriptionId,
  tenantId,
} from './test-azure.ts';

dnsApiContract(it, bench);

const { signal } = new AbortController();
const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 60 };
const withSecret = { subscriptionId, tenantId, clientId, clientSecret: new Secret(clientSecret) };

function start(options: object = withSecret) {
  const clock = fakeClock(undefined, { auto: true });
  const fake = fakeAzure(clock);
  const log = { debug() {}, info() {}, warn() {} };
  const random = { bytes: (length: number) => new Uint8Array(length), number: () => 0 };
  const files = {
    read: async (path: string) => (path === '/run/token' ? new TextEncoder().encode(federatedToken) : Buffer.of()),
  };
  const world = { clock, random, log, files, http: () => fake.api.http } as unknown as World;
  const provider = azure.connect({ name: 'dns', world, options: azure.options.parse(options) });
  const writer = createZoneWriter({
    ...{ provider, clock, traits: azure.traits },
    lock: (_resource, over, change) => change(over),
  });
  const zone = fake.zones.find(({ name, zoneType }) => name === 'example.test' && zoneType === 'Public')!;
  return { ...fake, clock, provider, writer, zone };
}

describe('a change', () => {
  it('keeps TTL, metadata and the strings of others', async () => {
    const { writer, zone } = start();
    const theirs = { TTL: 300, metadata: { team: 'web' }, TXTRecords: [{ value: ['one', 'two'] }, { value: ['"ä"'] }] };
    zone.sets.set('_acme-challenge', { etag: 'e1', ...theirs });
    await writer.add(value, signal);
    const added = { ...theirs, TXTRecords: [...theirs.TXTRecords, { value: ['abc'] }] };
    expect(zone.sets.get('_acme-challenge')).toEqual({ etag: expect.any(String), ...added });
    await writer.remove(value, undefined, signal);
    expect(zone.sets.get('_acme-challenge')).toEqual({ etag: expect.any(String), ...theirs });
  });

  it('at the name of the zone is one of @', async () => {
    const { writer, zone } = start();
    await writer.add({ ...value, name: 'example.test' }, signal);
    expect([...zone.sets.keys()]).toEqual(['@']);
  });

  it('of a set that another program changes meanwhile is a conflict', async () => {
    const { provider, plant, values } = start();
    plant({ ...value, value: 'theirs' });
    const before = (await provider.read!('example.test', [value.name], signal)).get(value.name);
    plant({ ...value, value: 'more' });
    const change = { name: value.name, add: [], remove: [], before, ttl: 60 };
    const conflict = { code: 'dns/conflict' };
    for (const after of [['theirs', 'abc'], []])
      await expect(provider.write('example.test', [{ ...change, after }], signal)).rejects.toMatchObject(conflict);
    const isNew = { ...change, before: undefined, after: ['abc'] };
    await expect(provider.write('example.test', [isNew], signal)).rejects.toMatchObject(conflict);
    expect(values('example.test').map((one) => one.value)).toEqual(['theirs', 'more']);
  });

  it('gets a new token if the old one is not taken any more', async () => {
    const { provider, expireTokens, asked } = start();
    await provider.check?.('example.test', signal);
    expireTokens();
    await provider.check?.('example.test', signal);
    expect(asked).toEqual(['secret', 'secret']);
  });
});

it.each<[string, object, string]>([
  ['a workload identity', { tenantId, clientId, federatedTokenFile: '/run/token' }, 'federated'],
  ['the identity of the machine', {}, 'identity'],
  ['one of its identities', { clientId: identityId }, `identity ${identityId}`],
])('takes %s instead of a secret', async (_what, options, how) => {
  const { writer, values, asked } = start({ subscriptionId, ...options });
  await writer.add(value, signal);
  expect(values('example.test')).toHaveLength(1);
  expect(asked).toEqual([how]);
});

describe('the check', () => {
  const none = '00000000-0000-4000-8000-000000000000';
  it.each<[string, object, string, string, string]>([
    ['another tenant', { tenantId: none }, 'example.test', 'not found', 'Check `tenantId`'],
    ['another application', { clientId: none }, 'example.test', 'was not found in the directory', 'Check `clientId`'],
    [
      'another secret',
      { clientSecret: new Secret('x') },
      'example.test',
      'AADSTS7000215: Invalid client secret',
      'Check `clientSecret`',
    ],
    ['another subscription', { subscriptionId: none }, 'example.test', 'could not be found', 'Check `subscriptionId`'],
    ['another group', { resourceGroup: 'gone' }, 'example.test', "'gone' could not be found", 'Check `resourceGroup`'],
    ['a zone of another group', { resourceGroup: 'dns' }, 'other.test', 'was not found', 'Check `resourceGroup`'],
    ['an unknown zone', {}, 'other.test', 'the subscription has no zone other.test', 'Set `subscriptionId`'],
    ['a private zone', {}, 'private.test', 'is private', 'Set `subscriptionId`'],
    [
      'two zones of one name',
      {},
      'twice.test',
      '2 zones twice.test, in the resource groups a, b',
      'Set `resourceGroup`',
    ],
  ])('says what is wrong with %s', async (_what, options, zone, reason, hint) => {
    const { provider, addZone } = start({ ...withSecret, ...options });
    addZone('private.test', { zoneType: 'Private' });
    for (const group of ['a', 'b']) addZone('twice.test', { group });
    await expect(provider.check?.(zone, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining(hint),
    });
  });

  it.each<[string, object, string]>([
    ['an unknown identity', { clientId: identityId.replaceAll('5', '7') }, 'HTTP 400'],
    ['an empty file', { tenantId, clientId, federatedTokenFile: '/run/empty' }, 'missing or empty'],
  ])('says that there is no token for %s', async (_what, options, reason) => {
    const { provider } = start({ subscriptionId, ...options });
    await expect(provider.check?.('example.test', signal)).rejects.toMatchObject({
      code: 'config/no-metadata',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining('`clientSecret`'),
    });
  });
});

it('names the option that is missing', () => {
  expect(() => start({ subscriptionId, clientId, clientSecret: new Secret('x') })).toThrow('tenantId');
  expect(() => start({ subscriptionId, tenantId, clientSecret: new Secret('x') })).toThrow('clientId');
});
