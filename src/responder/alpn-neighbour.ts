import { challengeProtocol, serverNameOf } from '../core/ca/tls-alpn.ts';
import type { Identifier } from '../core/names/identifier.ts';
import type { Pki } from '../ports/pki.ts';
import type { World } from '../ports/world.ts';
import { healthMs, type Neighbour } from './port-claim.ts';

interface Place {
  readonly address: string;
  readonly port: number;
}

export interface AlpnNeighbour extends Neighbour {
  /** Reports whether the other responder answers this challenge. */
  answers(at: Place, identifier: Identifier, keyAuthorization: string, signal: AbortSignal): Promise<boolean>;
}

/** The domain of names with which a responder proves that it has the port. It cannot exist (RFC 6761 §6.4). */
const below = '.port.certfleet.invalid';
export const isPortName = (serverName: string): boolean => serverName.endsWith(below);

/** Creates access to the TLS-ALPN-01 responder that has the port. */
export function createAlpnNeighbour({ vantage, clock, random }: World, pki: Pki): AlpnNeighbour {
  const shakeHands = async (at: Place, serverName: string, parent: AbortSignal) => {
    const deadline = clock.deadline(healthMs, parent);
    try {
      return await vantage.handshake({ ...at, serverName, protocol: challengeProtocol }, deadline.signal);
    } catch {
      parent.throwIfAborted();
      return undefined;
    } finally {
      deadline.done();
    }
  };
  const answers: AlpnNeighbour['answers'] = async (at, identifier, keyAuthorization, signal) => {
    const done = await shakeHands(at, serverNameOf(identifier), signal);
    return done?.protocol === challengeProtocol && pki.answersAlpn(done.certificateDer, identifier, keyAuthorization);
  };
  return {
    answers,
    async look(at, proof, signal) {
      // A new name each time, so that the answer cannot be an old one.
      const value = `${Buffer.from(random.bytes(16)).toString('hex')}${below}`;
      return (await answers(at, { type: 'dns', value }, proof.atPort(value, at), signal)) ? 'twin' : undefined;
    },
  };
}
