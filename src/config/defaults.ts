import { resolve } from 'node:path';
import type { Settings } from '../core/spec.ts';
import type { Environment } from './options.ts';

/** Where things lie when neither a flag nor the configuration says so. */
export interface DefaultPaths {
  readonly configuration: string;
  readonly store: string;
}

/**
 * Every default path of the product. `CERTFLEET_ROOT` is a folder that stands in for `/`: the tests set it, so that
 * none of them reads or changes this machine's own certfleet.
 */
export function defaultPaths(env: Environment): DefaultPaths {
  const below = (path: string) => resolve(env['CERTFLEET_ROOT'] || '/', path);
  return { configuration: below('etc/certfleet/certfleet.yaml'), store: below('var/lib/certfleet') };
}

/** What holds where nothing is configured. */
export const defaultSettings = (env: Environment): Settings => ({
  store: { type: 'file', path: defaultPaths(env).store },
  storeIsDeclared: false,
  issuers: {},
  solvers: {},
  deployers: {},
  certificates: [],
  preflight: { resolvers: [], http01Port: 80 },
  // Below the 10 s that Docker and Kubernetes-like supervisors commonly give before SIGKILL.
  shutdownBudgetMs: 8_000,
  leaseTtlMs: 60_000,
  deployTimeoutMs: 120_000,
  deployDeadlineMs: 300_000,
});
