import type { Environment } from '../config/options/secret-references.ts';
import { fail } from '../core/errors/errors.ts';
import type { Settings } from '../core/spec/spec.ts';
import type { Locks } from '../engine/locks/lock.ts';
import { keepFromHooks } from '../lib/processes/hook-environment.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { Store } from '../ports/store.ts';
import type { World } from '../ports/world.ts';

export interface ComposeContext {
  readonly world: World;
  readonly reporter: Reporter;
  readonly env: Environment;
  /** False for commands that must not create a store. They fail with `store/absent`. */
  readonly makeStore?: boolean;
  /**
   * For commands that run unattended: a store that cannot be opened is worth an alarm, and none is made where this machine
   * has used one before.
   */
  readonly tellsAlarms?: boolean;
}

export interface ConnectContext extends ComposeContext {
  /** The name of this node. */
  readonly node: string;
  readonly store: Store;
  /**
   * Returns the store ID. Fails with `store/corrupt` if the ID cannot be read, which stops only the work that marks
   * objects with it.
   */
  readonly storeId: () => string;
  readonly locks: Locks;
  /** Called before a file is read that an adapter's option names, or one with roots to trust. */
  readonly onFile: (file: string) => Promise<void>;
  /** Returns a text that changes when connections are to read such roots again. */
  readonly roots: () => string;
  /** The declared balancers. */
  readonly balancers: () => Settings['balancers'];
  /** The declared notifiers. */
  readonly alarms: () => Settings['alarms'];
}

/** Returns where adapters find their secrets. Hooks do not get these variables. */
export const secretsFrom = (env: Environment) => ({ env, onSecretVariable: keepFromHooks });

/**
 * The error for an unknown adapter type. Only stored settings can have one: an import keeps what has no counterpart,
 * and a later version of certfleet may have had the adapter.
 */
export const unknownType = (kind: keyof typeof replacements, name: string) =>
  fail('config/unknown-type', { kind, name, advice: replacements[kind] });

const declareAnother = 'Declare another type in certfleet.yaml.';
const replacements = {
  'DNS provider': 'Choose another one with `certfleet issue {certificate} --dns PROVIDER`.',
  solver: 'Choose another one with `certfleet issue {certificate} --http HOW` or --dns PROVIDER.',
  deployer: 'Choose another one with `certfleet issue {certificate} --deploy TARGET`.',
  notifier: declareAnother,
  balancer: declareAnother,
  store: declareAnother,
} as const;
