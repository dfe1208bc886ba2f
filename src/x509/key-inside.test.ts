import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { rsaKeyPem } from '../../test/support/rsa-keys.ts';
import { Secret } from '../core/errors/secret.ts';
import { keyTypeOf, makeKey, spkiOf } from './key.ts';
import { insideKey } from './key-inside.ts';

const spkiByNode = (pem: string) => createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'der' });
const pkcs8 = { type: 'pkcs8', format: 'pem' } as const;

describe('insideKey', () => {
  it.each([
    ['p256', async () => (await makeKey('p256')).reveal()],
    ['p384', async () => (await makeKey('p384')).reveal()],
    ['rsa2048', async () => (await makeKey('rsa2048')).reveal()],
    ['rsa3072', () => rsaKeyPem(3072)],
    ['rsa4096', () => rsaKeyPem(4096)],
  ])('reads the public key and the type of %s as node does', async (type, pemOf) => {
    const pem = await pemOf();
    expect(Buffer.from(insideKey(pem)?.spkiDer ?? [])).toEqual(spkiByNode(pem));
    // A new Secret has not been opened before.
    expect(keyTypeOf(new Secret(pem))).toBe(type);
    expect(Buffer.from(spkiOf(new Secret(pem)))).toEqual(spkiByNode(pem));
  });

  it('knows no type for kinds that certfleet does not make', () => {
    const [p521, rsa1024] = [
      generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey.export(pkcs8).toString(),
      generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export(pkcs8).toString(),
    ];
    for (const pem of [p521, rsa1024]) {
      expect(keyTypeOf(new Secret(pem))).toBeUndefined();
      expect(Buffer.from(spkiOf(new Secret(pem)))).toEqual(spkiByNode(pem));
    }
  });

  it('leaves other forms to node', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const sec1 = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
    const edwards = generateKeyPairSync('ed25519').privateKey.export(pkcs8).toString();
    expect([insideKey(sec1), insideKey(edwards), insideKey('no key')]).toEqual([undefined, undefined, undefined]);
    expect(keyTypeOf(new Secret(sec1))).toBe('p256');
    expect(keyTypeOf(new Secret(edwards))).toBeUndefined();
    expect(() => spkiOf(new Secret('no key'))).toThrow();
    const broken = privateKey.export(pkcs8).toString().replace(/\n./, '\nA');
    expect(insideKey(broken)).toBeUndefined();
  });
});
