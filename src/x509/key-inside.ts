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

const bitsOf = (integer: Uint8Array): number => {
  const first = integer.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (integer.length - first) * 8 - Math.clz32(integer[first]!) + 24;
};
