import { type AdapterSettings, zoneSolversKey } from './spec.ts';

// All that core and the engine tell from the type of an adapter. No other file there compares one.

/** The solver that works with any DNS provider, and the one that works with any balancer. */
export const dns01Type = 'dns01';
export const forwardRuleType = 'http01-forward-rule';

/** The solver whose answers are in the configuration of proxies. */
export const statelessType = 'http01-stateless';

/** The DNS provider that is a person. */
export const manualProvider = 'manual';

/** Whether a person does what a solver does, also for one of the zones that another solver changes. */
export const isPerson = ({ type, provider, [zoneSolversKey]: others = {} }: AdapterSettings): boolean =>
  type === dns01Type &&
  (provider === manualProvider || Object.values(others as Record<string, AdapterSettings>).some(isPerson));

/** Whether a solver prepares a rule, which stays until the challenges are removed. */
export const makesRule = ({ type }: AdapterSettings): boolean => type === forwardRuleType;

/** Whether the rule stays after the order, too. */
export const keepsRule = (solver: AdapterSettings): boolean => makesRule(solver) && solver['keep'] === true;

/**
 * Whether a solver changes something for an order that must not stay for long if the run is killed. A TXT record or a
 * token file hurts no one.
 */
export const needsSweep = (solver: AdapterSettings): boolean => makesRule(solver) && !keepsRule(solver);

export const isStateless = ({ type }: AdapterSettings): boolean => type === statelessType;

/** Whether a deployer writes files in certbot's layout. */
export const writesFiles = ({ type }: AdapterSettings): boolean => type === 'files';
