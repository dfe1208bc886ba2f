import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { askForReal } from '../../test/support/acme-ca/validation.ts';
import { startAcmeCa } from '../../test/support/acme-ca.ts';
import { atEnd } from '../../test/support/service.ts';
import { clientCosts, raceAcmeClient } from './acme-client.ts';
import { printNote, printRow } from './measure.ts';
import type { Rig } from './rig.ts';

const answerDelayMs = 50;
const validationMs = 1_000;

/**
 * Many certificates from a CA as far away as a real one: every answer is 50 ms late, and a validation takes a second,
 * which Retry-After says. The time goes by waiting, so that it counts how much is asked for at once.
 */
export async function distance(rig: Rig): Promise<void> {
  const ca = await startDistantCa(rig.httpPort);
  const count = rig.count(400);
  // On two idle cores 100 to 200 at once were its best, with a back-off between 20 ms and 1 s.
  const peer = { concurrency: [64, 128, 256], backoffMs: 250 };
  const raced = await raceAcmeClient({ ...rig, ca }, { name: 'distance', count, rounds: rig.rounds(3), peer });
  printRow({
    what: `a CA at a distance, ${count} certificates in one command: rate against acme-client at its best of ${peer.concurrency.join(', ')} at once`,
    ours: `${raced.ours.perSecond.toFixed(1)} a second`,
    peer: `acme-client with ${raced.peer.concurrency} at once ${raced.peer.perSecond.toFixed(1)} a second`,
    ratio: raced.ours.perSecond / raced.peer.perSecond,
    bound: { atLeast: 1.5 },
  });
  printNote(clientCosts(raced));
}

/**
 * The simulated CA, in this process: half of the CPU of either client for a certificate, on the other core. Debian's
 * Pebble would stop for ever about once in 4,000 certificates (pebble-lock.ts), which is one run of this row.
 */
async function startDistantCa(httpPort: number): Promise<Rig['ca']> {
  const seconds = validationMs / 1000;
  const ca = await startAcmeCa({
    settings: {
      httpPort,
      retryAfter: { challenge: { seconds }, authorization: { seconds } },
      validate: async (...asked) => {
        await wait(validationMs);
        return askForReal(ca.settings)(...asked);
      },
    },
  });
  const { port, pathname } = new URL(ca.directoryUrl);
  return { directoryUrl: `https://127.0.0.1:${await delayAnswers(Number(port))}${pathname}`, caFile: ca.caFile };
}

/** A TCP proxy in front of a port: what is said to the client comes late. Answers its own port. */
async function delayAnswers(port: number): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: '127.0.0.1', port, noDelay: true });
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => setTimeout(() => client.write(bytes), answerDelayMs));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      // Whichever side is cut cuts the other.
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
  atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}
