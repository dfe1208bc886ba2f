import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { atEnd, freePort } from './service.ts';

/** A record as bytes, for answers that no library would encode. */
export interface RawRecord {
  readonly name: string;
  readonly type: number;
  readonly data: Uint8Array;
}

export const types = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, CAA: 257 } as const;

export const wireName = (name: string): Buffer =>
  Buffer.concat([
    ...name
      .split('.')
      .filter((label) => label !== '')
      .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.alloc(1),
  ]);

/** What a server answers to a question: records, or bytes in place of the whole message; undefined for silence. */
export type Answering = (
  name: string,
  type: number,
) =>
  | { readonly answers?: readonly RawRecord[]; readonly authorities?: readonly RawRecord[]; rcode?: number }
  | undefined;

/** A name server on UDP and TCP of 127.0.0.1 that answers as the test says, and counts what it is asked. */
export async function startHostileDns(answering: Answering) {
  const port = await freePort({ udp: true });
  const questions: string[] = [];

  function reply(query: Buffer, most: number): Buffer | undefined {
    let end = 12;
    const labels: string[] = [];
    for (; query[end]; end += query[end]! + 1) labels.push(query.toString('latin1', end + 1, end + 1 + query[end]!));
    const [name, type] = [labels.join('.').toLowerCase(), query.readUInt16BE(end + 1)];
    const said = answering(name, type);
    questions.push(`${type} ${name}`);
    if (!said) return undefined;
    const { answers = [], authorities = [], rcode = 0 } = said;
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(0x8400 | rcode, 2);
    header.writeUInt16BE(answers.length, 6);
    header.writeUInt16BE(authorities.length, 8);
    header.writeUInt16BE(0, 10);
    const question = query.subarray(12, end + 5);
    const records = [...answers, ...authorities].map(({ name: owner, type: kind, data }) => {
      const fixed = Buffer.alloc(10);
      fixed.writeUInt16BE(kind, 0);
      fixed.writeUInt16BE(1, 2);
      fixed.writeUInt32BE(300, 4);
      fixed.writeUInt16BE(data.length, 8);
      // A pointer to the question, where that is the owner, so that thousands of records fit.
      return Buffer.concat([owner === name ? Buffer.from([0xc0, 12]) : wireName(owner), fixed, data]);
    });
    const whole = Buffer.concat([header, question, ...records]);
    if (whole.length <= most) return whole;
    header.writeUInt16BE(0x8600 | rcode, 2);
    header.writeUInt32BE(0, 6);
    return Buffer.concat([header, question]);
  }

  const udp = createSocket('udp4');
  udp.on('message', (query, from) => {
    const message = reply(query, 1_232);
    if (message) udp.send(message, from.port, from.address);
  });
  udp.bind(port, '127.0.0.1');
  const open = new Set<Socket>();
  const tcp = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    socket.on('data', (data) => {
      const message = reply(data.subarray(2), 65_535);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message?.length ?? 0);
      if (message) socket.write(Buffer.concat([length, message]));
    });
  });
  tcp.listen(port, '127.0.0.1');
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
  atEnd(() => {
    udp.close();
    tcp.close();
    for (const socket of open) socket.destroy();
  });
  return { server: { address: '127.0.0.1', port }, questions };
}

/** Every address of 127.0.0.0/8 on one port, where datagrams arrive and are never answered. */
export async function startSilentServers() {
  const port = await freePort({ udp: true });
  const udp = createSocket('udp4');
  const count = { datagrams: 0 };
  udp.on('message', () => {
    count.datagrams += 1;
  });
  udp.bind(port, '0.0.0.0');
  await once(udp, 'listening');
  atEnd(() => void udp.close());
  return { port, count };
}

/** The open descriptors of this process, at their highest while `work` ran, above those before it. */
export async function descriptorsDuring<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly most: number }> {
  const now = () => readdirSync('/proc/self/fd').length;
  const before = now();
  let most = before;
  const sampling = setInterval(() => {
    most = Math.max(most, now());
  }, 2);
  try {
    return { result: await work(), most: most - before };
  } finally {
    clearInterval(sampling);
  }
}
