import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Secret } from '../core/secret.ts';

/** A private key ready for use, with its subject public key info (RFC 5280 §4.1.2.7). */
export interface OpenKey {
  readonly privateKey: KeyObject;
  readonly spkiDer: Uint8Array;
}

// Parsing a PEM takes 0.7 ms, and one certificate needs its key three times. An entry lives as long as its Secret.
const opened = new WeakMap<Secret, OpenKey>();

/** Makes a P-256 key, as PKCS#8 PEM. */
export function makeKey(): Secret {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPem = new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  opened.set(keyPem, { privateKey, spkiDer: publicKey.export({ type: 'spki', format: 'der' }) });
  return keyPem;
}

/** Parses a PKCS#8 PEM. Throws node's own error if it is not one. */
export function openKey(keyPem: Secret): OpenKey {
  const before = opened.get(keyPem);
  if (before) return before;
  const privateKey = createPrivateKey(keyPem.reveal());
  const key = { privateKey, spkiDer: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }) };
  opened.set(keyPem, key);
  return key;
}
