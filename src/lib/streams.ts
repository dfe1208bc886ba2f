import net from 'node:net';
import { fail, reasonOf } from '../core/errors/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Streams } from '../ports/streams.ts';

/** As the port promises. HAProxy's longest response here is a list of certificates, about 100 bytes each. */
const maxBytes = 1024 * 1024;

/** HAProxy's queue moves within a millisecond. Waiting ten avoids needless attempts. */
const fullQueuePauseMs = 10;

/**
 * Creates access to real stream sockets. Sent data never becomes part of a message, because it may be a private key.
 */
export function createStreams(clock: Clock): Streams {
  return {
    async converse(socket, text, { effect, timeoutMs, signal }) {
      signal.throwIfAborted();
      const url = 'path' in socket ? socket.path : `${socket.host}:${socket.port}`;
      const deadline = clock.deadline(timeoutMs, signal);
      try {
        for (;;) {
          try {
            return await exchange(socket, text, deadline.signal);
          } catch (error) {
            // The queue of a UNIX socket is full, and nothing was written. For TCP, the kernel itself would wait.
            if ((error as { code?: unknown }).code !== 'EAGAIN') throw error;
            await clock.sleep(fullQueuePauseMs, deadline.signal);
          }
        }
      } catch (cause) {
        if (signal.aborted) throw signal.reason;
        if (cause === tooLarge) throw fail('network/too-large', { method: effect, url, limit: maxBytes });
        const reason = deadline.expired ? `no answer within ${timeoutMs} ms` : reasonOf(cause);
        throw fail('network/failed', { method: effect, url, reason }, { cause });
      } finally {
        deadline.done();
      }
    },
  };
}

const tooLarge = new Error('too large');

/**
 * Performs one exchange. This side stays open until the peer has closed its own: if the request ended early, HAProxy
 * could take the client for gone, and drop the response.
 */
function exchange(
  target: { readonly path: string } | { readonly host: string; readonly port: number },
  text: string,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ ...target });
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      act();
    };
    const onAbort = () => settle(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => socket.write(text));
    socket.on('data', (chunk) => {
      size += chunk.length;
      if (size > maxBytes) return settle(() => reject(tooLarge));
      chunks.push(chunk);
    });
    socket.once('end', () => settle(() => resolve(Buffer.concat(chunks).toString('utf8'))));
    // The listener must stay for the destroyed socket's error, which may come after the promise is settled.
    socket.on('error', (error) => settle(() => reject(error)));
    if (signal.aborted) onAbort();
  });
}
