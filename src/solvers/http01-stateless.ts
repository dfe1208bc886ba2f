import { challengePath } from '../core/ca/challenge-path.ts';
import { fail, reasonOf } from '../core/errors/errors.ts';
import { remoteText } from '../core/errors/remote-text.ts';
import type { Identifier } from '../core/names/identifier.ts';
import { failedAt, type Hop } from '../core/request-path/hop.ts';
import { isToken, toBase64url } from '../core/text/encoding.ts';
import { defineSolver, z } from '../define.ts';
import type { Probe, Solver, SolverAccount } from '../ports/solver.ts';

/** How long a proxy may take to respond. */
const frontendMs = 5_000;

const frontendForm = /^(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<host>[A-Za-z0-9.-]+)):(?<port>\d{1,5})$/;

/** For proxies that answer HTTP-01 challenges themselves, using the thumbprint of the account's key. */
export default defineSolver({
  id: 'http01-stateless',
  title: 'HTTP-01 by the proxies’ own configuration',
  since: '0.1.0',
  answers: ['http-01'],
  notes: [
    'A key authorization is the token, a dot and the thumbprint of the account’s key, so a proxy that knows the thumbprint',
    'answers every challenge by itself: nothing listens, nothing is written for an order, and any number of proxies works.',
    '`certfleet stateless` prints the configuration for nginx and HAProxy, for the names of the certificates that use this',
    'solver; see the [guide](../guides/stateless-challenges.md). Before each order, certfleet asks every address of each',
    'name, and every one of `frontends`, with a random token.',
    '',
    'The thumbprint is no secret: the CA’s challenges show it to anyone. But anyone who has the account’s key can get',
    'certificates for these names while the configuration stands. All certificates of the solver must have the same',
    'account. A test order (`--staging`) has another account, and needs the configuration of `certfleet stateless',
    '--staging`.',
  ].join('\n'),
  engineTraits: () => ({ stateless: true }),
  options: z.object({
    frontends: z
      .array(
        z.string().refine((text) => frontendForm.test(text), {
          error: 'expected a host or an address and a port: 10.0.0.7:80, [2001:db8::7]:80',
        }),
      )
      .optional()
      .meta({
        title: 'The proxies themselves, if the addresses of the names lead to a load balancer in front of them',
        examples: [['10.0.0.7:80', '10.0.0.8:80']],
      }),
  }),

  connect({ options: { frontends = [] }, world }): Solver {
    const { vantage, clock, random } = world;

    const probeFor = ({ thumbprint }: SolverAccount): Probe => {
      const token = toBase64url(random.bytes(32));
      return {
        path: `${challengePath}${token}`,
        shownPath: `${challengePath}RANDOM`,
        body: `${token}.${thumbprint}`,
        advice,
      };
    };

    /** Sends a request to one of `frontends`, at all of its addresses. */
    const ask = async (
      frontend: string,
      identifier: Identifier,
      account: SolverAccount,
      signal: AbortSignal,
    ): Promise<void> => {
      const { v6, host = v6 ?? '', port = '' } = frontendForm.exec(frontend)?.groups ?? {};
      const name = identifier.value.includes(':') ? `[${identifier.value}]` : identifier.value;
      const limit = clock.deadline(frontendMs, signal);
      const silent = (reason: string, cause?: unknown) =>
        fail('solver/frontend-silent', { frontend, reason }, { cause });
      try {
        const addresses = await world.lookup(host, limit.signal);
        if (addresses.length === 0) throw silent(`${host} has no address`);
        for (const address of addresses) {
          const { path, body } = probeFor(account);
          const answer = await vantage
            .get(`http://${name}${path}`, { address, port: Number(port) }, limit.signal)
            .catch((error: unknown) => {
              signal.throwIfAborted();
              throw silent(remoteText(reasonOf(error), 200), error);
            });
          if (answer.status === 200 && answer.body.trimEnd() === body) continue;
          const what = answer.status === 200 ? 'the wrong body' : `status ${answer.status}`;
          throw fail('solver/wrong-answer', {
            what: `the proxy at ${frontend}`,
            identifier: name,
            answer: what,
            advice,
          });
        }
      } finally {
        limit.done();
      }
    };

    return {
      type: 'http01-stateless',
      answers: ['http-01'],
      answeredBy: 'a proxy that has the configuration of `certfleet stateless`',

      prepare: async (_lineage, _identifiers, signal, account) => {
        signal.throwIfAborted();
        return account ? { probe: probeFor(account) } : {};
      },

      async preflight(identifier, signal, account) {
        if (!account) return;
        await Promise.all(frontends.map((frontend) => ask(frontend, identifier, account, signal)));
      },

      async describePath(identifier, signal, account) {
        if (!account) return { hops: [noAccount] };
        const hops = frontends.map(async (frontend): Promise<Hop> => {
          try {
            await ask(frontend, identifier, account, signal);
            return { at: 'listener', state: 'well', finding: `the proxy at ${frontend} gives the right answer` };
          } catch (error) {
            signal.throwIfAborted();
            return failedAt('listener', error);
          }
        });
        return { hops: await Promise.all(hops), probe: probeFor(account) };
      },

      async present({ token }, _note, signal) {
        signal.throwIfAborted();
        if (!isToken(token)) throw fail('bug/unexpected', { reason: 'a token that is not base64url reached a solver' });
        return null;
      },

      async ready(_challenge, _receipt, signal) {
        signal.throwIfAborted();
        return { ready: true };
      },

      async cleanup(_challenge, _receipt, signal) {
        signal.throwIfAborted();
      },
    };
  },
});

const advice = 'Put the configuration that `certfleet stateless` prints into every proxy of this name, and reload it.';

const noAccount: Hop = {
  at: 'responder',
  state: 'cannot-tell',
  finding: 'the answer depends on the account’s key, and there is none yet',
  advice: 'Run `certfleet stateless`, which makes the key and prints the configuration for the proxies.',
};
