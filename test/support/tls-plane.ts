import { constants } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createSecureContext, createServer, type Server } from 'node:tls';

export interface Shown {
  readonly pem: string;
  readonly key: string;
}

export interface TlsPlane {
  /** The loopback port that stands for a key. */
  port(key: string): number;
  stop(): Promise<void>;
}

/**
 * A data plane that only makes handshakes: for each key a TLS server on a loopback port, which says nothing and waits. A
 * client may speak any protocol behind it.
 *
 * @param find the certificate for a client that asks for a name, or for none; without one, the handshake fails
 */
export async function startTlsPlane(
  keys: readonly string[],
  find: (key: string, serverName: string | undefined) => Shown | undefined,
): Promise<TlsPlane> {
  const secureOptions = constants.SSL_OP_NO_TICKET;
  const servers = new Map<string, Server>();
  const sockets = new Set<{ destroy(): void }>();
  for (const key of keys) {
    const contextFor = (name: string | undefined) => {
      const found = find(key, name);
      return found && { cert: found.pem, key: found.key, secureOptions };
    };
    const server = createServer({
      secureOptions,
      SNICallback(name, done) {
        const found = contextFor(name.toLowerCase());
        // Without a context, Node would take that of a client that names no server.
        if (found === undefined) done(new Error(`there is no certificate for ${name}`));
        else done(null, createSecureContext(found));
      },
    });
    // Node asks nothing about a client that names no server, so what it gets is set before each handshake.
    server.prependListener('connection', (socket) => {
      server.setSecureContext(contextFor(undefined) ?? {});
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    server.on('secureConnection', (socket) => socket.on('error', () => {}).resume());
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    await new Promise<void>((opened, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', opened);
    });
    servers.set(key, server);
  }
  return {
    port(key) {
      const server = servers.get(key);
      if (server === undefined) throw new Error(`The data plane has no ${key}.`);
      return (server.address() as AddressInfo).port;
    },
    async stop() {
      const closed = [...servers.values()].map((server) => new Promise((done) => server.close(done)));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}
