import { parseListenAddress } from '../core/names/listen-address.ts';
import type { AdapterSettings } from '../core/spec/spec.ts';
import { duration, z } from '../define.ts';
import { parseHostPort } from './addresses.ts';

/** The options of the solver `http01-forward-rule`, which is part of the engine and not an adapter file. */
export const forwardRuleOptions = z.strictObject({
  balancer: z
    .string()
    .min(1)
    .meta({ title: 'The load balancer to change: one of `balancers`', examples: ['slb'] }),
  listen: z
    .string()
    .refine((text) => parseListenAddress(text) !== undefined, {
      error: 'expected an IP address and a port: 0.0.0.0:30080, [::]:30080, or just the port',
    })
    .default('30080')
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
  timeout: duration(
    'How long to wait until the rule works: the balancer’s own health check and its public answer',
  ).prefault('10m'),
});

export interface ForwardRuleSettings {
  readonly listen: string;
  readonly fallback: string | undefined;
  readonly keep: boolean;
  readonly timeoutMs: number;
}

/** Reads the settings of a stored `http01-forward-rule` solver, which were checked when they were loaded. */
export function forwardRuleSettings(settings: AdapterSettings): ForwardRuleSettings {
  const { type: _type, ...rest } = settings;
  const { listen, fallback, keep, timeout } = forwardRuleOptions.parse(rest);
  return { listen, fallback, keep, timeoutMs: timeout };
}
