import { fail } from '../errors/errors.ts';
import type { Secret } from '../errors/secret.ts';

/**
 * Returns the bytes of an EAB key. CAs issue keys as base64url (RFC 8555 §7.3.4), with and without padding; some use
 * base64, and people paste keys with line breaks. Hexadecimal digits are also valid base64url and are read as such: no
 * known CA issues hexadecimal keys. Fails with `config/eab-key`.
 */
export function openEabKey(key: Secret): Uint8Array {
  const reason = whyUnreadable(key.reveal());
  if (reason !== undefined) throw fail('config/eab-key', { reason });
  return Buffer.from(bare(key.reveal()), 'base64url');
}

const bare = (key: string): string => key.replaceAll(/\s/g, '').replace(/=+$/, '');

/** Returns why a text is no EAB key, or undefined if it is one. */
export function whyUnreadable(key: string): string | undefined {
  const text = bare(key);
  if (text === '') return 'it is empty';
  if (/[^A-Za-z0-9+/_-]/.test(text)) return 'it has a character that base64 does not have';
  // Each character carries six bits: a single one left over cannot make a byte.
  return text.length % 4 === 1 ? 'a part of it is missing' : undefined;
}

/** Returns advice on what may be wrong with an EAB key that the CA refused. */
export function adviceOnEabKey(key: Secret): string {
  const text = key.reveal().replaceAll(/\s/g, '');
  if (/^([0-9a-f]{2}){16,}$/i.test(text))
    return 'The key looks hexadecimal, but it was read as base64url, as ACME clients do: if the CA means hexadecimal, convert it first (xxd -r -p FILE | base64 -w0).';
  const inside = Buffer.from(text, 'base64url').toString('latin1');
  // Google's API returns the key encoded once more than its ACME server expects.
  if (/^[A-Za-z0-9_-]{32,}=*$/.test(inside))
    return 'The key looks as if it was encoded twice, as Google’s API prints it: decode it once (base64 -d FILE) and use the result.';
  return 'Compare the key id and the key with those at the CA. Many are valid for one account and for some days only (Google: one account, 7 days): then make new ones there.';
}
