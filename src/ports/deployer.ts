import type { Json } from '../core/json.ts';
import type { Secret } from '../core/secret.ts';
import type { CertificateFacts } from './pki.ts';
import type { Note } from './solver.ts';

/**
 * Carries a version to a target. What clients of the target really see is looked at by the engine, never here.
 *
 * - Every method MUST be repeatable: after a crash, and by `renew` while the target is pending.
 * - `activate`: on failure the old version MUST stay in use, on disk too; the error is `deploy/…`.
 * - Going back is deploying the version before: `stage` and `activate` of it.
 */
export interface Deployer {
  /** `files`, `nginx`… */
  readonly type: string;
  /** `node`: each node has its own target and state; `fleet`: one target for all. */
  readonly scope: 'node' | 'fleet';
  /**
   * Versions of different lineages do not disturb each other there. Else one is deployed at a time: reloads and
   * transactions on an admin socket would.
   */
  readonly concurrent?: true;
  /**
   * It carries nothing that clients meet, but acts on what other targets have: it runs after the targets listed before
   * it were tried, whenever one of them has taken a version since it last ran with success.
   */
  readonly runsAfter?: true;
  /** Whether the target has this version. `absent` also where it has never had one. */
  look(version: VersionBundle, signal: AbortSignal): Promise<Look>;
  /** Brings the version there without anyone using it. */
  stage(version: VersionBundle, note: Note, signal: AbortSignal): Promise<Json>;
  /** Makes it the one in use. */
  activate(version: VersionBundle, staged: Json, note: Note, signal: AbortSignal): Promise<void>;
  /** Removes what only an older version needed; called after the new one was seen in use. */
  retire?(old: VersionRef, signal: AbortSignal): Promise<void>;
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
}
