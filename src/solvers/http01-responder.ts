import { isToken } from '../core/encoding.ts';
import { fail, isFailure } from '../core/errors.ts';
import { defineSolver, z } from '../define.ts';
import type { Solver } from '../ports/solver.ts';
import { createGuests } from '../responder/guests.ts';
import { type ListenAddress, parseListenAddress } from '../responder/listen-address.ts';
import { createPortClaim, type Holder, isPortError, patienceMs } from '../responder/port-claim.ts';
import { createResponder, healthPath } from '../responder/server.ts';
import { createTokenDocuments } from '../responder/token-documents.ts';

interface Known {
  readonly keyAuthorization: string;
  /** Two lineages of one account may be given the same pending authorization, and so the same token. */
  readonly lineages: Set<string>;
  /** Whether this process wrote the token's document. */
  published: boolean;
}

// How soon to look again when the port or the token is not there yet; the engine may wait longer.
const retryAfterMs = 200;
// How long a process that is done stays for the challenges of others: a validation of Let's Encrypt's takes 10 s at
// most, and there may be a queue. One that was killed leaves its token behind, so there must be an end.
const stayMs = 30_000;
// A person begins to wonder why the program does not end.
const toldAfterMs = 500;

/** Answers HTTP-01 challenges from this process, and from every other one that shares the store. */
export default defineSolver({
  id: 'http01-responder',
  title: 'HTTP-01 responder',
  since: '0.1.0',
  notes: [
    'Listens while an order needs it; the server is shared by all orders of the process. Behind a balancer, run it on',
    'every node: with `shared`, whichever node the request reaches answers from the store. When the port is taken by',
    'another certfleet process of the same store, that one answers: it ends only when this one is done (or after',
    '30 s), and this one then takes the port over. One of another store, or one that is stopped, is waited for, a',
    'minute at most.',
    '',
    'Ports below 1024 need root or CAP_NET_BIND_SERVICE. `0.0.0.0` is IPv4 only; `[::]:80` (or just `80`) listens on',
    'both families. Only requests below `/.well-known/acme-challenge/` are answered; `_health` there names the store.',
  ].join('\n'),
  options: z.object({
    listen: z
      .string()
      .refine((text) => parseListenAddress(text) !== undefined, {
        error: 'write an IP address and a port: 0.0.0.0:80, [::]:80, or only the port',
      })
      .default('80')
      .meta({
        title: 'Address and port to listen on',
        examples: ['0.0.0.0:80', '[::]:80', '127.0.0.1:30080', '80'],
      }),
    shared: z
      .boolean()
      .default(true)
      .meta({ title: 'Write each token into the store, so that responders of other replicas answer too' }),
  }),

  connect({ options, world, store, storeId }): Solver {
    const at = parseListenAddress(options.listen) as ListenAddress; // refined above
    const tokens = new Map<string, Known>();
    const documents = createTokenDocuments(store, world.clock);
    // The store is asked even when this process shares nothing: another one may have found the port taken by us.
    const guests = createGuests(documents.find, world.clock);
    const lookup = (token: string) => tokens.get(token)?.keyAuthorization ?? guests.find(token);
    const claim = createPortClaim({
      responder: createResponder({ lookup, storeId, log: world.log }),
      at,
      storeId,
      wanted: () => tokens.size > 0,
      clock: world.clock,
      vantage: world.vantage,
      log: world.log,
    });

    const stayForGuests = async (signal: AbortSignal): Promise<void> => {
      const deadline = world.clock.deadline(stayMs, signal);
      // Most are done at the first look, and then there is nothing to tell.
      const told = world.clock.deadline(toldAfterMs, deadline.signal);
      try {
        await guests.gone(told.signal);
        if (guests.count === 0 || deadline.signal.aborted) return;
        world.log.info(
          `another certfleet process of this store is answered for on ${options.listen}: staying until it is through, ${stayMs / 1000} s at most`,
        );
        await guests.gone(deadline.signal);
      } finally {
        told.done();
        deadline.done();
      }
    };

    return {
      type: 'http01-responder',
      answers: ['http-01'],
      readyBudgetMs: patienceMs,

      // Nothing lasting is changed for it, so there is no unprobe: the socket dies with the process.
      async probe(_lineage, signal) {
        await claim.holdPatiently(signal);
        return { path: healthPath, body: storeId };
      },

      async present(challenge, _note, signal) {
        signal.throwIfAborted();
        const { token, keyAuthorization, lineage } = challenge;
        if (!isToken(token)) throw fail('bug/unexpected', { reason: 'a token that is not base64url reached a solver' });
        // Where another certfleet process has the port, `ready` says so until it is free.
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
        // Only what this process did itself proves that there is no document: a receipt may be older than the last
        // `present`, whose process died before it could leave its own.
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
