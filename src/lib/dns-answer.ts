import { canonicalAddress } from '../core/names/identifiers.ts';
import type { DnsAnswer, DnsRecord } from '../ports/dns.ts';

/**
 * Decodes answers (RFC 1035 §4). Anyone may have written them, so what they may cost is limited, and every text in them
 * becomes printable ASCII: a name server cannot send a control character to a terminal, nor hide a dot in a label.
 */

/** More than fit into 64 KiB together with any useful data; a set of a thousand TXT values is still read. */
const mostRecords = 4_096;
/** The characters of all texts together. Compressed names could be 30 times as long as the message (§4.1.4). */
const mostText = 262_144;

/** Reads an answer. Throws a plain Error if it is not one. */
export function decodeAnswer(bytes: Buffer): DnsAnswer {
  if (bytes.length < 12) throw new Error('it ends too early');
  const reader = createReader(bytes);
  const [questions, ...counts] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at)) as [number, number, number, number];
  if (questions > 1) throw new Error('it has several questions');
  const records = counts.reduce((sum, count) => sum + count, 0);
  if (records > mostRecords) throw new Error(`it has ${records} records, and more than ${mostRecords} are not read`);
  reader.at = 12;
  if (questions === 1) {
    reader.name();
    reader.skip(4);
  }
  const [answers, authorities, additionals] = counts.map((count) =>
    Array.from({ length: count }, () => readRecord(reader)).filter((record) => record !== undefined),
  ) as [DnsRecord[], DnsRecord[], DnsRecord[]];
  return {
    rcode: rcodeNames[bytes[3]! & 0x0f] ?? `RCODE${bytes[3]! & 0x0f}`,
    authoritative: (bytes[2]! & 0x04) !== 0,
    answers,
    authorities,
    additionals,
  };
}

const rcodeNames = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'] as const;

type Reader = ReturnType<typeof createReader>;

/** Reads a message from `at` on. Throws beyond its end, and if its texts become too long. */
function createReader(bytes: Buffer) {
  let left = mostText;
  // Each name that a pointer leads to, so that an owner that is repeated is one string in memory.
  const known = new Map<number, string>();

  const reader = {
    at: 0,

    skip(length: number): number {
      const from = reader.at;
      if (from + length > bytes.length) throw new Error('it ends too early');
      reader.at += length;
      return from;
    },
    uint8: (): number => bytes[reader.skip(1)]!,
    uint16: (): number => bytes.readUInt16BE(reader.skip(2)),
    uint32: (): number => bytes.readUInt32BE(reader.skip(4)),

    /** Text of that many octets. Those in `plain` stay as they are, the others become `\DDD` (§5.1). */
    text(length: number, plain: RegExp): string {
      const from = reader.skip(length);
      const raw = bytes.toString('latin1', from, from + length);
      return take(
        plain.test(raw) ? raw : Array.from(raw, (octet) => (plain.test(octet) ? octet : escaped(octet))).join(''),
      );
    },

    /** A name: lower case, without the last dot. */
    name(): string {
      const labels: string[] = [];
      let octets = 1;
      let jumps = 0;
      let end: number | undefined;
      let lowest = reader.at;
      let shared: { readonly target: number } | undefined;
      for (;;) {
        const length = reader.uint8();
        if (length === 0) break;
        if (length >= 0xc0) {
          const target = ((length & 0x3f) << 8) | reader.uint8();
          end ??= reader.at;
          // Only backwards, so that it ends; and no more often than a name can have labels.
          if (target >= lowest || ++jumps > 127) throw new Error('a name in it has a pointer that leads nowhere');
          if (labels.length === 0 && shared === undefined) {
            const same = known.get(target);
            if (same !== undefined) {
              reader.at = end;
              return same;
            }
            shared = { target };
          }
          lowest = target;
          reader.at = target;
          continue;
        }
        octets += length + 1;
        if (length > 63 || octets > 255) throw new Error('a name in it is too long');
        labels.push(reader.text(length, inLabel).toLowerCase());
      }
      if (end !== undefined) reader.at = end;
      const name = labels.join('.');
      if (shared) known.set(shared.target, name);
      return name;
    },
  };

  const take = (text: string): string => {
    left -= text.length;
    if (left < 0) throw new Error('the texts in it are too long');
    return text;
  };

  return reader;
}

/** A printable octet. Not a backslash, which begins an escape, and in a name neither a dot nor a space. */
const inText = /^[\x20-\x5b\x5d-\x7e]*$/;
const inLabel = /^[\x21-\x2d\x2f-\x5b\x5d-\x7e]*$/;
const escaped = (octet: string): string => `\\${String(octet.charCodeAt(0)).padStart(3, '0')}`;

const internet = 1;
const opt = 41;
const typeNames: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  16: 'TXT',
  28: 'AAAA',
  257: 'CAA',
};

/** Undefined for a record that is no data: of another class, or EDNS. */
function readRecord(reader: Reader): DnsRecord | undefined {
  const name = reader.name();
  const number = reader.uint16();
  const recordClass = reader.uint16();
  const ttl = reader.uint32();
  const length = reader.uint16();
  const from = reader.at;
  const end = from + length;
  reader.skip(length);
  if (recordClass !== internet || number === opt) return undefined;
  const type = typeNames[number] ?? `TYPE${number}`;
  reader.at = from;
  const value = readValue(reader, type, end);
  if (reader.at > end) throw new Error('a record in it cannot be read');
  reader.at = end;
  // RFC 2181 §8: a TTL with the highest bit is zero.
  return { name, type, ttl: ttl > 0x7fff_ffff ? 0 : ttl, value };
}

function readValue(reader: Reader, type: string, end: number): string {
  const left = () => end - reader.at;
  switch (type) {
    case 'A':
      if (left() !== 4) break;
      return `${reader.uint8()}.${reader.uint8()}.${reader.uint8()}.${reader.uint8()}`;
    case 'AAAA': {
      if (left() !== 16) break;
      const groups = Array.from({ length: 8 }, () => reader.uint16().toString(16));
      return canonicalAddress(groups.join(':'))!;
    }
    case 'CNAME':
    case 'NS':
    case 'SOA':
      return reader.name();
    case 'TXT': {
      let joined = '';
      while (left() > 0) joined += reader.text(reader.uint8(), inText);
      return joined;
    }
    case 'CAA': {
      const flags = reader.uint8();
      const tag = reader.text(reader.uint8(), inLabel);
      if (left() < 0) break;
      return `${flags} ${tag} ${reader.text(left(), inText)}`;
    }
    default:
      // Other types come along unasked (RRSIG, MX).
      return '';
  }
  throw new Error(type.startsWith('A') ? 'an address in it cannot be read' : 'a record in it cannot be read');
}
