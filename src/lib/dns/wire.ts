/** The DNS wire format (RFC 1035 §4.1), for reading and writing questions, updates and signatures. */

export const types = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, OPT: 41, TSIG: 250, CAA: 257 } as const;
export const classes = { IN: 1, NONE: 254, ANY: 255 } as const;

export const u16 = (value: number): Uint8Array => Uint8Array.of((value >>> 8) & 0xff, value & 0xff);

export const u32 = (value: number): Uint8Array =>
  Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);

/**
 * Encodes seconds since 1970 in 48 bits (RFC 8945 §4.2). Bit shifts work on 32 bits, so this divides to get the high
 * part.
 */
export const u48 = (value: number): Uint8Array => join(u16(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32));

export const join = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

/** Encodes a name in canonical form (RFC 4034 §6.2): lower case, not compressed. */
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

/** Encodes a resource record: owner, type, class, TTL, length and data. */
export const encodeRecord = (name: string, type: number, klass: number, ttl: number, data: Uint8Array): Uint8Array =>
  join(encodeName(name), u16(type), u16(klass), u32(ttl), u16(data.length), data);

/** Encodes TXT data: strings of at most 255 octets each. */
export function encodeText(value: string): Uint8Array {
  const bytes = Buffer.from(value, 'utf8');
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length || parts.length === 0; at += 255) {
    const part = bytes.subarray(at, at + 255);
    parts.push(Uint8Array.of(part.length), part);
  }
  return join(...parts);
}

/** Encodes a message with one question, and records in the sections that a client uses. */
export const encodeMessage = (
  id: number,
  flags: number,
  question: { readonly name: string; readonly type: number },
  {
    authorities = [],
    additionals = [],
  }: { readonly authorities?: readonly Uint8Array[]; readonly additionals?: readonly Uint8Array[] },
): Buffer =>
  join(
    ...[id, flags, 1, 0, authorities.length, additionals.length].map(u16),
    ...[encodeName(question.name), u16(question.type), u16(classes.IN)],
    ...authorities,
    ...additionals,
  );

/**
 * The limit for the characters of all texts together. Compressed names could be 30 times as long as the message
 * (§4.1.4).
 */
const mostText = 262_144;

/**
 * Reads a message from front to back. Anyone may have written it, so every text becomes printable ASCII: no control
 * character reaches a terminal, and no label hides a dot. Throws a RangeError beyond the end of the message, and if its
 * texts become too long.
 */
export class Reader {
  at: number;
  readonly #bytes: Buffer;
  #left = mostText;
  // Each name that a pointer leads to, so that a repeated owner is a single string in memory.
  readonly #known = new Map<number, string>();

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  u8 = (): number => this.#bytes[this.skip(1)]!;
  u16 = (): number => this.#bytes.readUInt16BE(this.skip(2));
  u32 = (): number => this.#bytes.readUInt32BE(this.skip(4));
  u48 = (): number => this.u16() * 2 ** 32 + this.u32();
  take = (length: number): Buffer => this.#bytes.subarray(this.skip(length), this.at);

  /** Returns the position before the skip. */
  skip(length: number): number {
    const from = this.at;
    if (from + length > this.#bytes.length) throw new RangeError('it ends too early');
    this.at += length;
    return from;
  }

  /** Reads a text of this many octets. Characters in `plain` stay as they are, the others become `\DDD` (§5.1). */
  text(length: number, plain: RegExp): string {
    const raw = this.take(length).toString('latin1');
    const text = plain.test(raw)
      ? raw
      : Array.from(raw, (octet) => (plain.test(octet) ? octet : escaped(octet))).join('');
    this.#left -= text.length;
    if (this.#left < 0) throw new RangeError('the texts in it are too long');
    return text;
  }

  /** Reads a name: lower case, without the final dot. */
  name(): string {
    const labels: string[] = [];
    let octets = 1;
    let jumps = 0;
    let end: number | undefined;
    let lowest = this.at;
    let shared: { readonly target: number } | undefined;
    for (;;) {
      const length = this.u8();
      if (length === 0) break;
      if (length >= 0xc0) {
        const target = ((length & 0x3f) << 8) | this.u8();
        end ??= this.at;
        // Pointers lead only backwards, so that this ends, and no more often than a name can have labels.
        if (target >= lowest || ++jumps > 127) throw new RangeError('a name in it has a pointer that leads nowhere');
        if (labels.length === 0 && shared === undefined) {
          const same = this.#known.get(target);
          if (same !== undefined) {
            this.at = end;
            return same;
          }
          shared = { target };
        }
        lowest = target;
        this.at = target;
        continue;
      }
      octets += length + 1;
      if (length > 63 || octets > 255) throw new RangeError('a name in it is too long');
      labels.push(this.text(length, inLabel).toLowerCase());
    }
    if (end !== undefined) this.at = end;
    const name = labels.join('.');
    if (shared) this.#known.set(shared.target, name);
    return name;
  }
}

/** Printable characters. Excludes the backslash, which begins an escape, and in names the dot and the space, too. */
export const inText = /^[\x20-\x5b\x5d-\x7e]*$/;
export const inLabel = /^[\x21-\x2d\x2f-\x5b\x5d-\x7e]*$/;
const escaped = (octet: string): string => `\\${String(octet.charCodeAt(0)).padStart(3, '0')}`;
