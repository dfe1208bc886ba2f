import { expect, test } from 'vitest';
import type { Wishes } from '../spec/spec.ts';
import type { Version } from './lineage.ts';
import { nextKey } from './next-key.ts';

const version = { id: 'v1' } as Version;
const rsa = { ...version, keyType: 'rsa2048' } as const;

test.each<[string, Wishes, Version | undefined, ReturnType<typeof nextKey>]>([
  ['a first key is P-256', {}, undefined, { type: 'p256' }],
  ['or as named', { keyType: 'rsa4096', reuseKey: true }, undefined, { type: 'rsa4096' }],
  ['a renewal keeps the type of an old version', {}, version, { type: 'p256' }],
  ['a renewal keeps another type', {}, rsa, { type: 'rsa2048' }],
  ['a named type replaces it', { keyType: 'p384' }, rsa, { type: 'p384' }],
  ['a key is reused on request', { reuseKey: true }, rsa, { type: 'rsa2048', reuses: 'v1' }],
  ['but not for another type', { reuseKey: true, keyType: 'p256' }, rsa, { type: 'p256' }],
  ['and never once it is compromised', { reuseKey: true }, { ...rsa, compromised: true }, { type: 'rsa2048' }],
])('%s', (_what, wishes, current, next) => {
  expect(nextKey(wishes, current)).toEqual(next);
});
