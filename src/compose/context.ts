import type { Environment } from '../config/options.ts';
import { fail } from '../core/errors/errors.ts';
import type { Settings } from '../core/spec/spec.ts';
import type { Locks } from '../engine/locks/lock.ts';
import { keepFromHooks } from '../lib/hook-environment.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { Store } from '../ports/store.ts';
import type { World } from '../ports/world.ts';

export interface ComposeContext {
  readonly world: World;
  readonly reporter: Reporter;
  readonly env: Environment;
  /** False for commands that must not create a store; they fail with `store/absent`. */
  readonly makeStore?: boolean;
}

export interface ConnectContext extends ComposeContext {
  readonly store: Store;
  /** Fails with `store/corrupt` if it cannot be read: then only what leaves marks under it stops. */
  readonly storeId: () => string;
  readonly locks: Locks;
  /** As declared. */
  readonly balancers: Settings['balancers'];
}

/** Where adapters find their secrets; hooks do not get these variables. */
export const secretsFrom = (env: Environment) => ({ env, onSecretVariable: keepFromHooks });

/** Only stored settings get here: an import keeps what has no counterpart, and a later version may have had the adapter. */
export const unknownType = (kind: string, name: string) => fail('config/unknown-type', { kind, name });
