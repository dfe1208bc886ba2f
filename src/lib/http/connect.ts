import net from 'node:net';
import { onAbort } from '../../core/async/on-abort.ts';

/** Opens a TCP connection, trying each address of the host. Rejects with the system's error, or the signal's reason. */
export function connectTcp(
  place: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<net.Socket> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: place.host, port: place.port, noDelay: true });
    const forget = onAbort(signal, () => {
      socket.destroy();
      reject(signal.reason);
    });
    const failed = (error: Error) => {
      forget();
      reject(error);
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      forget();
      socket.off('error', failed);
      resolve(socket);
    });
  });
}
