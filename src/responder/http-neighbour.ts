import { challengePath } from '../core/ca/challenge-path.ts';
import type { World } from '../ports/world.ts';
import { healthMs, type Neighbour } from './port-claim.ts';
import { healthPath, isHealthAnswer, portPath } from './server.ts';
import { isProof, newChallenge } from './store-proof.ts';

interface Place {
  readonly address: string;
  readonly port: number;
}

export interface HttpNeighbour extends Neighbour {
  /**
   * Returns the other responder's answer for a token, or undefined if it does not know the token or does not respond.
   */
  ask(at: Place, token: string, signal: AbortSignal): Promise<string | undefined>;
}

/** Creates access to the HTTP-01 responder that has the port. */
export function createHttpNeighbour({ vantage, clock, random }: World): HttpNeighbour {
  const get = async ({ address, port }: Place, path: string, parent: AbortSignal) => {
    const host = address.includes(':') ? `[${address}]` : address;
    const deadline = clock.deadline(healthMs, parent);
    try {
      // Not an HTTP client, which would use the environment's proxy even for this machine.
      return await vantage.get(`http://${host}:${port}${path}`, { address, port }, deadline.signal);
    } catch (error) {
      if (parent.aborted) throw parent.reason;
      return { failed: error };
    } finally {
      deadline.done();
    }
  };

  return {
    async look(at, proof, signal) {
      const challenge = newChallenge(random);
      const answer = await get(at, `${portPath}${challenge}`, signal);
      if ('failed' in answer) return undefined;
      if (answer.status === 200 && isProof(answer.body, proof.atPort(challenge, at))) return 'twin';
      const health = await get(at, healthPath, signal);
      return !('failed' in health) && health.status === 200 && isHealthAnswer(health.body) ? 'foreign' : undefined;
    },

    async ask(at, token, signal) {
      const answer = await get(at, `${challengePath}${token}`, signal);
      return 'failed' in answer || answer.status !== 200 ? undefined : answer.body;
    },
  };
}
