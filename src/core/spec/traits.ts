import type { AdapterSettings, NamedAdapter } from './spec.ts';

// Everything that core and the engine derive from an adapter's type. No other file there compares one.

/** The solver that works with any DNS provider, and the one that works with any balancer. */
export const dns01Type = 'dns01';
export const forwardRuleType = 'http01-forward-rule';

/** The solver whose answers are in the proxies' configuration. */
export const statelessType = 'http01-stateless';

/** The DNS provider that is a person. */
export const manualProvider = 'manual';

/** Reports whether a person does a solver's work, including for a zone that another solver changes. */
export const isPerson = ({ settings: { type, provider }, uses = [] }: NamedAdapter): boolean =>
  (type === dns01Type && provider === manualProvider) || uses.some(isPerson);

/**
 * Reports whether a solver may create something before the order: a probe or a rule. DNS-01 creates nothing, and
 * without its provider's secrets, which may be gone, it could not even be asked to remove nothing.
 */
export const mayPrepare = ({ type }: AdapterSettings): boolean => type !== dns01Type;

/** Reports whether a solver prepares a rule, which stays until the challenges are removed. */
export const makesRule = ({ type }: AdapterSettings): boolean => type === forwardRuleType;

/** Reports whether the rule also stays after the order. */
export const keepsRule = (solver: AdapterSettings): boolean => makesRule(solver) && solver['keep'] === true;

/**
 * Reports whether a solver changes something for an order that must not stay for long if the run is killed. A TXT
 * record or a token file does no harm.
 */
export const needsSweep = (solver: AdapterSettings): boolean => makesRule(solver) && !keepsRule(solver);

export const isStateless = ({ type }: AdapterSettings): boolean => type === statelessType;

/** Reports whether a deployer writes files in certbot's layout. */
export const writesFiles = ({ type }: AdapterSettings): boolean => type === 'files';
