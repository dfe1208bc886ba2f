import { describe, expect, it } from 'vitest';
import { createZoneWriter } from '../engine/solvers/zone-writer.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import ns1 from './ns1.ts';
import bench, { rightKey, testNs1 } from './test-ns1.ts';
import { optionsFrom, testWorld } from './test-world.ts';

dnsApiContract(it, bench);

const { signal } = new AbortController();
const value = { zone: 'example.test', name: '_acme-challenge.example.test', value: 'abc', ttl: 60 };

describe('a set', () => {
  const start = () => {
    const { world, fake } = testWorld(testNs1);
    const provider = ns1.connect({ name: 'dns', world, options: { apiKey: rightKey } });
    const { clock } = world;
    const writer = createZoneWriter({ provider, clock, traits: ns1.traits, lock: (_name, over, work) => work(over) });
    return { fake, provider, writer };
  };

  it('is made, changed and removed by different methods', async () => {
    const { fake, writer } = start();
    await writer.add(value, signal);
    await writer.add({ ...value, value: 'def' }, signal);
    for (const one of ['abc', 'def']) await writer.remove({ ...value, value: one }, undefined, signal);
    expect(fake.api.calls.map(({ method }) => method).filter((method) => method !== 'GET')).toEqual([
      'PUT',
      'POST',
      'POST',
      'DELETE',
    ]);
    expect(fake.zones['example.test']?.size).toBe(0);
  });

  it('keeps the metadata of answers of others', async () => {
    const { fake, writer } = start();
    fake.plant({ ...value, value: 'theirs', ttl: 300 });
    const before = structuredClone(fake.zones['example.test']?.get(value.name));
    await writer.add(value, signal);
    await writer.remove(value, undefined, signal);
    expect(fake.zones['example.test']?.get(value.name)).toEqual(before);
  });

  it.each([
    ['made', (fake: ReturnType<typeof testNs1>) => fake.plant({ ...value, value: 'theirs' }), undefined],
    ['removed', () => {}, { values: ['theirs'], tag: '[]' }],
  ])('that another program has %s meanwhile is a conflict', async (_what, meanwhile, before) => {
    const { fake, provider } = start();
    meanwhile(fake);
    const change = { name: value.name, before, add: ['abc'], remove: [], after: ['abc'], ttl: 60 };
    await expect(provider.write('example.test', [change], signal)).rejects.toMatchObject({ code: 'dns/conflict' });
  });
});

it.each([{ file: 'dns_nsone_api_key = abcd\n' }, { env: { NS1_API_KEY: 'abcd' } }, { env: { NS1_Key: 'abcd' } }])(
  'the key as other clients have it: %o',
  async (from) => {
    expect(await optionsFrom(ns1, from)).toEqual({ apiKey: 'abcd' });
  },
);
