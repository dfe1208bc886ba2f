import type { JsonWebKey } from 'node:crypto';
import { elementOf, elementsOf, encode, hex, tags } from './der.ts';

/** The facts about a key in a PKCS#8 file, without opening the key. */
export interface KeyInside {
  readonly spkiDer: Uint8Array;
  /** The curve's OBJECT IDENTIFIER as hex, or the number of bits in an RSA modulus. */
  readonly size: string | number;
}

const rsa = '2a864886f70d010101'; // 1.2.840.113549.1.1.1
const ec = '2a8648ce3d0201'; // 1.2.840.10045.2.1

/**
 * Returns the public key that is stored beside the private one (RFC 5958, RFC 5915, RFC 8017). node:crypto takes half a
 * millisecond to open a key, because it checks the key, which is five seconds for ten thousand imported ones. Returns
 * undefined if the file has another form, so that node:crypto must read it.
 */
export function insideKey(keyPem: string): KeyInside | undefined {
  const base64 = /^-----BEGIN PRIVATE KEY-----\s([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----\s*$/.exec(keyPem)?.[1];
  if (base64 === undefined) return undefined;
  try {
    const der = Buffer.from(base64, 'base64');
    const [, algorithm, wrapped] = elementsOf(elementOf(der, tags.sequence).content);
    const [kind, curve] = elementsOf(algorithm!.content);
    const inner = elementsOf(elementOf(wrapped!.content, tags.sequence).content);
    if (hex(kind!.content) === rsa) {
      const [, modulus, exponent] = inner;
      const point = encode(tags.sequence, modulus!.whole, exponent!.whole);
      const spkiDer = encode(tags.sequence, algorithm!.whole, encode(tags.bitString, Uint8Array.of(0), point));
      return { spkiDer, size: bitsOf(modulus!.content) };
    }
    const point = inner.find(({ tag }) => tag === tags.contextParts(1));
    if (hex(kind!.content) !== ec || !point || curve?.tag !== tags.objectIdentifier) return undefined;
    return { spkiDer: encode(tags.sequence, algorithm!.whole, point.content), size: hex(curve.content) };
  } catch {
    return undefined; // node:crypto reports the problem
  }
}

/** A P-256 key as `export` writes it: its 138 octets are three lines of base64, and fixed but for d, x and y. */
const p256Pem =
  /^-----BEGIN PRIVATE KEY-----\n([A-Za-z0-9+/]{64})\n([A-Za-z0-9+/]{64})\n([A-Za-z0-9+/]{56})\n-----END PRIVATE KEY-----\n$/;
const p256Der =
  /^308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420(.{64})a14403420004(.{64})(.{64})$/;

/** A P-256 key as a JWK (RFC 7518 §6.2), if its file is just as `export` writes it. */
export function p256Jwk(keyPem: string): JsonWebKey | undefined {
  const [, ...lines] = p256Pem.exec(keyPem) ?? [];
  const [, ...members] = p256Der.exec(Buffer.from(lines.join(''), 'base64').toString('hex')) ?? [];
  if (members.length === 0) return undefined;
  const [d, x, y] = members.map((member) => Buffer.from(member, 'hex').toString('base64url'));
  return { kty: 'EC', crv: 'P-256', d: d!, x: x!, y: y! };
}

const bitsOf = (integer: Uint8Array): number => {
  const first = integer.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (integer.length - first) * 8 - Math.clz32(integer[first]!) + 24;
};
