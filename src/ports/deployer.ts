import type { Secret } from '../core/errors/secret.ts';
import type { Json } from '../core/text/json.ts';
import type { OwnedObject } from './balancer.ts';
import type { CertificateFacts } from './pki.ts';
import type { Note } from './solver.ts';

/**
 * Carries a version to a target. The engine checks what clients of the target really see; a deployer does not.
 *
 * - Every method MUST be repeatable: it is called again after a crash, and by `renew` while the target is pending.
 * - If `activate` fails, the old version MUST stay in use, on disk too; the error is `deploy/…`.
 * - To go back, the engine calls `stage` and `activate` with the previous version.
 */
export interface Deployer {
  /** `files`, `nginx`… */
  readonly type: string;
  /** `node`: each node has its own target and state; `fleet`: one target for all. */
  readonly scope: 'node' | 'fleet';
  /**
   * Deployments of different lineages to this target may run at the same time. Otherwise they run one at a time,
   * because reloads and transactions on an admin socket would interfere.
   */
  readonly concurrent?: true;
  /**
   * The target has no clients of its own but acts on what other targets have. It runs after the targets listed before
   * it were tried, if one of them has taken a version since it last succeeded.
   */
  readonly runsAfter?: true;
  /**
   * What deployments of other targets and rules of a balancer share with this one: the engine holds the lock of this
   * name around `stage`, `activate` and `retire`, across processes. As {@link Balancer.resource}.
   */
  readonly resource?: string;
  /** Whether the target has this version. `absent` if it has none at all. */
  look(version: VersionBundle, signal: AbortSignal): Promise<Look>;
  /**
   * Brings the version to the target without using it. The engine journals the receipt (the id of an upload) before
   * `activate`, and `note` does so at once. It finds what an earlier call has brought, so nothing is there twice.
   */
  stage(version: VersionBundle, note: Note, signal: AbortSignal): Promise<Json>;
  /**
   * Fails with `deploy/…` if the target would refuse the version, however often it is tried; changes nothing. A rollback
   * asks before it begins.
   */
  admit?(version: VersionBundle, signal: AbortSignal): Promise<void>;
  /** Makes it the version in use. */
  activate(version: VersionBundle, staged: Json, note: Note, signal: AbortSignal): Promise<void>;
  /**
   * Removes what only older versions need. Called once every target has the new version; a sweep repeats what failed.
   *
   * - Without a receipt, `old` is the version before the new one: it stays, because the engine may go back to it.
   * - With a receipt, which `stage` returned for it, `old` is an older one, and what the receipt names goes. It MUST
   *   stay if anything refers to it, and MUST be no error if it is not there.
   */
  retire?(old: VersionRef, receipt: Json | undefined, signal: AbortSignal): Promise<void>;
  /**
   * Makes the target as it was before the first deployment, for `import --undo`. Calling it again finishes what a kill
   * left, and it does nothing where nothing was deployed.
   */
  restore?(options: Restoring, signal: AbortSignal): Promise<readonly Restored[]>;
  /** Everything of any owner at the target that carries certfleet's mark, for `sweep --lost`. */
  owned?(signal: AbortSignal): Promise<readonly OwnedObject[]>;
  /** Removes one of these, if it is still there and nothing refers to it. */
  removeOwned?(object: OwnedObject, signal: AbortSignal): Promise<void>;
}

export interface Restoring {
  /** Resolve with what would be restored, and change nothing. */
  readonly dryRun: boolean;
  /** The names, at the target, of what stays as it is. */
  readonly except?: ReadonlySet<string>;
}

export interface Restored {
  /** A path, or another name of what is as before. */
  readonly what: string;
  /** When the certificate expires that is there now; undefined if there is none. RFC 3339. */
  readonly notAfter?: string;
}

export interface Look {
  readonly state: 'current' | 'stale' | 'absent';
  readonly detail: string;
}

export interface VersionRef {
  /** The lineage's name. */
  readonly lineage: string;
  /** The version's id, unique in its lineage: safe as a file name. */
  readonly id: string;
}

export interface VersionBundle extends VersionRef {
  readonly facts: CertificateFacts;
  readonly keyPem: Secret;
  /** The leaf alone. */
  readonly certPem: string;
  /** The rest of the chain; may be empty. */
  readonly chainPem: string;
  readonly fullchainPem: string;
  /** Fingerprints of the versions that the store has: a target may show one of them that someone else brought there. */
  readonly stored?: readonly string[];
}
