import { createHmac } from 'node:crypto';
import { classes, encodeName, encodeRecord, join, Reader, types, u16, u48 } from '../../src/lib/dns/wire.ts';
import type { Dns } from '../../src/ports/dns.ts';
import type { FakeDns } from '../../src/testing/fake-dns.ts';

/** A server for the signed updates that certfleet sends (RFC 2136, RFC 8945). */
export function takeUpdates(
  { add, remove }: Pick<FakeDns, 'add' | 'remove'>,
  secret: string,
  now: () => Date,
): Dns['exchange'] {
  return async (_server, message) => {
    const changes = new Reader(message, 8).u16();
    const reader = new Reader(message, 12);
    const of = reader.name();
    reader.take(4);
    for (let at = 0; at < changes; at += 1) {
      const [name, , klass] = [reader.name(), reader.u16(), reader.u16()];
      reader.u32();
      const data = new Reader(reader.take(reader.u16()));
      const change = { zone: of, name, value: data.take(data.take(1)[0] ?? 0).toString() };
      if (klass === classes.NONE) remove(change);
      else add(change);
    }
    const keyName = reader.name();
    reader.take(10);
    const algorithm = encodeName(reader.name());
    reader.take(8);
    const requestMac = reader.take(reader.u16());

    const answer = join(message.subarray(0, 2), u16(0xa800), new Uint8Array(8));
    const [stamp, fudge] = [u48(Math.floor(now().getTime() / 1000)), u16(300)];
    const signed = [
      encodeName(keyName),
      u16(classes.ANY),
      new Uint8Array(4),
      algorithm,
      stamp,
      fudge,
      new Uint8Array(4),
    ];
    const mac = createHmac('sha256', Buffer.from(secret, 'base64'))
      .update(join(u16(requestMac.length), requestMac, answer, ...signed))
      .digest();
    const rdata = join(algorithm, stamp, fudge, u16(mac.length), mac, message.subarray(0, 2), new Uint8Array(4));
    const whole = Buffer.from(join(answer, encodeRecord(keyName, types.TSIG, classes.ANY, 0, rdata)));
    whole.writeUInt16BE(1, 10);
    return whole;
  };
}
