import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import packet from 'dns-packet';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { isFailure } from '../../src/core/errors/errors.ts';
import { neverArrived } from '../../src/core/errors/unsent.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createDns } from '../../src/lib/dns/dns.ts';
import { bindPrograms, startBind } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import { sampled } from '../support/seeded.ts';
import { freePort } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import '../support/seeded-setup.ts';

stopAllAfterwards();

const signal = new AbortController().signal;
const dns = createDns(systemClock);
const www = { name: 'www.example.test', type: 'A' } as const;

// A name server that the test controls completely.
const undo: (() => void)[] = [];
afterEach(() => {
  for (const one of undo.splice(0)) one();
});

type Reply = (query: Buffer, send: (answer: Buffer) => void, from: RemoteInfo | undefined) => void;

async function nameServer(overUdp: Reply, overTcp?: Reply, address = '127.0.0.1') {
  const port = await freePort({ udp: true });
  const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const queries: { readonly message: Buffer; readonly from: RemoteInfo }[] = [];
  udp.on('message', (message, from) => {
    queries.push({ message, from });
    overUdp(message, (answer) => udp.send(answer, from.port, from.address), from);
  });
  udp.bind(port, address);
  await once(udp, 'listening');
  undo.push(() => udp.close());
  if (overTcp) {
    const open = new Set<Socket>();
    const tcp = createServer((socket) => {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('data', (data) => {
        const length = Buffer.alloc(2);
        const send = (answer: Buffer) => {
          length.writeUInt16BE(answer.length);
          // In two pieces, cut inside the length: a stream has no message borders.
          socket.write(length.subarray(0, 1));
          setImmediate(() => socket.write(Buffer.concat([length.subarray(1), answer])));
        };
        overTcp(data.subarray(2), send, undefined);
      });
    });
    tcp.listen(port, address);
    await once(tcp, 'listening');
    undo.push(() => {
      for (const socket of open) socket.destroy();
      tcp.close();
    });
  }
  return { server: { address, port }, queries };
}

const answer = (query: Buffer, more: Partial<packet.Packet> = {}): Buffer => {
  const { id, questions } = packet.decode(query);
  return packet.encode({
    type: 'response',
    ...{ id: id ?? 0, questions: questions ?? [] },
    answers: [{ type: 'A', name: www.name, ttl: 1, data: '192.0.2.1' }],
    ...more,
  });
};

const values = async (asking: ReturnType<typeof dns.query>) => (await asking).answers.map((record) => record.value);

describe('query', () => {
  it('asks over UDP with its own id and port each time, over both families', async () => {
    const seen = new Set<string>();
    for (const address of ['127.0.0.1', '::1']) {
      const { server, queries } = await nameServer((query, send) => send(answer(query)), undefined, address);
      for (let times = 0; times < 20; times++)
        expect(await values(dns.query(server, www, signal))).toEqual(['192.0.2.1']);
      for (const { message, from } of queries) seen.add(`${message.readUInt16BE(0)} ${from.port}`);
      expect(new Set(queries.map(({ from }) => from.port)).size).toBeGreaterThan(10);
      expect(new Set(queries.map(({ message }) => message.readUInt16BE(0))).size).toBeGreaterThan(15);
    }
    expect(seen.size).toBe(40);
  });

  it('ignores what does not fit: another id, another question, another sender', async () => {
    const { server } = await nameServer((query, send, from) => {
      const forged = answer(query, { answers: [{ type: 'A', name: www.name, data: '203.0.113.66' }] });
      const otherId = Buffer.from(forged);
      otherId.writeUInt16BE(forged.readUInt16BE(0) ^ 1, 0);
      send(otherId);
      send(answer(query, { questions: [{ type: 'A', name: 'www.example.org' }] }));
      send(query);
      send(Buffer.from('hello'));
      const stranger = createSocket('udp4');
      stranger.send(forged, from!.port, from!.address, () => {
        stranger.close();
        send(answer(query));
      });
    });
    expect(await values(dns.query(server, www, signal))).toEqual(['192.0.2.1']);
  });

  it('continues over TCP if the answer is truncated, and reads it in pieces', async () => {
    const long = 'x'.repeat(200);
    const { server, queries } = await nameServer(
      (query, send) => send(answer(query, { flags: packet.TRUNCATED_RESPONSE, answers: [] })),
      (query, send) => send(answer(query, { answers: Array(100).fill({ type: 'TXT', name: www.name, data: long }) })),
    );
    expect(await values(dns.query(server, { ...www, type: 'TXT' }, signal))).toEqual(Array(100).fill(long));
    expect(queries).toHaveLength(1);
  });

  it('asks a server that does not understand EDNS without it', async () => {
    const { server, queries } = await nameServer((query, send) =>
      send(
        (packet.decode(query).additionals ?? []).length > 0
          ? answer(query, { flags: 1, answers: [], questions: [] })
          : answer(query),
      ),
    );
    expect(await values(dns.query(server, www, signal))).toEqual(['192.0.2.1']);
    expect(queries).toHaveLength(2);
  });

  it('asks again if a datagram is lost', async () => {
    let count = 0;
    const { server } = await nameServer((query, send) => {
      count += 1;
      if (count === 2) send(answer(query));
    });
    expect(await values(dns.query(server, www, signal))).toEqual(['192.0.2.1']);
    expect(count).toBe(2);
  });

  itDrawn('gives up after three silent tries', async () => {
    const { server, queries } = await nameServer(() => {});
    await expect(dns.query(server, www, signal)).rejects.toMatchObject({
      code: 'dns/lookup-failed',
      message: expect.stringContaining('no answer in time'),
    });
    expect(queries).toHaveLength(3);
  });

  it('fails at once if nothing listens, with the system’s code as the cause', async () => {
    const server = { address: '127.0.0.1', port: await freePort({ udp: true }) };
    const began = performance.now();
    await expect(dns.query(server, www, signal)).rejects.toMatchObject({
      code: 'dns/lookup-failed',
      cause: { code: 'ECONNREFUSED' },
    });
    expect(performance.now() - began).toBeLessThan(1_500);
  });

  it('stops at once on abort, before and during a query, and leaves no socket', async () => {
    const reason = new Error('stopped');
    const { server } = await nameServer(() => {});
    await expect(dns.query(server, www, AbortSignal.abort(reason))).rejects.toBe(reason);
    const before = process.getActiveResourcesInfo().length;
    const stopping = new AbortController();
    const asking = dns.query(server, www, stopping.signal);
    setImmediate(() => stopping.abort(reason));
    const began = performance.now();
    await expect(asking).rejects.toBe(reason);
    // Long before the first try ends, after 2 s.
    expect(performance.now() - began).toBeLessThan(1_500);
    await new Promise((resolve) => setImmediate(resolve));
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before);
  });

  itDrawn('fails only with dns/lookup-failed, whatever a server sends', async () => {
    let reply: (query: Buffer) => Buffer = (query) => query;
    const { server } = await nameServer(
      (query, send) => send(reply(query)),
      (query, send) => send(reply(query)),
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 2, max: 120 }), async (noise, where) => {
        reply = (query) => {
          const whole = answer(query);
          // Id and question stay, so that it counts as the answer and is read.
          const at = Math.max(where, 2);
          const broken = Buffer.concat([whole.subarray(0, at), noise, whole.subarray(at)]);
          broken[2] = (broken[2] ?? 0) | 0x80;
          return broken;
        };
        // If noise has hit the question, nothing fits and the query waits; another test covers that.
        const limit = systemClock.deadline(60, signal);
        try {
          const answered = await dns.query(server, www, limit.signal);
          expect(Array.isArray(answered.answers)).toBe(true);
        } catch (error) {
          expect(limit.expired || isFailure(error, 'dns/lookup-failed')).toBe(true);
        } finally {
          limit.done();
        }
      }),
      { numRuns: 200 },
    );
  });

  itDrawn('gives up on a server that floods it with datagrams that do not fit', async () => {
    const { server, queries } = await nameServer((query, send) => {
      const stray = Buffer.from(answer(query));
      stray.writeUInt16BE(stray.readUInt16BE(0) ^ 1, 0);
      for (let times = 0; times < 2_000; times++) send(stray);
    });
    await expect(dns.query(server, www, signal)).rejects.toMatchObject({
      code: 'dns/lookup-failed',
      message: expect.stringContaining('100 datagrams came that do not answer the question'),
    });
    // Another port and id each time, so that guesses begin anew.
    expect(new Set(queries.map(({ from }) => from.port)).size).toBe(3);
  });

  // Each waits for the whole time limit.
  const silences: readonly (readonly [what: string, send: (socket: Socket) => void])[] = [
    ['sends an octet now and then', (socket) => void setInterval(() => socket.write('x'), 20).unref()],
    ['announces more than it sends', (socket) => socket.write(Buffer.from([0xff, 0xff, 1, 2, 3]))],
  ];
  it.each(sampled(silences, 1, 'silences'))('does not wait for a server that %s over TCP', async (_what, send) => {
    const { server } = await nameServer((query, reply) =>
      reply(answer(query, { flags: packet.TRUNCATED_RESPONSE, answers: [] })),
    );
    const tcp = createServer((socket) => {
      socket.on('error', () => {});
      send(socket);
      undo.push(() => socket.destroy());
    });
    tcp.listen(server.port, server.address);
    await once(tcp, 'listening');
    undo.push(() => tcp.close());
    const began = performance.now();
    await expect(dns.query(server, www, signal)).rejects.toMatchObject({ code: 'dns/lookup-failed' });
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  it('reads the beginning of a TCP stream that never ends', async () => {
    const { server } = await nameServer((query, reply) =>
      reply(answer(query, { flags: packet.TRUNCATED_RESPONSE, answers: [] })),
    );
    let sent = 0;
    const tcp = createServer((socket) => {
      const block = Buffer.alloc(65_536, 0xff);
      const more = () => {
        while (!socket.destroyed && sent < 64 * 1024 * 1024) {
          sent += block.length;
          if (!socket.write(block)) return;
        }
      };
      socket.on('error', () => {});
      socket.on('drain', more);
      more();
      undo.push(() => socket.destroy());
    });
    tcp.listen(server.port, server.address);
    await once(tcp, 'listening');
    undo.push(() => tcp.close());
    await expect(dns.query(server, www, signal)).rejects.toMatchObject({ code: 'dns/lookup-failed' });
    // Three tries, and what fits into the kernel's buffers.
    expect(sent).toBeLessThan(32 * 1024 * 1024);
  });

  itDrawn('has at most 256 sockets at once', async () => {
    const { server, queries } = await nameServer(() => {});
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    const stopping = new AbortController();
    const asking = Array.from({ length: 1_000 }, () => dns.query(server, www, stopping.signal).catch(() => 'stopped'));
    await expect.poll(() => queries.length, { timeout: 5_000 }).toBe(256);
    expect(descriptors() - before).toBeLessThanOrEqual(256 + 10);
    stopping.abort(new Error('enough'));
    expect(new Set(await Promise.all(asking))).toEqual(new Set(['stopped']));
    // The places are free again.
    const { server: other } = await nameServer((query, send) => send(answer(query)));
    expect(await values(dns.query(other, www, signal))).toEqual(['192.0.2.1']);
    expect(queries).toHaveLength(256);
  });

  it.each(['a..b', `${'a'.repeat(64)}.test`, 'ü.test', `${'a.'.repeat(130)}test`])(
    'sends no question for %j',
    async (name) => {
      const { server, queries } = await nameServer((query, send) => send(answer(query)));
      await expect(dns.query(server, { name, type: 'A' }, signal)).rejects.toMatchObject({ code: 'dns/lookup-failed' });
      expect(queries).toHaveLength(0);
    },
  );

  it('accepts only addresses as servers', async () => {
    await expect(dns.query({ address: 'localhost', port: 53 }, www, signal)).rejects.toMatchObject({
      code: 'dns/lookup-failed',
    });
  });
});

describe('exchange', () => {
  const message = packet.encode({
    type: 'query',
    id: 77,
    flags: 5 << 11,
    questions: [{ type: 'SOA', name: 'example.test' }],
  });
  const options = { timeoutMs: 5_000, signal };

  it.each(['udp', 'tcp'] as const)('sends a message unchanged over %s', async (transport) => {
    const echo: Reply = (query, send) => {
      const reply = Buffer.from(query);
      reply[2]! |= 0x80;
      send(reply);
    };
    const { server } = await nameServer(echo, echo);
    const reply = await dns.exchange(server, message, { ...options, transport });
    expect(Buffer.from(reply).subarray(3)).toEqual(message.subarray(3));
  });

  itDrawn('repeats it over UDP until an answer comes', async () => {
    let count = 0;
    const { server } = await nameServer((query, send) => {
      count += 1;
      const reply = Buffer.from(query);
      reply[2]! |= 0x80;
      if (count === 2) send(reply);
    });
    await dns.exchange(server, message, { ...options, transport: 'udp' });
    expect(count).toBe(2);
  });

  it.each(['udp', 'tcp'] as const)(
    'proves that a message which is refused over %s did not arrive',
    async (transport) => {
      const nobody = { address: '127.0.0.1', port: await freePort({ udp: true }) };
      const error = await dns.exchange(nobody, message, { ...options, transport }).catch((caught: unknown) => caught);
      expect(isFailure(error, 'dns/lookup-failed')).toBe(true);
      expect(neverArrived(error)).toBe(true);
    },
  );

  itDrawn(
    'proves nothing if the message was sent before the refusal: the answer is cut, or the server goes away',
    async () => {
      const { server: cut } = await nameServer((query, send) => {
        const reply = Buffer.from(query);
        reply[2]! |= 0x82; // an answer that is truncated, and nothing listens on TCP
        send(reply);
      });
      const { server: gone } = await nameServer(() => undo.pop()?.());
      for (const server of [cut, gone]) {
        const asking = dns.exchange(server, message, { ...options, transport: 'udp' });
        const error = await asking.catch((caught: unknown) => caught);
        expect(error).toMatchObject({ message: expect.stringContaining('connection refused') });
        expect(neverArrived(error)).toBe(false);
      }
    },
  );

  it('fails in time if the connection is cut or silent, or the answer is for another request', async () => {
    const { server } = await nameServer(
      () => {},
      (query, send) => {
        const reply = Buffer.from(query);
        reply.writeUInt16BE(78, 0);
        reply[2]! |= 0x80;
        send(reply);
      },
    );
    const failed = { code: 'dns/lookup-failed' };
    await expect(dns.exchange(server, message, { ...options, transport: 'tcp' })).rejects.toMatchObject({
      ...failed,
      message: expect.stringContaining('another question'),
    });
    await expect(dns.exchange(server, message, { ...options, timeoutMs: 100, transport: 'udp' })).rejects.toMatchObject(
      failed,
    );
  });
});

describe('systemResolvers', () => {
  it('are addresses with ports', () => {
    for (const server of dns.systemResolvers()) {
      expect(server.address).toMatch(/^[0-9a-fA-F.:%\w]+$/);
      expect(server.port).toBeGreaterThan(0);
    }
  });
});

describeWith(bindPrograms, 'the client on BIND', () => {
  it('reads a long set of TXT records, truncated over UDP and then over TCP', async () => {
    const bind = await startBind();
    const long = Array.from({ length: 40 }, (_, at) => `${at}`.padStart(100, '0'));
    await bind.update('example.test', ...long.map((value) => `add many.example.test. 1 TXT "${value}"`));
    const server = { address: bind.address, port: bind.port };
    const found = await dns.query(server, { name: 'many.example.test', type: 'TXT' }, signal);
    expect(found.authoritative).toBe(true);
    expect(found.answers.map((record) => record.value).sort()).toEqual(long);
    await bind.stop();
  });
});
