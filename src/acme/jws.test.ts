import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { calculateJwkThumbprint, flattenedVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { rsaKeyPem } from '../../test/support/rsa-keys.ts';
import { Secret } from '../core/errors/secret.ts';
import { bindAccount, createSigner } from './jws.ts';

const pem = (key: { export(o: { type: 'pkcs8'; format: 'pem' }): string | Buffer }) =>
  new Secret(key.export({ type: 'pkcs8', format: 'pem' }) as string);

const keys = [
  ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
  ['ES512', generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey],
  ['RS256', createPrivateKey(rsaKeyPem(2048))],
  ['EdDSA', generateKeyPairSync('ed25519').privateKey],
] as const;

describe.each(keys)('%s', (alg, key) => {
  const signer = createSigner(pem(key));

  test('jose accepts the signature, with kid', async () => {
    const text = signer.sign({ nonce: 'n1', url: 'https://ca.test/o', kid: 'https://ca.test/a/1' }, '{"a":"ü"}');
    const jws = JSON.parse(text);
    expect(Object.keys(jws)).toEqual(['protected', 'payload', 'signature']);
    const { protectedHeader, payload } = await flattenedVerify(jws, createPublicKey(key));
    expect(protectedHeader).toEqual({ alg, nonce: 'n1', url: 'https://ca.test/o', kid: 'https://ca.test/a/1' });
    expect(new TextDecoder().decode(payload)).toBe('{"a":"ü"}');
  });

  test('without kid, the header contains the public key and nothing private', async () => {
    const jws = JSON.parse(signer.sign({ nonce: 'n', url: 'https://ca.test/o' }, '{}'));
    const { protectedHeader } = await flattenedVerify(jws, createPublicKey(key));
    expect(protectedHeader).toEqual({ alg, nonce: 'n', url: 'https://ca.test/o', jwk: signer.jwk });
    expect(signer.jwk).not.toHaveProperty('d');
    expect(await calculateJwkThumbprint(signer.jwk)).toBe(signer.thumbprint);
  });

  test('a POST-as-GET has an empty payload', async () => {
    const jws = JSON.parse(signer.sign({ nonce: 'n', url: 'https://ca.test/o', kid: 'k' }, ''));
    expect(jws.payload).toBe('');
    await expect(flattenedVerify(jws, createPublicKey(key))).resolves.toBeDefined();
  });
});

test('the JWK has exactly the members of RFC 7638 §3.2, in order', () => {
  const { jwk } = createSigner(pem(keys[3][1]));
  expect(Object.keys(jwk)).toEqual(['e', 'kty', 'n']);
  expect(Object.keys(createSigner(pem(keys[0][1])).jwk)).toEqual(['crv', 'kty', 'x', 'y']);
});

test('refuses other kinds of keys', () => {
  expect(() => createSigner(pem(generateKeyPairSync('ed448').privateKey))).toThrow('EC (P-256');
});

describe('an external account binding (RFC 8555 §7.3.4)', () => {
  const signer = createSigner(pem(keys[0][1]));
  const bytes = Buffer.alloc(48, 0xfb);
  const url = 'https://ca.test/new-account';

  test.each(['HS256', 'HS384', 'HS512'] as const)(
    'is a JWS of the public key that jose accepts: %s',
    async (algorithm) => {
      const hmacKey = new Secret(bytes.toString('base64url'));
      const jws = bindAccount(signer, { kid: 'kid-1', hmacKey, algorithm }, url);
      const { protectedHeader, payload } = await flattenedVerify(jws, bytes);
      expect(protectedHeader).toEqual({ alg: algorithm, kid: 'kid-1', url });
      expect(JSON.parse(new TextDecoder().decode(payload))).toEqual(signer.jwk);
    },
  );
});
