// DER (X.690), as far as certificates and their requests need it: short tags, definite lengths. pkijs and asn1js can
// do all of it, but cost 16 ms (against 2) and 400 kB in the start of a program that gets a certificate in 150 ms;
// test/real/x509.test.ts has OpenSSL verify every kind of request.

/** One element: its tag, its content, and both with the length between them. */
export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

export const tags = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  set: 0x31,
  /** `[n]` IMPLICIT of something without parts, and `[n]` around parts. */
  context: (n: number) => 0x80 + n,
  contextParts: (n: number) => 0xa0 + n,
} as const;

/** OBJECT IDENTIFIERs, as the hex of their content. */
export const oids = {
  subjectAltName: '551d11', // 2.5.29.17
  authorityKeyIdentifier: '551d23', // 2.5.29.35
  extensionRequest: '2a864886f70d01090e', // 1.2.840.113549.1.9.14, RFC 2985 §5.4.2
  ecdsaWithSha256: '2a8648ce3d040302', // 1.2.840.10045.4.3.2, RFC 5758 §3.2
  ecPublicKey: '2a8648ce3d0201', // 1.2.840.10045.2.1, RFC 5480 §2.1.1
  p256: '2a8648ce3d030107', // 1.2.840.10045.3.1.7, RFC 5480 §2.1.1.1
} as const;

/** The elements side by side in some bytes. Throws a plain Error where they are not DER. */
export function elementsOf(bytes: Uint8Array): readonly Element[] {
  const elements: Element[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const tag = bytes[offset]!;
    let length = bytes[offset + 1];
    let start = offset + 2;
    if (length === undefined || (tag & 0x1f) === 0x1f) throw new Error('it is not DER');
    if (length >= 0x80) {
      const count = length & 0x7f;
      // 4 bytes of length are 4 GiB; more is no certificate.
      if (count === 0 || count > 4 || start + count > bytes.length) throw new Error('it is not DER');
      length = 0;
      for (const byte of bytes.subarray(start, start + count)) length = length * 256 + byte;
      start += count;
    }
    const end = start + length;
    if (end > bytes.length) throw new Error('it is cut short');
    elements.push({ tag, content: bytes.subarray(start, end), whole: bytes.subarray(offset, end) });
    offset = end;
  }
  return elements;
}

/** The one element that some bytes are. */
export function elementOf(bytes: Uint8Array, tag: number): Element {
  const [element, ...rest] = elementsOf(bytes);
  if (element?.tag !== tag || rest.length > 0) throw new Error('it is not the DER expected here');
  return element;
}

/** Writes one element around its parts. */
export function encode(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const octets = length < 0x80 ? [] : Buffer.from(evenHex(length), 'hex');
  const head = octets.length === 0 ? [tag, length] : [tag, 0x80 + octets.length, ...octets];
  return Buffer.concat([Uint8Array.from(head), ...parts]);
}

export const encodeOid = (oid: string): Uint8Array => encode(tags.objectIdentifier, Buffer.from(oid, 'hex'));

const evenHex = (n: number): string => n.toString(16).padStart(2 * Math.ceil(n.toString(16).length / 2), '0');

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
