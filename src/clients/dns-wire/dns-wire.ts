/** The parts of the DNS wire format (RFC 1035 §4.1) that dynamic updates and their signatures need. */

export const types = { SOA: 6, TXT: 16, TSIG: 250 } as const;
export const classes = { IN: 1, NONE: 254, ANY: 255 } as const;

export const u16 = (value: number): Uint8Array => Uint8Array.of((value >>> 8) & 0xff, value & 0xff);

export const u32 = (value: number): Uint8Array =>
  Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);

/** Seconds since 1970 in 48 bits (RFC 8945 §4.2). Bit shifts work on 32, so divide to get the high part. */
export const u48 = (value: number): Uint8Array => join(u16(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32));

export const join = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);

/** A name in canonical form (RFC 4034 §6.2): lower case, not compressed. */
export function encodeName(name: string): Uint8Array {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.');
  const parts = labels.filter((label) => label !== '').map((label) => Buffer.from(label, 'latin1'));
  const bad = parts.find((part) => part.length > 63);
  if (bad) throw new RangeError(`a label of "${name}" is longer than 63 octets`);
  const wire = join(...parts.flatMap((part) => [Uint8Array.of(part.length), part]), Uint8Array.of(0));
  // RFC 1035 §2.3.4
  if (wire.length > 255) throw new RangeError(`"${name}" is longer than 255 octets`);
  return wire;
}

/** A resource record: owner, type, class, TTL, length and data. */
export const encodeRecord = (name: string, type: number, klass: number, ttl: number, data: Uint8Array): Uint8Array =>
  join(encodeName(name), u16(type), u16(klass), u32(ttl), u16(data.length), data);

/** TXT data: strings of at most 255 octets each. */
export function encodeText(value: string): Uint8Array {
  const bytes = Buffer.from(value, 'utf8');
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length || parts.length === 0; at += 255) {
    const part = bytes.subarray(at, at + 255);
    parts.push(Uint8Array.of(part.length), part);
  }
  return join(...parts);
}

/** Reads a message forwards. Reading past the end throws a RangeError. */
export class Reader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  u16(): number {
    const value = this.bytes.readUInt16BE(this.at);
    this.at += 2;
    return value;
  }

  u32(): number {
    const value = this.bytes.readUInt32BE(this.at);
    this.at += 4;
    return value;
  }

  u48(): number {
    const high = this.u16();
    return high * 2 ** 32 + this.u32();
  }

  take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw new RangeError('the message is too short');
    const taken = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return taken;
  }

  /** A name as lower-case text. Pointers must point backwards (RFC 1035 §4.1.4), so this terminates. */
  name(): string {
    const labels: string[] = [];
    let at = this.at;
    let lowest = at;
    let jumped = false;
    for (;;) {
      const length = this.bytes.readUInt8(at);
      if (length >= 0xc0) {
        const target = this.bytes.readUInt16BE(at) & 0x3fff;
        if (target >= lowest) throw new RangeError('a compressed name points forwards');
        if (!jumped) this.at = at + 2;
        jumped = true;
        lowest = at = target;
      } else if (length > 63) {
        throw new RangeError('a label has an unknown type');
      } else {
        const end = at + 1 + length;
        if (end > this.bytes.length) throw new RangeError('the message is too short');
        if (length === 0) {
          if (!jumped) this.at = end;
          return labels.join('.').toLowerCase();
        }
        labels.push(this.bytes.toString('latin1', at + 1, end));
        at = end;
      }
    }
  }
}
