import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { Secret } from '../core/secret.ts';

/** A private key ready for use, with its subject public key info (RFC 5280 §4.1.2.7). */
export interface OpenKey {
  readonly privateKey: KeyObject;
  readonly spkiDer: Buffer;
}

// Parsing a PEM costs 0.7 ms, and one certificate needs its key three times. Nothing is kept longer than the Secret.
const opened = new WeakMap<Secret, OpenKey>();

/** The key behind a PKCS#8 PEM. Throws node's own error where it is none. */
export function openKey(keyPem: Secret, known?: KeyObject): OpenKey {
  const before = opened.get(keyPem);
  if (before) return before;
  const privateKey = known ?? createPrivateKey(keyPem.reveal());
  const key = { privateKey, spkiDer: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }) };
  opened.set(keyPem, key);
  return key;
}
