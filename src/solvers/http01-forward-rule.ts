import { usualCheckPath } from '../core/ca/challenge-path.ts';
import { parseHostPort } from '../core/names/host-port.ts';
import { parseListenAddress } from '../core/names/listen-address.ts';
import { defineRuleSolver, duration, z } from '../define.ts';

const usualPort = '30080';

/** Answers HTTP-01 behind a load balancer. The engine makes the rules (`engine/solvers/http01-forward-rule.ts`). */
const options = z.strictObject({
  balancer: z
    .string()
    .min(1)
    .meta({ title: 'The load balancer to change: one of `balancers`', examples: ['slb'] }),
  listen: z
    .string()
    .refine((text) => parseListenAddress(text) !== undefined, {
      error: 'expected an IP address and a port: 0.0.0.0:30080, [::]:30080, or just the port',
    })
    .default(usualPort)
    .meta({
      title: 'Address and port where the responder listens for the balancer',
      examples: ['0.0.0.0:30080', '10.0.0.7:30080', '30080'],
    }),
  fallback: z
    .string()
    .refine((text) => parseHostPort(text) !== undefined, { error: 'expected a host and a port: 10.0.0.8:80' })
    .optional()
    .meta({
      title: 'Where to pass on requests for tokens of other ACME clients behind the same balancer',
      examples: ['10.0.0.8:80'],
    }),
  keep: z.boolean().default(false).meta({
    title: 'Leave the rule in place when the order is done, so that later orders need no call to the balancer',
  }),
  byHand: z.boolean().default(false).meta({
    title: 'A person has made the rule and its group: change nothing at the balancer, and wait for its health check',
  }),
  healthCheck: z
    .string()
    .regex(/^\/[!-"$->@-~]*$/, { error: 'expected a path without a query, like / or /healthz' })
    .default(usualCheckPath)
    .meta({ title: 'The path that the health check of a rule made by hand asks', examples: ['/', '/healthz'] }),
  timeout: duration(
    'How long to wait until the rule works: the balancer’s own health check and its public answer',
  ).prefault('10m'),
});

export default defineRuleSolver({
  id: 'http01-forward-rule',
  title: 'HTTP-01 through a forward rule of one of the load balancers',
  since: '0.1.0',
  through: 'balancer',
  answers: ['http-01'],
  listensFor: 'http-01',
  notes:
    'Adds a rule to the balancer that sends the challenges of the names to this node, waits until it works, and ' +
    'removes it when the order is done. With `byHand`, the rule is yours: certfleet only reads the health of this node, if ' +
    'the credentials allow it, and else waits until the public path answers. `certfleet providers` lists the load balancers.',
  options,
  engineTraits: ({ keep, byHand }) => (byHand === true ? {} : { rule: keep === true ? 'kept' : 'removed' }),

  // A CA connects to port 80, and an address translation in front of the balancer may lead elsewhere.
  doubts({ name, settings, uses = [] }, { http01Port }) {
    const balancer = uses.find(({ kind }) => kind === 'balancer');
    const port = balancer?.settings['listenerPort'];
    const { port: leadsTo } = (balancer?.settings['backend'] ?? {}) as { readonly port?: unknown };
    const listens = parseListenAddress(String(settings['listen'] ?? usualPort))?.port;
    const elsewhere =
      typeof leadsTo !== 'number' || listens === undefined || leadsTo === listens
        ? []
        : [
            `solvers.${name} listens on port ${listens}, but balancers.${balancer?.name} leads to port ${leadsTo} (backend); use one port, unless something maps ${leadsTo} to ${listens}, as a container does`,
          ];
    if (http01Port !== 80 || typeof port !== 'number' || port === http01Port) return elsewhere;
    return [
      ...elsewhere,
      `solvers.${name}: the CA connects to port 80 for HTTP-01, but balancers.${balancer?.name} changes the listener on port ${port}; leave out listenerPort, unless port 80 leads to that listener (a listener that redirects to it is followed by itself)`,
    ];
  },

  read({ listen, fallback, keep, byHand, healthCheck, timeout }) {
    return { listen, fallback, keep, byHand, healthCheck, timeoutMs: timeout };
  },
});
