// DER (X.690), as far as certificates and requests need it: short tags and definite lengths. pkijs and asn1js could
// replace it, but take 16 ms instead of 2 to load. In test/real/x509.test.ts, OpenSSL verifies every kind of request.

/** One element: its tag, its content, and its whole encoding with tag and length. */
export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** `[n]`, primitive and constructed. */
  context: (n: number) => 0x80 + n,
  contextParts: (n: number) => 0xa0 + n,
} as const;

/** OBJECT IDENTIFIERs, as the hex of their content. */
export const oids = {
  subjectAltName: '551d11', // 2.5.29.17
  commonName: '550403', // 2.5.4.3
  basicConstraints: '551d13', // 2.5.29.19
  acmeIdentifier: '2b0601050507011f', // 1.3.6.1.5.5.7.1.31, RFC 8737 §6.1
  authorityKeyIdentifier: '551d23', // 2.5.29.35
  subjectKeyIdentifier: '551d0e', // 2.5.29.14
  extensionRequest: '2a864886f70d01090e', // 1.2.840.113549.1.9.14, RFC 2985 §5.4.2
  ecdsaWithSha256: '2a8648ce3d040302', // 1.2.840.10045.4.3.2, RFC 5758 §3.2
  ecdsaWithSha384: '2a8648ce3d040303', // 1.2.840.10045.4.3.3
  rsaWithSha256: '2a864886f70d01010b', // 1.2.840.113549.1.1.11, RFC 8017 appendix A.2.4
} as const;

/** Reads a sequence of elements. Throws a plain Error if the bytes are not DER. */
export function elementsOf(bytes: Uint8Array): readonly Element[] {
  const elements: Element[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const tag = bytes[offset]!;
    let length = bytes[offset + 1];
    let start = offset + 2;
    if (length === undefined || (tag & 0x1f) === 0x1f) throw new Error('it is not DER');
    if (length >= 0x80) {
      const count = length & 0x7f;
      // Four bytes of length allow 4 GiB, more than any certificate.
      if (count === 0 || count > 4 || start + count > bytes.length) throw new Error('it is not DER');
      length = 0;
      for (const byte of bytes.subarray(start, start + count)) length = length * 256 + byte;
      start += count;
    }
    const end = start + length;
    if (end > bytes.length) throw new Error('it ends too early');
    elements.push({ tag, content: bytes.subarray(start, end), whole: bytes.subarray(offset, end) });
    offset = end;
  }
  return elements;
}

/** Throws a plain Error unless the bytes are valid DER, including all nested values. */
export function checkDer(bytes: Uint8Array): void {
  for (const { tag, content } of elementsOf(bytes)) {
    if ((tag & constructed) !== 0) checkDer(content);
    else if (!isValue(tag, content)) throw new Error('it is not DER');
  }
}

const constructed = 0x20;

/** Reports whether a value is valid (X.690 §8.2, §8.3, §8.6, §8.19 and §11). */
function isValue(tag: number, content: Uint8Array): boolean {
  const [first = 0, second = 0] = content;
  switch (tag) {
    case tags.boolean:
      return content.length === 1;
    case tags.integer:
      // Uses as few octets as possible.
      return content.length === 1 || (content.length > 1 && first !== (second < 0x80 ? 0 : 0xff));
    case tags.bitString:
      return content.length > 0 && first < 8;
    case tags.null:
      return content.length === 0;
    case tags.objectIdentifier:
      // Each number uses as few octets as possible, and is complete.
      return (
        content.length > 0 &&
        content.at(-1)! < 0x80 &&
        content.every((octet, at) => octet !== 0x80 || (content[at - 1] ?? 0) >= 0x80)
      );
    default:
      return true;
  }
}

/** Reads exactly one element. */
export function elementOf(bytes: Uint8Array, tag: number): Element {
  const [element, ...rest] = elementsOf(bytes);
  if (element?.tag !== tag || rest.length > 0) throw new Error('it is not the expected DER');
  return element;
}

/** Encodes one element that contains the parts. */
export function encode(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const octets = length < 0x80 ? [] : Buffer.from(evenHex(length), 'hex');
  const head = octets.length === 0 ? [tag, length] : [tag, 0x80 + octets.length, ...octets];
  return Buffer.concat([Uint8Array.from(head), ...parts]);
}

export const encodeOid = (oid: string): Uint8Array => encode(tags.objectIdentifier, Buffer.from(oid, 'hex'));

const evenHex = (n: number): string => n.toString(16).padStart(2 * Math.ceil(n.toString(16).length / 2), '0');

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
