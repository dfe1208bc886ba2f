import type { Settings } from '../core/spec.ts';

export const defaultStorePath = '/var/lib/certfleet';

/** What holds where nothing is configured. */
export const defaultSettings = (): Settings => ({
  store: { type: 'file', path: defaultStorePath },
  issuers: {},
  solvers: {},
  deployers: {},
  certificates: [],
  preflight: { resolvers: [], http01Port: 80 },
  // Below the 10 s that Docker and Kubernetes-like supervisors commonly give before SIGKILL.
  shutdownBudgetMs: 8_000,
  leaseTtlMs: 60_000,
  deployTimeoutMs: 120_000,
});
