import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { rsaKeyPem } from '../../test/support/rsa-keys.ts';
import { Secret } from '../core/errors/secret.ts';
import { keyTypeOf, makeKey, openKey, spkiOf } from './key.ts';
import { insideKey, p256Jwk } from './key-inside.ts';

const spkiByNode = (pem: string) => createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'der' });
const pkcs8 = { type: 'pkcs8', format: 'pem' } as const;
const pemOfDer = (der: Buffer) =>
  `-----BEGIN PRIVATE KEY-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END PRIVATE KEY-----\n`;

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

  it('opens no P-256 key that node refuses, and as node does, whatever octet of it is damaged', async () => {
    const pem = (await makeKey('p256')).reveal();
    expect(p256Jwk(pem)).toEqual(createPrivateKey(pem).export({ format: 'jwk' }));
    const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
    const opens = (open: () => KeyObject) => {
      try {
        return open().export(pkcs8);
      } catch (error) {
        return (error as Error).message;
      }
    };
    const damaged = [pem];
    for (let at = 0; at < der.length; at += 1) {
      const other = Buffer.from(der);
      other[at]! ^= 1 << (at % 8);
      damaged.push(pemOfDer(other));
      if (at % 16 === 0) damaged.push(pemOfDer(der.subarray(0, at)));
    }
    // A number d that no key has: 0, and one above the order of the curve.
    for (const octet of [0, 0xff]) damaged.push(pemOfDer(Buffer.from(der).fill(octet, 36, 68)));
    // Lines of another length, another end of line, a text before it, an octet after it.
    const [, body = ''] = /-\n([^-]*)-/.exec(pem) ?? [];
    damaged.push(pem.replace(body, `${body.replaceAll('\n', '')}\n`), pem.replaceAll('\n', '\r\n'), `x\n${pem}`);
    damaged.push(pemOfDer(Buffer.concat([der, Buffer.of(0)])), pem.replace(body, `${body}AA==\n`));
    for (const text of damaged)
      expect(opens(() => openKey(new Secret(text)).privateKey)).toBe(opens(() => createPrivateKey(text)));
  });

  it('returns no type for kinds that certfleet does not make', () => {
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
