import { describe, expect, test } from 'vitest';
import { hasWanted } from '../lineage/differences.ts';
import type { Lineage, Version } from '../lineage/lineage.ts';
import { canonical, sameJson, sameLimits, sameRequest, sameSpec } from './same-spec.ts';
import type { StoredSpec, Wishes } from './spec.ts';

test.each([
  [{ b: 1, a: 'x' }, '{"a":"x","b":1}'],
  [{ z: { d: null, c: true }, a: [{ y: 1, x: 2 }, 'b', 'a'] }, '{"a":[{"x":2,"y":1},"b","a"],"z":{"c":true,"d":null}}'],
  [{ b: undefined, a: 1 }, '{"a":1}'],
  [['b', undefined], '["b",null]'],
  [null, 'null'],
])('canonical text of %j', (value, text) => {
  expect(canonical(value)).toBe(text);
});

test.each<[boolean, unknown, unknown]>([
  [true, { b: 1, a: [{ y: 1, x: 2 }] }, { a: [{ x: 2, y: 1 }], b: 1 }],
  [true, { a: 1, b: undefined }, { a: 1, c: undefined }],
  [false, { a: 1 }, { a: 1, b: null }],
  [false, { a: null }, { a: undefined }],
  [false, { a: 1 }, { a: '1' }],
  [false, ['a', 'b'], ['b', 'a']],
  [false, ['a'], ['a', 'b']],
  [false, ['a'], { 0: 'a' }],
  [false, {}, []],
  [false, null, {}],
])('%s: the same JSON of %j and %j', (same, a, b) => {
  expect([sameJson(a, b), sameJson(b, a), canonical(a) === canonical(b)]).toEqual([same, same, same]);
});

describe('whether the current certificate is the wanted one', () => {
  const names = [{ type: 'dns', value: 'example.com' }] as const;
  const lineage = (issued: Partial<Version>) =>
    ({ current: { directory: 'd', facts: { identifiers: names }, ...issued } }) as unknown as Lineage;
  const wanted = (wishes: Wishes) =>
    ({ identifiers: names, ...wishes, issuer: { settings: { directory: 'd' } } }) as unknown as StoredSpec;

  test.each<[boolean, Partial<Version>, Wishes]>([
    [true, {}, {}],
    [true, {}, { keyType: 'p256' }],
    [false, {}, { keyType: 'p384' }],
    [true, { keyType: 'rsa2048' }, {}],
    [false, { keyType: 'rsa2048' }, { keyType: 'p256' }],
    [true, {}, { reuseKey: true }],
    [false, { profile: 'shortlived' }, {}],
    [false, { preferredChain: 'Root X' }, { preferredChain: 'Root Y' }],
    [true, { validity: { notAfter: '30d' } }, { validity: { notAfter: '30d' } }],
    [false, { validity: { notAfter: '30d' } }, { validity: { notAfter: '20d' } }],
    [false, { validity: { notBefore: '-1h', notAfter: '30d' } }, { validity: { notAfter: '30d' } }],
  ])('%s for %j and %j', (same, issued, wishes) => {
    expect(hasWanted(lineage(issued), wanted(wishes))).toBe(same);
  });
});

test('limits of the CA make no other spec, only other limits', () => {
  const spec = (settings: object): StoredSpec =>
    ({
      name: 'a',
      identifiers: [],
      issuer: { name: 'ca', settings: { directory: 'd', ...settings } },
    }) as unknown as StoredSpec;
  const [without, low, high] = [
    {},
    { limits: { newOrdersPerAccount: '3/3h' } },
    { limits: { newOrdersPerAccount: '9/3h' } },
  ].map(spec);
  expect([sameSpec(without!, low!), sameSpec(low!, high!), sameRequest(low!, high!)]).toEqual([true, true, true]);
  expect(sameSpec(low!, spec({ limits: {}, newAccount: true }))).toBe(false);
  expect([sameLimits(low!, low!), sameLimits(without!, low!), sameLimits(low!, high!)]).toEqual([true, false, false]);
});
