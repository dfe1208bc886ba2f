import { usualCheckPath } from '../core/ca/challenge-path.ts';
import { parseListenAddress } from '../core/names/listen-address.ts';
import { defineSolver, duration, z } from '../define.ts';
import type { Solver } from '../ports/solver.ts';
import { createResponder } from '../responder/responder.ts';

/** Answers HTTP-01 challenges from this process, and from every other process that shares the store. */
export default defineSolver({
  id: 'http01-responder',
  title: 'HTTP-01 responder',
  since: '0.1.0',
  answers: ['http-01'],
  listensFor: 'http-01',
  notes: [
    'Listens while an order needs it, and in `certfleet run` for ten seconds more; all orders of a process share the',
    'server. Behind a load balancer, run it on every node: with `shared`, any node that the request reaches answers from',
    'the store. If another certfleet process of the same store has the port, that process answers. It exits only when',
    'this one is done (or after 30 s), and this one then takes over the port. If a process of another store, or a stopped',
    'one, has the port, certfleet waits for up to a minute.',
    '',
    'Ports below 1024 need root or CAP_NET_BIND_SERVICE. `0.0.0.0` is IPv4 only; `[::]:80` (or just `80`) listens on',
    'both families. Any user of the machine may take a port from 1024 on while no order needs it, and get certificates for',
    'your names if the CA’s requests lead there: if you do not trust all users, choose a port below 1024. The server',
    'answers only below `/.well-known/acme-challenge/`, where `health` and `_health` are for health checks, and 200 to',
    'GET and HEAD of the path `healthCheck`. It listens only while an order needs it, so a balancer whose health check',
    'it answers needs a moment: until `timeout`, certfleet takes its 502, 503 and 504 as “not yet”.',
  ].join('\n'),
  options: z.object({
    listen: z
      .string()
      .refine((text) => parseListenAddress(text) !== undefined, {
        error: 'expected an IP address and a port: 0.0.0.0:80, [::]:80, or just the port',
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
    healthCheck: z
      .string()
      .regex(/^\/[!-"$->@-~]*$/, { error: 'expected a path without a query, like / or /healthz' })
      .default(usualCheckPath)
      .meta({ title: 'The path that the health check of a load balancer asks', examples: ['/', '/healthz'] }),
    timeout: duration('How long a load balancer may take until its health check has noticed the responder').prefault(
      '1m',
    ),
  }),

  connect({ options: { listen, shared, healthCheck, timeout: noticedMs }, responder: responderAt }): Solver {
    const responder = responderAt({ listen, healthCheck }, createResponder);
    return {
      type: 'http01-responder',
      answers: ['http-01'],
      readyBudgetMs: responder.patienceMs,
      noticedMs,
      // There is nothing to withdraw, because the socket closes with the solver.
      prepare: async (_lineage, _identifiers, signal) => ({ probe: await responder.probe(signal) }),
      describePath: async (_identifier, signal) => {
        const probe = await responder.probe(signal);
        const finding = `a responder of this store answers at ${responder.address}`;
        return { hops: [{ at: 'responder', state: 'well', finding }], probe, noticedMs };
      },
      present: (challenge, _note, signal) => responder.answer(challenge, { shared }, signal),
      ready: (challenge, _receipt, signal) => responder.ready(challenge, signal),
      cleanup: (challenge, receipt, signal) => responder.withdraw(challenge, receipt, signal),
      // All solvers of a process end at the same time.
      close: (signal) => responder.close(signal),
    };
  },
});
