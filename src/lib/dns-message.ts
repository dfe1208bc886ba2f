import packet from 'dns-packet';
import type { DnsType } from '../ports/dns.ts';

/** Encodes questions (RFC 1035 §4), with `dns-packet`, and tells which answers belong to them. */

/** The size that is never fragmented (DNS flag day 2020). */
const udpPayloadSize = 1232;

export interface Question {
  readonly name: string;
  readonly type: DnsType;
  readonly recursive: boolean;
  /** Whether to offer answers up to {@link udpPayloadSize} (EDNS, RFC 6891), which a few servers refuse. */
  readonly edns: boolean;
}

export function encodeQuestion(id: number, question: Question): Buffer {
  return packet.encode({
    type: 'query',
    id,
    flags: question.recursive ? packet.RECURSION_DESIRED : 0,
    questions: [{ type: question.type, name: question.name, class: 'IN' }],
    additionals: question.edns
      ? [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
}

/**
 * Whether bytes answer that question, by id, QR bit, name and type. Never throws: anyone can send to a UDP port, and
 * what does not fit must be ignored. A server that cannot read the question may omit it (FORMERR).
 */
export function answersQuestion(bytes: Buffer, id: number, question: Question): boolean {
  if (bytes.length < 12 || bytes.readUInt16BE(0) !== id || (bytes[2]! & 0x80) === 0) return false;
  const count = bytes.readUInt16BE(4);
  if (count === 0) return formatError(bytes);
  if (count !== 1) return false;
  const expected = encodeQuestion(id, { ...question, edns: false }).subarray(12);
  const given = bytes.subarray(12, 12 + expected.length);
  // Names are compared without case, type and class byte by byte (0x41 to 0x5a are letters only in names).
  const nameEnd = expected.length - 4;
  return (
    given.length === expected.length &&
    given.subarray(nameEnd).equals(expected.subarray(nameEnd)) &&
    lowerCase(given.subarray(0, nameEnd)).equals(lowerCase(expected.subarray(0, nameEnd)))
  );
}

const lowerCase = (bytes: Buffer): Buffer =>
  bytes.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte)) as Buffer;

/** FORMERR or NOTIMP: how servers without EDNS answer a question with it. */
export const formatError = (bytes: Buffer): boolean => [1, 4].includes(bytes[3]! & 0x0f);

export const isTruncated = (bytes: Buffer): boolean => (bytes[2]! & 0x02) !== 0;
