import { createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { challengeProtocol } from '../core/ca/tls-alpn.ts';
import { dnsNameProblem } from '../core/names/identifiers.ts';
import type { ListenAddress } from '../core/names/listen-address.ts';
import type { Listening } from '../lib/http/guarded-server.ts';

export interface AlpnServerOptions {
  /**
   * Returns the certificate and key (PEM) for a server name that a client asks for. A rejection ends the connection.
   */
  certificateFor(
    serverName: string,
    at: { readonly address: string; readonly port: number },
    from: string,
  ): Promise<{ readonly cert: string; readonly key: string }>;
}

// Let's Encrypt allows 10 s for a whole validation.
const handshakeMs = 10_000;
// Half of the usual 2,048 file descriptors. Above this limit, the oldest connection is dropped, since a handshake takes
// less than a second and idle connections must not lock out the CA.
const mostConnections = 1_024;

/**
 * Starts the TLS server for TLS-ALPN-01 challenges (RFC 8737 §3). It completes handshakes in `acme-tls/1`, and sends
 * nothing else.
 */
export const listenForAlpn = (options: AlpnServerOptions, at: ListenAddress): Promise<Listening> => {
  const connections = new Set<Socket>();
  // Has no certificate, so a client that asks for no name gets none.
  const secureContext = createSecureContext({ minVersion: 'TLSv1.2' });

  const serve = (socket: Socket): void => {
    connections.add(socket);
    if (connections.size > mostConnections) connections.values().next().value?.destroy();
    const { localAddress: address = '', localPort: port = 0, remoteAddress = 'an unknown address' } = socket;
    const tls = new TLSSocket(socket, {
      isServer: true,
      secureContext,
      ALPNProtocols: [challengeProtocol],
      SNICallback: (name, done) => {
        const serverName = name.toLowerCase();
        if (dnsNameProblem(serverName) !== undefined) return done(new Error('no name of a certificate'));
        options
          .certificateFor(serverName, { address, port }, remoteAddress)
          .then((found) => done(null, createSecureContext({ ...found, minVersion: 'TLSv1.2' })))
          .catch((error: Error) => done(error));
      },
    });
    socket.setTimeout(handshakeMs, () => socket.destroy());
    socket.once('close', () => connections.delete(socket));
    socket.on('error', () => socket.destroy());
    tls.on('error', () => socket.destroy());
    // A client without ALPN is not a CA.
    tls.once('secure', () => (tls.alpnProtocol === challengeProtocol ? tls.end() : tls.destroy()));
    tls.resume();
  };

  const server = createServer({ noDelay: true }, serve);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: at.host, port: at.port }, () => {
      server.off('error', reject);
      server.on('error', () => {}); // a failed accept (EMFILE) is tried again
      const { address, port } = server.address() as { address: string; port: number };
      resolve({
        address,
        port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of connections) socket.destroy();
          }),
      });
    });
  });
};
