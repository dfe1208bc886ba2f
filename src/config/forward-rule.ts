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
      error: 'write an IP address and a port: 0.0.0.0:30080, [::]:30080, or just the port',
    })
    .default('30080')
    .meta({
      title: 'Address and port where the responder listens for the balancer',
      examples: ['0.0.0.0:30080', '10.0.0.7:30080', '30080'],
    }),
  fallback: z
    .string()
    .refine((text) => parseHostPort(text) !== undefined, { error: 'write a host and a port: 10.0.0.8:80' })
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

/** Under this name a stored solver or deployer has the settings of the balancer that its `balancer` names. */
export const balancerSettingsKey = 'balancerSettings';

/** Settings with those of the balancer that they name, so that `renew` and `sweep` need no configuration. */
export const withBalancer = (
  settings: AdapterSettings,
  balancers: Readonly<Record<string, AdapterSettings>>,
): AdapterSettings => {
  const { balancer } = settings;
  const found = typeof balancer === 'string' && Object.hasOwn(balancers, balancer) ? balancers[balancer] : undefined;
  return found ? { ...settings, [balancerSettingsKey]: found } : settings;
};

/**
 * The same for a deployer, without the node that answers: it has no part in a delivery, and on each node of a cluster it
 * is another one.
 */
export function withBalancerOfDelivery(
  settings: AdapterSettings,
  balancers: Readonly<Record<string, AdapterSettings>>,
): AdapterSettings {
  const found = balancerIn(withBalancer(settings, balancers));
  if (!found) return settings;
  const { backend: _node, ...rest } = found.settings;
  return { ...settings, [balancerSettingsKey]: rest };
}

export interface NamedSettings {
  readonly name: string;
  readonly settings: AdapterSettings;
}

/** The balancer in stored settings; undefined if they name none. */
export function balancerIn(settings: AdapterSettings): NamedSettings | undefined {
  const { balancer, [balancerSettingsKey]: stored } = settings;
  return typeof balancer === 'string' && stored !== undefined
    ? { name: balancer, settings: stored as AdapterSettings }
    : undefined;
}

/** The adapter's own options: the balancer's name is one of them, but its settings are not. */
export function withoutBalancer(settings: AdapterSettings): AdapterSettings {
  const { [balancerSettingsKey]: _stored, ...own } = settings;
  return own as AdapterSettings;
}

/** Reads the settings of a stored `http01-forward-rule` solver, which were checked when they were loaded. */
export function forwardRuleSettings(settings: AdapterSettings): ForwardRuleSettings {
  const { type: _type, [balancerSettingsKey]: _stored, ...rest } = settings;
  const { listen, fallback, keep, timeout } = forwardRuleOptions.parse(rest);
  return { listen, fallback, keep, timeoutMs: timeout };
}
