import { isToken } from '../core/encoding.ts';
import { fail, isFailure } from '../core/errors.ts';
import { defineSolver, z } from '../define.ts';
import type { Solver } from '../ports/solver.ts';
import { createGuests } from '../responder/guests.ts';
import { type ListenAddress, parseListenAddress } from '../responder/listen-address.ts';
import { createPortClaim, type Holder, isPortError, patienceMs } from '../responder/port-claim.ts';
import { createResponder, healthPath } from '../responder/server.ts';
import { newChallenge, readStoreProof, type StoreProof } from '../responder/store-proof.ts';
import { createTokenDocuments } from '../responder/token-documents.ts';

interface Known {
  readonly keyAuthorization: string;
  /** The CA may give two lineages of one account the same pending authorization, and so the same token. */
  readonly lineages: Set<string>;
  /** Whether this process wrote the token's document. */
  published: boolean;
}

// When to check again for the port or the token; the engine may wait longer.
const retryAfterMs = 200;
// How long a finished process stays for challenges of others. Let's Encrypt validates within 10 s, perhaps after a
// queue. A limit is needed because a process that was killed leaves its token.
const stayMs = 30_000;
// By then a person wonders why the program does not exit.
const quietMs = 500;

/** Answers HTTP-01 challenges from this process, and from every other process that shares the store. */
export default defineSolver({
  id: 'http01-responder',
  title: 'HTTP-01 responder',
  since: '0.1.0',
  notes: [
    'Listens while an order needs it; all orders of a process share the server. Behind a load balancer, run it on every',
    'node: with `shared`, any node that the request reaches answers from the store. If another certfleet process of the',
    'same store has the port, that process answers. It exits only when this one is done (or after 30 s), and this one',
    'then takes over the port. If a process of another store, or a stopped one, has the port, certfleet waits for up to',
    'a minute.',
    '',
    'Ports below 1024 need root or CAP_NET_BIND_SERVICE. `0.0.0.0` is IPv4 only; `[::]:80` (or just `80`) listens on',
    'both families. Any user of the machine may take a port from 1024 on while no order needs it, and get certificates for',
    'your names if the CA’s requests lead there: if you do not trust all users, choose a port below 1024. The server',
    'answers only below `/.well-known/acme-challenge/`; `_health` there is for health checks.',
  ].join('\n'),
  options: z.object({
    listen: z
      .string()
      .refine((text) => parseListenAddress(text) !== undefined, {
        error: 'write an IP address and a port: 0.0.0.0:80, [::]:80, or just the port',
      })
      .default('80')
      .meta({
        title: 'Address and port to listen on',
        examples: ['0.0.0.0:80', '[::]:80', '127.0.0.1:30080', '80'],
      }),
    shared: z
      .boolean()
      .default(true)
      .meta({ title: 'Write each token into the store, so that responders on other nodes answer too' }),
  }),

  connect({ options, world, store }): Solver {
    const at = parseListenAddress(options.listen) as ListenAddress; // refined above
    const tokens = new Map<string, Known>();
    const documents = createTokenDocuments(store, world.clock);
    // Look in the store even if this process shares nothing, because another process may rely on our port.
    const guests = createGuests(documents.find, world.clock);
    const lookup = (token: string) => tokens.get(token)?.keyAuthorization ?? guests.find(token);
    let reading: Promise<StoreProof> | undefined;
    /** Read once; a failure is forgotten. */
    const proof = (): Promise<StoreProof> => {
      reading ??= readStoreProof(store, world.random, new AbortController().signal).catch((error: unknown) => {
        reading = undefined;
        throw error;
      });
      return reading;
    };
    const claim = createPortClaim({
      responder: createResponder({ lookup, proof, log: world.log }),
      at,
      proof,
      wanted: () => tokens.size > 0,
      clock: world.clock,
      random: world.random,
      vantage: world.vantage,
      log: world.log,
    });

    const stayForGuests = async (signal: AbortSignal): Promise<void> => {
      const deadline = world.clock.deadline(stayMs, signal);
      // Usually the guests are done at the first check, and no message is needed.
      const quiet = world.clock.deadline(quietMs, deadline.signal);
      try {
        await guests.gone(quiet.signal);
        if (guests.count === 0 || deadline.signal.aborted) return;
        world.log.info(
          `still answering challenges for another certfleet process on ${options.listen}; ` +
            `exiting within ${stayMs / 1000} s`,
        );
        await guests.gone(deadline.signal);
      } finally {
        quiet.done();
        deadline.done();
      }
    };

    return {
      type: 'http01-responder',
      answers: ['http-01'],
      readyBudgetMs: patienceMs,

      // There is no unprobe, because the socket closes with the process.
      async probe(_lineage, signal) {
        await claim.holdPatiently(signal);
        const challenge = newChallenge(world.random);
        const body = (await proof()).byPath(challenge);
        return { path: `${healthPath}-${challenge}`, body, shownPath: healthPath };
      },

      async present(challenge, _note, signal) {
        signal.throwIfAborted();
        const { token, keyAuthorization, lineage } = challenge;
        if (!isToken(token)) throw fail('bug/unexpected', { reason: 'a token that is not base64url reached a solver' });
        // If another certfleet process has the port, `ready` says so until it is free.
        const holder = await claim.hold(signal).catch((error: unknown) => {
          if (!isFailure(error, 'solver/port-held')) throw error;
          return undefined;
        });
        const known = tokens.get(token);
        const entry: Known =
          known?.keyAuthorization === keyAuthorization
            ? known
            : { keyAuthorization, lineages: new Set(), published: false };
        entry.lineages.add(lineage);
        tokens.set(token, entry);
        const published = options.shared || holder?.kind !== 'self';
        if (published) {
          entry.published = true;
          await documents.publish(challenge, signal);
        }
        return { published };
      },

      async ready({ token, keyAuthorization }, _receipt, signal) {
        let holder: Holder;
        try {
          holder = await claim.hold(signal);
        } catch (error) {
          if (!isPortError(error)) throw error;
          return { ready: false, reason: error.message, retryAfterMs };
        }
        const answer = await (holder.kind === 'self' ? lookup(token) : claim.ask(holder.address, token, signal));
        if (answer === keyAuthorization) return { ready: true };
        const who = holder.kind === 'self' ? 'this responder' : 'the responder of the other certfleet process';
        return { ready: false, reason: `${who} does not answer the challenge yet`, retryAfterMs };
      },

      async cleanup(challenge, receipt, signal) {
        signal.throwIfAborted();
        const { token, keyAuthorization, lineage } = challenge;
        const known = tokens.get(token);
        const mine = known?.keyAuthorization === keyAuthorization && known.lineages.delete(lineage) ? known : undefined;
        if (mine?.lineages.size === 0) tokens.delete(token);
        // A receipt does not prove that there is no document: a later `present` may have died before it left its own.
        if (mine && !mine.published && (receipt as { published?: unknown } | undefined)?.published === false) return;
        if (isToken(token)) await documents.withdraw(challenge, signal);
      },

      async close(signal) {
        if (signal && guests.count > 0) await stayForGuests(signal);
        await claim.close();
      },
    };
  },
});
