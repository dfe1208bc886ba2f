import type { DnsType } from '../../ports/dns.ts';
import { encodeMessage, encodeRecord, types } from './wire.ts';

/** Encodes questions (RFC 1035 §4), and matches responses to them. */

/** The size that is never fragmented (DNS flag day 2020). */
const udpPayloadSize = 1232;

export interface Question {
  readonly name: string;
  readonly type: DnsType;
  readonly recursive: boolean;
  /** Whether to accept responses up to {@link udpPayloadSize} (EDNS, RFC 6891), which a few servers refuse. */
  readonly edns: boolean;
}

/** Asks the server to query other servers (RD). */
const recursionDesired = 0x0100;

export function encodeQuestion(id: number, { name, type, recursive, edns }: Question): Buffer {
  // In an OPT record, the class field holds the maximum size of a response (RFC 6891 §6.1.2).
  const additionals = edns ? [encodeRecord('', types.OPT, udpPayloadSize, 0, new Uint8Array())] : [];
  return encodeMessage(id, recursive ? recursionDesired : 0, { name, type: types[type] }, { additionals });
}

/**
 * Reports whether bytes are a response to this question, by ID, QR bit, name and type. Never throws: anyone can send to
 * a UDP port, and other datagrams must be ignored. A server that cannot read the question may omit it (FORMERR).
 */
export function answersQuestion(bytes: Buffer, id: number, question: Question): boolean {
  if (bytes.length < 12 || bytes.readUInt16BE(0) !== id || (bytes[2]! & 0x80) === 0) return false;
  const count = bytes.readUInt16BE(4);
  if (count === 0) return formatError(bytes);
  if (count !== 1) return false;
  const expected = encodeQuestion(id, { ...question, edns: false }).subarray(12);
  const given = bytes.subarray(12, 12 + expected.length);
  // Names are compared without case, but type and class byte by byte (0x41 to 0x5a are letters only in names).
  const nameEnd = expected.length - 4;
  return (
    given.length === expected.length &&
    given.subarray(nameEnd).equals(expected.subarray(nameEnd)) &&
    lowerCase(given.subarray(0, nameEnd)).equals(lowerCase(expected.subarray(0, nameEnd)))
  );
}

const lowerCase = (bytes: Buffer): Buffer =>
  bytes.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte)) as Buffer;

/** Reports FORMERR or NOTIMP, the response of servers without EDNS to a question with it. */
export const formatError = (bytes: Buffer): boolean => [1, 4].includes(bytes[3]! & 0x0f);

export const isTruncated = (bytes: Buffer): boolean => (bytes[2]! & 0x02) !== 0;
