import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../core/errors/secret.ts';
import { classes, encodeName, encodeRecord, join, Reader, types, u16, u48 } from '../../lib/dns/wire.ts';

/** TSIG (RFC 8945): signs a message and verifies its response with a shared secret. */

/** The algorithms of RFC 8945 §6 that may still be used, and MD5 for old servers. */
export const tsigAlgorithms = {
  'hmac-md5': { wire: 'hmac-md5.sig-alg.reg.int', hash: 'md5' },
  'hmac-sha1': { wire: 'hmac-sha1', hash: 'sha1' },
  'hmac-sha224': { wire: 'hmac-sha224', hash: 'sha224' },
  'hmac-sha256': { wire: 'hmac-sha256', hash: 'sha256' },
  'hmac-sha384': { wire: 'hmac-sha384', hash: 'sha384' },
  'hmac-sha512': { wire: 'hmac-sha512', hash: 'sha512' },
} as const;

export type TsigAlgorithm = keyof typeof tsigAlgorithms;

export interface TsigKey {
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  /** Base64. */
  readonly secret: Secret;
}

/** The number of seconds by which the clocks may differ (RFC 8945 §10 recommends 300). */
const fudge = 300;

/** Signs a complete message. `mac` is needed to verify the response. */
export function signMessage(
  message: Uint8Array,
  key: TsigKey,
  now: Date,
): { readonly signed: Uint8Array; readonly mac: Uint8Array } {
  const at = Math.floor(now.getTime() / 1000);
  const stamp = { at, fudge, error: 0, other: new Uint8Array() };
  const mac = authenticate(key, [message, variables(key, stamp)]);
  const algorithm = encodeName(tsigAlgorithms[key.algorithm].wire);
  const id = message.subarray(0, 2);
  const data = join(algorithm, u48(at), u16(fudge), u16(mac.length), mac, id, u16(0), u16(0));
  const record = encodeRecord(key.name, types.TSIG, classes.ANY, 0, data);
  const signed = Buffer.from(join(message, record));
  signed.writeUInt16BE(signed.readUInt16BE(10) + 1, 10);
  return { signed, mac };
}

export type TsigVerdict =
  /** A holder of the key sent it, in response to this request. */
  | { readonly state: 'verified' }
  /** The server refused our signature. Only BADTIME is signed itself, so this is a hint. */
  | { readonly state: 'rejected'; readonly error: string; readonly serverTime?: Date }
  | { readonly state: 'unsigned' }
  | { readonly state: 'untrusted'; readonly reason: string };

/** Verifies the response to a signed request (RFC 8945 §5.4). Never throws. */
export function verifyAnswer(answer: Uint8Array, key: TsigKey, requestMac: Uint8Array, now: Date): TsigVerdict {
  try {
    return verify(answer, key, requestMac, now);
  } catch (error) {
    if (error instanceof RangeError) return { state: 'untrusted', reason: 'the answer is malformed' };
    throw error;
  }
}

function verify(answer: Uint8Array, key: TsigKey, requestMac: Uint8Array, now: Date): TsigVerdict {
  const found = findTsig(answer);
  if (!found) return { state: 'unsigned' };
  const { tsig, before } = found;
  if (tsig.name !== key.name.toLowerCase().replace(/\.$/, ''))
    return { state: 'untrusted', reason: 'it is signed with another key' };
  if (tsig.algorithm !== tsigAlgorithms[key.algorithm].wire)
    return { state: 'untrusted', reason: 'it is signed with another algorithm' };
  const error = tsigErrors[tsig.error];
  // BADKEY and BADSIG are not signed, because the two sides share no key (§5.3.2).
  if (error !== undefined && error !== 'BADTIME') return { state: 'rejected', error };

  const prefix = join(u16(requestMac.length), requestMac);
  const expected = authenticate(key, [prefix, before, variables(key, tsig)]);
  // Also refuse a truncated MAC (§5.2.2.1), which we never request.
  if (expected.length !== tsig.mac.length || !timingSafeEqual(expected, tsig.mac))
    return { state: 'untrusted', reason: 'its signature is wrong' };
  if (error === 'BADTIME') {
    const serverTime = tsig.other.length === 6 ? { serverTime: new Date(new Reader(tsig.other).u48() * 1000) } : {};
    return { state: 'rejected', error, ...serverTime };
  }
  if (Math.abs(now.getTime() / 1000 - tsig.at) > tsig.fudge)
    return { state: 'untrusted', reason: 'it was signed too long ago, or in the future' };
  return { state: 'verified' };
}

const tsigErrors: Readonly<Record<number, string>> = { 16: 'BADSIG', 17: 'BADKEY', 18: 'BADTIME', 22: 'BADTRUNC' };

interface Stamp {
  /** Seconds since 1970. */
  readonly at: number;
  readonly fudge: number;
  readonly error: number;
  readonly other: Uint8Array;
}

interface TsigRecord extends Stamp {
  readonly name: string;
  readonly algorithm: string;
  readonly mac: Uint8Array;
}

/** Splits a message into its TSIG, which must be the last record, and the message as it was before signing. */
function findTsig(message: Uint8Array): { readonly tsig: TsigRecord; readonly before: Uint8Array } | undefined {
  const reader = new Reader(message, 4);
  const [questions, answers, authorities, additionals] = [reader.u16(), reader.u16(), reader.u16(), reader.u16()];
  for (let i = 0; i < questions; i++) {
    reader.name();
    reader.take(4);
  }
  const count = answers + authorities + additionals;
  for (let i = 0; i < count; i++) {
    const start = reader.at;
    const name = reader.name();
    const [type, klass, ttl] = [reader.u16(), reader.u16(), reader.u32()];
    const data = new Reader(reader.take(reader.u16()));
    if (type !== types.TSIG) continue;
    if (i !== count - 1 || additionals === 0 || reader.at !== message.length || klass !== classes.ANY || ttl !== 0)
      throw new RangeError('TSIG is not the last record');
    const algorithm = data.name();
    const [at, fudgeGiven] = [data.u48(), data.u16()];
    const mac = data.take(data.u16());
    const originalId = data.take(2);
    const error = data.u16();
    const other = data.take(data.u16());
    const before = Buffer.from(message.subarray(0, start));
    originalId.copy(before, 0);
    before.writeUInt16BE(additionals - 1, 10);
    return { tsig: { name, algorithm, at, fudge: fudgeGiven, mac, error, other }, before };
  }
  return undefined;
}

/** Returns the data that is signed together with the message (RFC 8945 §4.3.3). */
const variables = (key: TsigKey, stamp: Stamp): Uint8Array =>
  join(
    encodeName(key.name),
    u16(classes.ANY),
    new Uint8Array(4), // TTL 0
    encodeName(tsigAlgorithms[key.algorithm].wire),
    ...[u48(stamp.at), u16(stamp.fudge), u16(stamp.error), u16(stamp.other.length), stamp.other],
  );

function authenticate(key: TsigKey, parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac(tsigAlgorithms[key.algorithm].hash, Buffer.from(key.secret.reveal(), 'base64'));
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
