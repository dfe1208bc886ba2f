import { createPrivateKey, createPublicKey, generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { Secret } from '../core/errors/secret.ts';
import { type AccountKeyType, keyTypeOfAccount } from '../core/spec/account-key.ts';
import { type KeyType, keyTypes, usualKeyType } from '../core/spec/key-type.ts';
import { insideKey, p256Jwk } from './key-inside.ts';

/** A private key ready for use, with its subject public key info (RFC 5280 §4.1.2.7). */
export interface OpenKey {
  readonly privateKey: KeyObject;
  readonly spkiDer: Uint8Array;
}

// Opening a key takes 0.1 to 0.5 ms, and one certificate needs its key three times. An entry lives as long as its Secret.
const opened = new WeakMap<Secret, OpenKey>();

const makeRsa = promisify(generateKeyPair);

/** Node's description of a key of each type. */
const kinds: Readonly<Record<KeyType, { readonly namedCurve: string } | { readonly modulusLength: number }>> = {
  p256: { namedCurve: 'prime256v1' },
  p384: { namedCurve: 'secp384r1' },
  rsa2048: { modulusLength: 2048 },
  rsa3072: { modulusLength: 3072 },
  rsa4096: { modulusLength: 4096 },
};

/** Generates a private key, as PKCS#8 PEM. RSA keys can take seconds, in another thread. */
export async function makeKey(type: KeyType = usualKeyType): Promise<Secret> {
  const kind = kinds[type];
  const { privateKey, publicKey } = 'namedCurve' in kind ? generateKeyPairSync('ec', kind) : await makeRsa('rsa', kind);
  const text = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const keyPem = new Secret(text);
  opened.set(keyPem, { privateKey, spkiDer: spkiIn(text, () => publicKey) });
  return keyPem;
}

/** Generates an account key, as PKCS#8 PEM. */
export async function makeAccountKey(type: AccountKeyType = 'ES256'): Promise<Secret> {
  const kind = keyTypeOfAccount[type];
  if (kind !== undefined) return makeKey(kind);
  return new Secret(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
}

/** Parses a PKCS#8 PEM. Throws Node's own error if the text is not one. */
export function openKey(keyPem: Secret): OpenKey {
  const before = opened.get(keyPem);
  if (before) return before;
  const privateKey = openJwk(keyPem.reveal()) ?? createPrivateKey(keyPem.reveal());
  const key = { privateKey, spkiDer: spkiIn(keyPem.reveal(), () => createPublicKey(privateKey)) };
  opened.set(keyPem, key);
  return key;
}

/** Returns the subject public key info, if possible without OpenSSL, which takes 0.1 ms to export it. */
const spkiIn = (text: string, publicKey: () => KeyObject): Uint8Array =>
  insideKey(text)?.spkiDer ?? publicKey().export({ type: 'spki', format: 'der' });

/**
 * Opens a key of the usual kind as a JWK, which Node 20 does in a fifth of the 0.5 ms that it takes for a PEM; Node 22 and
 * later are as fast with both. Undefined for other keys, and for a bad one, of which the PEM gives the better error.
 */
function openJwk(keyPem: string): KeyObject | undefined {
  const key = p256Jwk(keyPem);
  try {
    return key && createPrivateKey({ key, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** Returns the subject public key info of a key. Throws Node's own error if the key is invalid. */
export const spkiOf = (keyPem: Secret): Uint8Array =>
  opened.get(keyPem)?.spkiDer ?? insideKey(keyPem.reveal())?.spkiDer ?? openKey(keyPem).spkiDer;

/** Key sizes as {@link insideKey} returns them. */
const sizes: Readonly<Record<KeyType, string | number>> = {
  p256: '2a8648ce3d030107', // 1.2.840.10045.3.1.7
  p384: '2b81040022', // 1.3.132.0.34
  rsa2048: 2048,
  rsa3072: 3072,
  rsa4096: 4096,
};

/** Returns the type of a key, or undefined if certfleet does not generate keys of that kind. */
export function keyTypeOf(keyPem: Secret): KeyType | undefined {
  const inside = opened.has(keyPem) ? undefined : insideKey(keyPem.reveal());
  if (inside) return keyTypes.find((type) => sizes[type] === inside.size);
  const { asymmetricKeyType, asymmetricKeyDetails = {} } = openKey(keyPem).privateKey;
  if (asymmetricKeyType !== 'ec' && asymmetricKeyType !== 'rsa') return undefined;
  return keyTypes.find((type) => {
    const kind = kinds[type];
    return 'namedCurve' in kind
      ? kind.namedCurve === asymmetricKeyDetails.namedCurve
      : kind.modulusLength === asymmetricKeyDetails.modulusLength;
  });
}
