import { identifierOf, serverNameOf } from '../core/ca/tls-alpn.ts';
import { fail } from '../core/errors/errors.ts';
import type { Secret } from '../core/errors/secret.ts';
import { type Identifier, identifierKey } from '../core/names/identifier.ts';
import { type ListenAddress, parseListenAddress } from '../core/names/listen-address.ts';
import { isToken } from '../core/text/encoding.ts';
import type { Pki } from '../ports/pki.ts';
import type { AlpnResponder, ResponderParts } from '../ports/responder.ts';
import type { SolverChallenge } from '../ports/solver.ts';
import { createAlpnNeighbour, isPortName } from './alpn-neighbour.ts';
import { listenForAlpn } from './alpn-server.ts';
import { createGuests, stayForGuests } from './guests.ts';
import { createPortClaim, type Holder, isPortError, patienceMs } from './port-claim.ts';
import { createTokenDocuments, type TokenClaim } from './token-documents.ts';

/** An answer that this process gives. */
interface Known {
  readonly identifier: Identifier;
  readonly keyAuthorization: string;
  /** The CA may give two lineages of one account the same pending authorization. */
  readonly lineages: Set<string>;
  /** Whether other processes must give this answer, too, and whether its document is published. */
  shared: boolean;
  isPublished: boolean;
}

const retryAfterMs = 200;

/**
 * Creates the TLS-ALPN-01 responder for one listen address of this process. A handshake has no token, only a name, so
 * two orders with the same name are answered one after the other.
 */
export function createAlpnResponder(
  { listen }: { readonly listen: string },
  { world, store, tokens, proof, pki }: ResponderParts & { readonly pki: Pki },
): AlpnResponder {
  const at = parseListenAddress(listen) as ListenAddress; // checked by the solver's options
  /** Answers by server name, in the order in which they came. The first one is given. */
  const queues = new Map<string, Known[]>();
  const documents = createTokenDocuments(store, world.clock, { exclusive: true });
  const guests = createGuests(tokens.find, world.clock);
  const neighbour = createAlpnNeighbour(world, pki);
  let making: Promise<Secret> | undefined;
  const ownKey = (): Promise<Secret> => {
    making ??= pki.newKey();
    return making;
  };

  /** If there is no challenge for the name, the answer proves that a responder of this store was reached. */
  const keyAuthorizationFor = async (
    serverName: string,
    here: { readonly address: string; readonly port: number },
  ): Promise<string> => {
    if (isPortName(serverName)) return (await proof()).atPort(serverName, here);
    const own = queues.get(serverName)?.[0]?.keyAuthorization;
    return own ?? (await guests.find(documentName(serverName))) ?? (await proof()).byName(serverName);
  };

  const claim = createPortClaim({
    listen: (address) =>
      listenForAlpn(
        {
          async certificateFor(serverName, here, from) {
            const [keyAuthorization, key] = await Promise.all([keyAuthorizationFor(serverName, here), ownKey()]);
            world.log.debug(`the responder shook hands for ${serverName} with ${from}`);
            const identifier = identifierOf(serverName);
            const cert = pki.alpnCertificate(key, { identifier, keyAuthorization }, world.clock.now());
            return { cert, key: key.reveal() };
          },
        },
        address,
      ),
    neighbour,
    what: 'TLS-ALPN-01',
    at,
    proof,
    wanted: () => queues.size > 0,
    clock: world.clock,
    log: world.log,
  });

  const find = ({ identifier, keyAuthorization }: SolverChallenge): Known | undefined =>
    queues.get(serverNameOf(identifier))?.find((one) => one.keyAuthorization === keyAuthorization);

  /** Returns false if the document belongs to another order. */
  const publish = async (known: Known, { lineage }: SolverChallenge, signal: AbortSignal): Promise<boolean> => {
    known.isPublished = await documents.publish(claimOf(known, lineage), signal);
    return known.isPublished;
  };

  return {
    address: listen,
    patienceMs,

    async proof(signal) {
      await claim.holdPatiently(signal);
      const { byName } = await proof();
      return (identifier) => byName(serverNameOf(identifier));
    },

    async answer(challenge, { shared }, signal) {
      signal.throwIfAborted();
      if (!isToken(challenge.token))
        throw fail('bug/unexpected', { reason: 'a token that is not base64url reached a solver' });
      // If another certfleet process has the port, `ready` reports that until the port is free.
      const holder = await claim.holdIfFree(signal);
      const { identifier, keyAuthorization, lineage } = challenge;
      const name = serverNameOf(identifier);
      const known = find(challenge) ?? {
        identifier,
        keyAuthorization,
        lineages: new Set(),
        shared: false,
        isPublished: false,
      };
      if (known.lineages.size === 0) queues.set(name, [...(queues.get(name) ?? []), known]);
      known.lineages.add(lineage);
      known.shared ||= shared || holder?.kind !== 'self';
      if (known.shared) await publish(known, challenge, signal);
      return { published: known.shared };
    },

    async ready(challenge, signal) {
      const { identifier, keyAuthorization } = challenge;
      let holder: Holder;
      try {
        holder = await claim.hold(signal);
      } catch (error) {
        if (!isPortError(error)) throw error;
        return { ready: false, reason: error.message, retryAfterMs };
      }
      const name = identifierKey(identifier);
      const another = { ready: false, reason: `another order for ${name} is being validated`, retryAfterMs } as const;
      const known = find(challenge);
      if (holder.kind === 'self' && queues.get(serverNameOf(identifier))?.[0] !== known) return another;
      // Another process may have published its own answer for the name before.
      if (known?.shared && !known.isPublished && !(await publish(known, challenge, signal))) return another;
      if (holder.kind === 'self') return known ? { ready: true } : another;
      const there = { address: holder.address, port: at.port };
      if (await neighbour.answers(there, identifier, keyAuthorization, signal)) return { ready: true };
      return { ready: false, reason: `the other certfleet process does not answer for ${name} yet`, retryAfterMs };
    },

    async withdraw(challenge, receipt, signal) {
      signal.throwIfAborted();
      const { identifier, keyAuthorization, lineage, token } = challenge;
      const name = serverNameOf(identifier);
      const known = find(challenge);
      const isMine = known?.lineages.delete(lineage) === true;
      if (known?.lineages.size === 0) {
        const rest = queues.get(name)?.filter((one) => one !== known) ?? [];
        if (rest.length > 0) queues.set(name, rest);
        else queues.delete(name);
      }
      // A receipt does not prove that there is no document, because a later `present` may have died before it wrote its
      // own receipt.
      if (isMine && !known.shared && (receipt as { published?: unknown } | undefined)?.published === false) return;
      if (isToken(token)) await documents.withdraw(claimOf({ identifier, keyAuthorization }, lineage), signal);
    },

    serve: claim.stay,

    async close(signal) {
      if (signal) await stayForGuests(guests, { world, address: listen }, signal);
      await claim.close();
    },
  };
}

/** Returns a name that cannot be a token, because tokens have no `~`. */
const documentName = (serverName: string): string => `~alpn~${serverName}`;

const claimOf = ({ identifier, keyAuthorization }: Pick<Known, 'identifier' | 'keyAuthorization'>, lineage: string) =>
  ({ token: documentName(serverNameOf(identifier)), keyAuthorization, lineage }) satisfies TokenClaim;
