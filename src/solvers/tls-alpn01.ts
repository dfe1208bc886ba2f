import { parseListenAddress } from '../core/names/listen-address.ts';
import { defineSolver, z } from '../define.ts';
import type { Solver } from '../ports/solver.ts';
import { createAlpnResponder } from '../responder/alpn-responder.ts';

/** Answers TLS-ALPN-01 challenges (RFC 8737) from this process, and from every other process that shares the store. */
export default defineSolver({
  id: 'tls-alpn01',
  title: 'TLS-ALPN-01 responder',
  homepage: 'https://www.rfc-editor.org/rfc/rfc8737',
  since: '0.1.0',
  answers: ['tls-alpn-01'],
  listensFor: 'tls-alpn-01',
  notes: [
    'Answers on port 443, with a certificate made for each challenge, so port 80 may stay closed. It listens while an order',
    'needs it, and in `certfleet run` for ten seconds more, and answers only the protocol `acme-tls/1`. If a proxy has port',
    '443, let it pass on the connections of `acme-tls/1` without ending TLS, and listen on another port; see the',
    '[guide](../guides/answer-on-port-443.md).',
    '',
    'All orders of a process share the server. With `shared`, any node that the connection reaches answers from the store.',
    'If another certfleet process of the same store has the port, that process answers. Two orders with the same name are',
    'validated one after the other, since a handshake shows only the name. Names and IP addresses, but no wildcards.',
    '',
    'Ports below 1024 need root or CAP_NET_BIND_SERVICE. `0.0.0.0` is IPv4 only; `[::]:443` (or just `443`) listens on both',
    'families. Any user of the machine may take a port from 1024 on while no order needs it, and get certificates for your',
    'names if the CA’s connections lead there.',
  ].join('\n'),
  options: z.object({
    listen: z
      .string()
      .refine((text) => parseListenAddress(text) !== undefined, {
        error: 'expected an IP address and a port: 0.0.0.0:443, [::]:443, or just the port',
      })
      .default('443')
      .meta({
        title: 'Address and port to listen on',
        examples: ['0.0.0.0:443', '[::]:443', '127.0.0.1:30443', '443'],
      }),
    shared: z
      .boolean()
      .default(true)
      .meta({ title: 'Write each answer into the store, so that responders on other nodes answer too' }),
  }),

  connect({ options: { listen, shared }, alpnResponder }): Solver {
    const responder = alpnResponder(listen, createAlpnResponder);
    return {
      type: 'tls-alpn01',
      answers: ['tls-alpn-01'],
      readyBudgetMs: responder.patienceMs,
      // There is nothing to withdraw, because the socket closes with the process.
      prepare: async (_lineage, _identifiers, signal) => ({ handshake: await responder.proof(signal) }),
      describePath: async (_identifier, signal) => {
        const handshake = await responder.proof(signal);
        const finding = `a responder of this store answers at ${responder.address}`;
        return { hops: [{ at: 'responder', state: 'well', finding }], handshake };
      },
      present: (challenge, _note, signal) => responder.answer(challenge, { shared }, signal),
      ready: (challenge, _receipt, signal) => responder.ready(challenge, signal),
      cleanup: (challenge, receipt, signal) => responder.withdraw(challenge, receipt, signal),
      // All solvers of a process end at the same time.
      close: (signal) => responder.close(signal),
    };
  },
});
