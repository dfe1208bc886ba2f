import type { Secret } from '../core/errors/secret.ts';
import type { Places } from '../core/lineage/places.ts';
import type { Right } from '../core/request-path/rights.ts';
import type { KeyType } from '../core/spec/key-type.ts';
import type { Json } from '../core/text/json.ts';
import type { OwnedObject } from './balancer.ts';
import type { CertificateFacts } from './pki.ts';
import type { Note } from './solver.ts';

/**
 * Delivers a version to a target. The engine checks what the target's clients really see; a deployer does not.
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
   * The target has no clients of its own but acts on other targets' versions. It runs after the targets listed before
   * it were tried, if one of them has received a version since it last succeeded.
   */
  readonly runsAfter?: true;
  /**
   * The resource that this deployer shares with deployments to other targets and with a balancer's rules. The engine
   * holds the lock of this name around `activate`, across processes, and around `stage` and `retire` unless there is
   * {@link uploads}. As {@link Balancer.resource}.
   */
  readonly resource?: string;
  /**
   * Where `stage` uploads to, if that is not the resource: an account's certificate service and its site. The engine
   * holds the lock of this name around `stage` and `retire`, so deployers that share it upload a version once.
   */
  readonly uploads?: string;
  /**
   * No API shows whether something uses what it `owned`, so `removeOwned` leaves it until the date in its mark, when it
   * expires.
   */
  readonly keepsUntilExpiry?: true;
  /**
   * How long the target may take to roll a version out after `activate`. Until then, `changing` is no failure. The
   * engine calls `look` first, holds no lock while it looks and waits, and does not activate again what is changing.
   */
  readonly settleMs?: number;
  /**
   * Checks before an order whether the target exists and has room for the certificate, and changes nothing. Resolves with
   * what is used and allowed, or where it would be set, in words. `balancer/no-room`, or `balancer/not-found` for what the
   * delivery needs and cannot make, say that an order would be useless. One for a new certificate or for other names then
   * fails, unless a person insists. A renewal goes on with a warning, because the certificate's other targets need it.
   * With any other error the target could not tell: an order goes on, and only `doctor` shows the error. A `deploy/…` error
   * counts as its cause.
   */
  check?(wanted: WantedRoom, signal: AbortSignal): Promise<string>;
  /** As {@link Balancer.rights}. */
  rights?(signal: AbortSignal): Promise<readonly Right[]>;
  /**
   * Reports whether the target has this version in use, delivered with these settings, as far as can be told without
   * its private key. It is asked of every certificate at every run, so it MUST be cheap. Without it, the engine reads the
   * key and calls `look`, which MUST also see what `has` sees.
   */
  has?(version: VersionRef & Pick<CertificateFacts, 'fingerprint'>, signal: AbortSignal): Promise<boolean>;
  /**
   * Reports whether the target has this version. `absent` means that it has none at all. The state of a target with
   * many places is `stateOfPlaces`; only one with {@link settleMs} may have places or be `changing`. One that is
   * `changing` has places.
   */
  look(version: VersionBundle, signal: AbortSignal): Promise<Look>;
  /**
   * Brings the version to the target without using it. The engine journals the receipt (an upload's ID) before
   * `activate`, and `note` does so at once. It finds what an earlier call has uploaded, so nothing exists twice.
   */
  stage(version: VersionBundle, note: Note, signal: AbortSignal): Promise<Json>;
  /**
   * Fails with `deploy/…` if the target would refuse the version, however often it is tried; changes nothing. A
   * rollback calls this before it begins.
   */
  admit?(version: VersionBundle, signal: AbortSignal): Promise<void>;
  /**
   * Makes it the version in use. Where there are many places, it tries each one that lacks the version and is not
   * `changing`, and fails only if each of these refuses: the next `look` says why one does.
   */
  activate(version: VersionBundle, staged: Json, note: Note, signal: AbortSignal): Promise<void>;
  /**
   * Makes staged versions of several lineages the versions in use, with one reload for all. Resolves with those that are
   * in use now. The engine calls `activate` for each of the others, which says why. As with `activate`, the old versions
   * of the others stay in use. Only for a target without receipts and without a `resource`.
   */
  activateTogether?(versions: readonly VersionBundle[], signal: AbortSignal): Promise<readonly VersionRef[]>;
  /**
   * Removes what only older versions need. Called once every target has the new version; a sweep repeats what failed.
   *
   * - Without a receipt, `old` is the version before the new one: it stays, because the engine may go back to it.
   * - With a receipt, which `stage` returned for it, `old` is an older version, and what the receipt names is removed.
   *   It MUST stay if anything refers to it, and MUST NOT be an error if it does not exist.
   */
  retire?(old: VersionRef, receipt: Json | undefined, signal: AbortSignal): Promise<void>;
  /**
   * Restores the target's state from before the first deployment, for `import --undo`. Another call finishes what a
   * kill left, and it does nothing where nothing was deployed.
   */
  restore?(options: Restoring, signal: AbortSignal): Promise<readonly Restored[]>;
  /**
   * Describes what the target keeps of a lineage whose certificate is being deleted, each with the way to remove it. It
   * changes nothing.
   */
  keeps?(lineage: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Returns everything at the target that carries certfleet's mark, of any owner, for `sweep --lost`. */
  owned?(signal: AbortSignal): Promise<readonly OwnedObject[]>;
  /** Removes one of these objects, if it still exists and nothing refers to it. */
  removeOwned?(object: OwnedObject, signal: AbortSignal): Promise<void>;
}

/** A certificate that is about to be ordered. */
export interface WantedRoom {
  readonly lineage: string;
  /** Its identifiers. */
  readonly names: readonly string[];
  /** Of its key, if not the usual one. */
  readonly keyType?: KeyType;
}

export interface Restoring {
  /** Resolve with what would be restored, and change nothing. */
  readonly dryRun: boolean;
  /** The names, at the target, of what stays as it is. */
  readonly except?: ReadonlySet<string>;
}

export interface Restored {
  /** A path, or another name of what was restored. */
  readonly what: string;
  /** When the restored certificate expires; undefined if there is none. RFC 3339. */
  readonly notAfter?: string;
}

export interface Look {
  /**
   * `changing`: it is rolling a change out, and takes no other. It need not be this version: the engine knows where it
   * has activated it.
   */
  readonly state: 'current' | 'changing' | 'stale' | 'absent';
  readonly detail: string;
  /** Of a target with many places, such as the domains of a CDN. */
  readonly places?: Places;
}

export interface VersionRef {
  /** The lineage's name. */
  readonly lineage: string;
  /** The version's ID, unique in its lineage and safe as a file name. */
  readonly id: string;
}

interface VersionFacts extends VersionRef {
  readonly facts: CertificateFacts;
}

export interface VersionBundle extends VersionFacts {
  readonly keyPem: Secret;
  /** Only the leaf. */
  readonly certPem: string;
  /** The rest of the chain; may be empty. */
  readonly chainPem: string;
  readonly fullchainPem: string;
  /** Fingerprints of the versions in the store: someone else may have brought one of them to the target. */
  readonly stored?: readonly string[];
  /** The receipt of an earlier `stage` of this version for the target, if there was one. */
  readonly sent?: Json;
}
