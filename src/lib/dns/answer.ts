import { canonicalAddress } from '../../core/names/identifiers.ts';
import type { DnsAnswer, DnsRecord } from '../../ports/dns.ts';
import { classes, inLabel, inText, Reader, types } from './wire.ts';

/** Decodes responses (RFC 1035 §4). Anyone may have written them, so their cost is limited. */

/** More than fit into 64 KiB with any useful data, but enough for a set of a thousand TXT values. */
const mostRecords = 4_096;

/** Decodes a response. Throws a plain Error if the bytes are not one. */
export function decodeAnswer(bytes: Buffer): DnsAnswer {
  if (bytes.length < 12) throw new Error('it ends too early');
  const reader = new Reader(bytes, 4);
  const [questions, ...counts] = [reader.u16(), reader.u16(), reader.u16(), reader.u16()] as const;
  if (questions > 1) throw new Error('it has several questions');
  const records = counts.reduce((sum, count) => sum + count, 0);
  if (records > mostRecords) throw new Error(`it has ${records} records, and more than ${mostRecords} are not read`);
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

const typeNames: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(types).map(([name, number]) => [number, name]),
);

/** Returns undefined for a record that callers do not need: one of another class than IN, or the OPT record of EDNS. */
function readRecord(reader: Reader): DnsRecord | undefined {
  const name = reader.name();
  const number = reader.u16();
  const recordClass = reader.u16();
  const ttl = reader.u32();
  const length = reader.u16();
  const from = reader.at;
  const end = from + length;
  reader.skip(length);
  if (recordClass !== classes.IN || number === types.OPT) return undefined;
  const type = typeNames[number] ?? `TYPE${number}`;
  reader.at = from;
  const value = readValue(reader, type, end);
  if (reader.at > end) throw new Error('a record in it cannot be read');
  reader.at = end;
  // RFC 2181 §8: a TTL with the highest bit set means zero.
  return { name, type, ttl: ttl > 0x7fff_ffff ? 0 : ttl, value };
}

function readValue(reader: Reader, type: string, end: number): string {
  const left = () => end - reader.at;
  switch (type) {
    case 'A':
      if (left() !== 4) break;
      return `${reader.u8()}.${reader.u8()}.${reader.u8()}.${reader.u8()}`;
    case 'AAAA': {
      if (left() !== 16) break;
      const groups = Array.from({ length: 8 }, () => reader.u16().toString(16));
      return canonicalAddress(groups.join(':'))!;
    }
    case 'CNAME':
    case 'NS':
    case 'SOA':
      return reader.name();
    case 'TXT': {
      let joined = '';
      while (left() > 0) joined += reader.text(reader.u8(), inText);
      return joined;
    }
    case 'CAA': {
      const flags = reader.u8();
      const tag = reader.text(reader.u8(), inLabel);
      if (left() < 0) break;
      return `${flags} ${tag} ${reader.text(left(), inText)}`;
    }
    default:
      // Servers add other types without being asked (RRSIG, MX).
      return '';
  }
  throw new Error(type.startsWith('A') ? 'an address in it cannot be read' : 'a record in it cannot be read');
}
