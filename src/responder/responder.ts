import { usualCheckPath } from '../core/ca/challenge-path.ts';
import { fail } from '../core/errors/errors.ts';
import { type ListenAddress, localAddresses, parseListenAddress } from '../core/names/listen-address.ts';
import { isToken } from '../core/text/encoding.ts';
import type { Responder, ResponderParts } from '../ports/responder.ts';
import { createFallback } from './fallback.ts';
import { createGuests, stayForGuests } from './guests.ts';
import { createHttpNeighbour } from './http-neighbour.ts';
import { createPortClaim, type Holder, isPortError, patienceMs } from './port-claim.ts';
import { createChallengeServer, healthPath } from './server.ts';
import { newChallenge } from './store-proof.ts';
import { createTokenDocuments } from './token-documents.ts';

interface Known {
  readonly keyAuthorization: string;
  /** The CA may give two lineages of one account the same pending authorization, and so the same token. */
  readonly lineages: Set<string>;
  /** Whether this process wrote the token's document. */
  published: boolean;
}

// When to check again for the port or the token. The engine may wait longer.
const retryAfterMs = 200;
export interface ResponderOptions {
  /** The address, already checked with {@link parseListenAddress}. */
  readonly listen: string;
  /** The server to ask for tokens of other ACME clients. */
  readonly fallback?: { readonly host: string; readonly port: number } | undefined;
  /** The path of a balancer's health check; `/` by default. */
  readonly healthCheck?: string | undefined;
}

/** Creates the responder for one listen address of this process. */
export function createResponder(
  options: ResponderOptions,
  { world, store, tokens: stored, proof }: ResponderParts,
): Responder {
  const at = parseListenAddress(options.listen) as ListenAddress; // refined above
  const { healthCheck = usualCheckPath } = options;
  const tokens = new Map<string, Known>();
  const documents = createTokenDocuments(store, world.clock);
  // Reads the store even if this process shares nothing, because another process may rely on this one's port.
  const guests = createGuests(stored.find, world.clock);
  const lookup = (token: string) => tokens.get(token)?.keyAuthorization ?? guests.find(token);
  const neighbour = createHttpNeighbour(world);
  const claim = createPortClaim({
    listen: createChallengeServer({
      lookup,
      proof,
      log: world.log,
      fallback: options.fallback && createFallback(options.fallback, world),
      healthCheck,
    }).listen,
    neighbour,
    what: 'HTTP-01',
    at,
    proof,
    wanted: () => tokens.size > 0,
    clock: world.clock,
    log: world.log,
  });

  return {
    address: options.listen,
    patienceMs,

    async probe(signal) {
      await claim.holdPatiently(signal);
      const challenge = newChallenge(world.random);
      const body = (await proof()).byPath(challenge);
      const asks = `GET or HEAD ${healthCheck} on the port ${at.port} of the node`;
      return { path: `${healthPath}-${challenge}`, body, shownPath: healthPath, healthCheck: asks };
    },

    async reachedAt({ port, address }, signal) {
      if (port === at.port) return true;
      const [here] = address === undefined ? localAddresses(at.host) : [address];
      return (await neighbour.look({ address: here!, port }, await proof(), signal)) === 'twin';
    },

    async answer(challenge, { shared }, signal) {
      signal.throwIfAborted();
      const { token, keyAuthorization, lineage } = challenge;
      if (!isToken(token)) throw fail('bug/unexpected', { reason: 'a token that is not base64url reached a solver' });
      // If another certfleet process has the port, `ready` reports that until the port is free.
      const holder = await claim.holdIfFree(signal);
      const known = tokens.get(token);
      const entry: Known =
        known?.keyAuthorization === keyAuthorization
          ? known
          : { keyAuthorization, lineages: new Set(), published: false };
      entry.lineages.add(lineage);
      tokens.set(token, entry);
      const published = shared || holder?.kind !== 'self';
      if (published) {
        entry.published = true;
        await documents.publish(challenge, signal);
      }
      return { published };
    },

    async ready({ token, keyAuthorization }, signal) {
      let holder: Holder;
      try {
        holder = await claim.hold(signal);
      } catch (error) {
        if (!isPortError(error)) throw error;
        return { ready: false, reason: error.message, retryAfterMs };
      }
      const answer = await (holder.kind === 'self'
        ? lookup(token)
        : neighbour.ask({ address: holder.address, port: at.port }, token, signal));
      if (answer === keyAuthorization) return { ready: true };
      const who = holder.kind === 'self' ? 'this responder' : 'the responder of the other certfleet process';
      return { ready: false, reason: `${who} does not answer the challenge yet`, retryAfterMs };
    },

    async withdraw(challenge, receipt, signal) {
      signal.throwIfAborted();
      const { token, keyAuthorization, lineage } = challenge;
      const known = tokens.get(token);
      const mine = known?.keyAuthorization === keyAuthorization && known.lineages.delete(lineage) ? known : undefined;
      if (mine?.lineages.size === 0) tokens.delete(token);
      // A receipt does not prove that there is no document, because a later `present` may have died before it wrote its
      // own receipt.
      if (mine && !mine.published && (receipt as { published?: unknown } | undefined)?.published === false) return;
      if (isToken(token)) await documents.withdraw(challenge, signal);
    },

    serve: claim.stay,

    async close(signal) {
      if (signal) await stayForGuests(guests, { world, address: options.listen }, signal);
      await claim.close();
    },
  };
}
