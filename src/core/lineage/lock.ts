import type { AroundOrder } from '../spec/hooks.ts';
import type { Json } from '../text/json.ts';
import { present } from '../text/present.ts';
import { decodeDocument, type Lease } from './lineage.ts';
import type { ProcessIdentity } from './process-identity.ts';

/**
 * A resource that several certificates and processes change: `lock/<resource>`. It is both the lock and the journal of
 * what certfleet has created at a balancer: every rule is recorded before the balancer is asked for it, and until it is
 * deleted there.
 */
export interface LockDocument {
  readonly schema: 1;
  readonly lease?: Lease;
  /** By listener. */
  readonly listeners?: Readonly<Record<string, ListenerState>>;
  /** In `lock/hooks`: the runs between their pre-hook and their post-hook. */
  readonly hooks?: readonly HookUser[];
}

/** A run whose pre-hook may have run, and that still has to run its post-hook. */
export interface HookUser extends AroundOrder {
  readonly by: ProcessIdentity;
  /** Distinguishes the passes of one process. */
  readonly run: string;
  /** RFC 3339. */
  readonly since: string;
  /** The hook that was started last. It keeps running if certfleet is killed. */
  readonly running?: ProcessIdentity | undefined;
}

/** What certfleet has created, or may have created, on one listener. */
export interface ListenerState {
  /** The certificates that need the rules, by name. The last one to leave removes the rules. */
  readonly users: Readonly<Record<string, RuleUser>>;
  /** Everything that may exist at the balancer. */
  readonly group?: StoredGroup;
  readonly rules: readonly StoredRule[];
  /** The balancer's IDs, from the last time that everything was in place. */
  readonly receipt?: Json;
}

export interface RuleUser {
  /** RFC 3339. If the balancer does not have room for all, the earliest come first. */
  readonly since: string;
  readonly hosts: readonly string[];
  /** The address of this certificate's responder, in the mode `forward`. */
  readonly backend?: StoredBackend;
  /** In the mode `fixed-response`. */
  readonly answers?: readonly StoredAnswer[];
  /** The rules stay after the order. */
  readonly keep?: true;
  /** The path to lead here, if it is not that of all challenges: `balancer test` uses an unused one. */
  readonly path?: string;
}

export interface StoredBackend {
  readonly server: string;
  readonly port: number;
  readonly address?: string;
  readonly kind?: string;
}

export interface StoredAnswer {
  readonly host: string;
  readonly token: string;
  readonly keyAuthorization: string;
}

export interface StoredGroup {
  readonly name: string;
  readonly lineage: string;
}

export interface StoredRule {
  readonly name: string;
  /** The certificate for which it was created. */
  readonly lineage: string;
  readonly host?: string;
  readonly path: string;
  readonly answer?: string;
}

export const decodeLock = (bytes: Uint8Array, resource: string, location: string): LockDocument =>
  decodeDocument<LockDocument>(bytes, { key: `lock/${resource}`, file: location }, ['schema']);

/** Returns the document with a new state for one listener, or undefined if the document would be empty. */
export function withListener(
  document: LockDocument,
  listener: string,
  state: ListenerState | undefined,
): LockDocument | undefined {
  const { [listener]: _before, ...others } = document.listeners ?? {};
  const listeners = state && !isEmpty(state) ? { ...others, [listener]: state } : others;
  const { listeners: _all, ...rest } = document;
  return Object.keys(listeners).length === 0 && rest.lease === undefined
    ? undefined
    : { ...rest, ...present({ listeners: Object.keys(listeners).length === 0 ? undefined : listeners }) };
}

const isEmpty = ({ users, group, rules }: ListenerState): boolean =>
  Object.keys(users).length === 0 && group === undefined && rules.length === 0;
