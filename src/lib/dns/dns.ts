import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import { getServers } from 'node:dns';
import net from 'node:net';
import { createTurns } from '../../core/async/turns.ts';
import { fail, reasonOf } from '../../core/errors/errors.ts';
import { isDnsName, parseServerAddress, printServerAddress } from '../../core/names/dns-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Dns, DnsServer } from '../../ports/dns.ts';
import { decodeAnswer } from './answer.ts';
import { answersQuestion, encodeQuestion, formatError, isTruncated } from './message.ts';

/** As the port promises. Two seconds exceed any round trip, so the datagram is sent again. */
const tryMs = 2_000;
const tries = 3;

/** The limit for open sockets in this process. Even with a distant server, that allows 3,000 questions per second. */
const mostSockets = 256;

/**
 * After this many datagrams that do not fit, the exchange ends, and the next attempt uses another port and ID: someone
 * is guessing IDs, or trying to keep this process busy.
 */
const mostStrays = 100;

/**
 * DNS over UDP and TCP. Every question has its own socket, so source port and ID are random. The socket is connected,
 * so the kernel drops packets from elsewhere and reports at once if nothing listens.
 *
 * At most 256 sockets are open at the same time; further questions wait, within their callers' deadlines.
 *
 * Fails only with `dns/lookup-failed`. If the operating system refused (no route, no IPv6), its error is the `cause`.
 */
export function createDns(clock: Clock): Dns {
  const sockets = createTurns(mostSockets);

  /** Runs one exchange with a time limit, once a socket is available. */
  async function within<T>(ms: number, signal: AbortSignal, begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const giveBack = await sockets.take(signal);
    const deadline = clock.deadline(ms, signal);
    try {
      return await begin(deadline.signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw deadline.expired ? new SilenceError() : error;
    } finally {
      deadline.done();
      giveBack();
    }
  }

  async function ask(server: DnsServer, question: Parameters<typeof encodeQuestion>[1], signal: AbortSignal) {
    const id = randomInt(0x1_0000);
    const message = encodeQuestion(id, question);
    const fits = (reply: Buffer) => answersQuestion(reply, id, question);
    const reply = await within(tryMs, signal, (limited) => overUdp(server, message, fits, limited));
    if (!isTruncated(reply)) return reply;
    return within(tryMs, signal, (limited) => overTcp(server, message, fits, limited));
  }

  return {
    async query(server, { name, type, recursive = false }, signal) {
      signal.throwIfAborted();
      const failed = (reason: string, cause?: unknown) =>
        fail(
          'dns/lookup-failed',
          { server: printServerAddress(server), question: `${type} ${name}`, reason },
          { cause },
        );
      if (!isDnsName(name)) throw failed('it is not a valid DNS name');
      let edns = true;
      let last: unknown;
      for (let left = tries; left > 0; left--) {
        try {
          let reply = await ask(server, { name, type, recursive, edns }, signal);
          if (edns && formatError(reply)) {
            edns = false;
            reply = await ask(server, { name, type, recursive, edns }, signal);
          }
          return decode(reply);
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          last = error;
          // There is no route, or nothing listens there, so asking again at once does not help.
          if (systemCode(error) !== undefined) break;
        }
      }
      throw failed(reasonOf(last), last);
    },

    async exchange(server, message, { transport, timeoutMs, signal }) {
      signal.throwIfAborted();
      const bytes = Buffer.from(message);
      // A response has the request's ID and opcode. The caller checks the rest, such as a signature.
      const fits = (reply: Buffer) =>
        reply.length >= 12 &&
        reply.readUInt16BE(0) === bytes.readUInt16BE(0) &&
        (reply[2]! & 0x80) !== 0 &&
        (reply[2]! & 0x78) === (bytes[2]! & 0x78);
      let mayHaveArrived = false;
      try {
        return await within(timeoutMs, signal, async (limited) => {
          if (transport === 'tcp') return overTcp(server, bytes, fits, limited);
          const reply = await overUdp(server, bytes, fits, limited, async (again) => {
            await clock.sleep(tryMs, again);
            mayHaveArrived = true;
          });
          mayHaveArrived = true;
          return isTruncated(reply) ? overTcp(server, bytes, fits, limited) : reply;
        });
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const params = { server: printServerAddress(server), question: 'a message', reason: reasonOf(error) };
        throw fail('dns/lookup-failed', params, mayHaveArrived ? {} : { cause: error });
      }
    },

    systemResolvers: () => getServers().flatMap((text) => parseServerAddress(text) ?? []),
  };
}

class SilenceError extends Error {
  constructor() {
    super('no answer in time');
  }
}

function decode(reply: Buffer) {
  try {
    return decodeAnswer(reply);
  } catch (cause) {
    throw new Error(`it sent a malformed answer (${reasonOf(cause)})`, { cause });
  }
}

const systemCode = (error: unknown): string | undefined => {
  const { code, syscall } = (error ?? {}) as { readonly code?: unknown; readonly syscall?: unknown };
  return typeof code === 'string' && typeof syscall === 'string' ? code : undefined;
};

/**
 * Sends a datagram, and returns the first matching response. Ignores others.
 *
 * @param pause sends the datagram again each time it resolves
 */
function overUdp(
  server: DnsServer,
  message: Buffer,
  fits: (reply: Buffer) => boolean,
  signal: AbortSignal,
  pause?: (signal: AbortSignal) => Promise<void>,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const family = net.isIP(server.address);
    if (family === 0) return reject(new Error(`"${server.address}" is not an IP address`));
    const socket = dgram.createSocket({ type: family === 6 ? 'udp6' : 'udp4' });
    const ended = new AbortController();
    let strays = 0;
    const settle = (act: () => void) => {
      if (ended.signal.aborted) return;
      // Has a reason, because Node's default reason is an exception with a stack (65 µs).
      ended.abort('the exchange has ended');
      signal.removeEventListener('abort', onAbort);
      socket.close();
      act();
    };
    const onAbort = () => settle(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', (error) => settle(() => reject(error)));
    socket.on('message', (reply) => {
      if (fits(reply)) settle(() => resolve(reply));
      else if (++strays === mostStrays)
        settle(() => reject(new Error(`${mostStrays} datagrams came that do not answer the question`)));
    });
    const send = () => {
      if (ended.signal.aborted) return;
      socket.send(message, (error) => error && settle(() => reject(error)));
      pause?.(ended.signal).then(send, () => {});
    };
    socket.connect(server.port, server.address, (error?: Error) => (error ? settle(() => reject(error)) : send()));
    if (signal.aborted) onAbort();
  });
}

/** Sends a message and reads one over TCP, each preceded by its length (RFC 1035 §4.2.2, RFC 7766). */
function overTcp(
  server: DnsServer,
  message: Buffer,
  fits: (reply: Buffer) => boolean,
  signal: AbortSignal,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (net.isIP(server.address) === 0) return reject(new Error(`"${server.address}" is not an IP address`));
    const socket = net.connect({ host: server.address, port: server.port });
    const chunks: Buffer[] = [];
    let size = 0;
    // Two octets of length, and as many octets as they say: at most 65,537.
    let wanted = 2;
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      act();
    };
    const onAbort = () => settle(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.once('connect', () => socket.write(Buffer.concat([length, message])));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size < wanted) return;
      const received = Buffer.concat(chunks.splice(0));
      chunks.push(received);
      wanted = 2 + received.readUInt16BE(0);
      if (size < wanted) return;
      const reply = received.subarray(2, wanted);
      settle(() => (fits(reply) ? resolve(reply) : reject(new Error('the answer belongs to another question'))));
    });
    socket.once('end', () => settle(() => reject(new Error('the connection was closed before the answer'))));
    // The listener must stay for the destroyed socket's error, which may come after the promise is settled.
    socket.on('error', (error) => settle(() => reject(error)));
    if (signal.aborted) onAbort();
  });
}
