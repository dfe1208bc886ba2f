import type { CertificateFacts } from './certificate-facts.ts';
import type { ChallengeType } from './challenge-type.ts';
import { fail } from './errors.ts';
import type { Json } from './json.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { AdapterSettings, PreflightSettings, StoredSpec } from './spec.ts';

/**
 * One spec's certificates through time: the whole state of one certificate in one document (house.md §6).
 *
 * The document is also the lock (`work.lease`) and the journal (`work.challenges`): what protects and what is
 * protected change in the same compare-and-set, so that a process which lost its lease cannot write.
 */
export interface Lineage {
  readonly schema: 1;
  readonly name: string;
  readonly origin: 'command-line' | 'configuration';
  /** As it was when it was last worked on: a sweep needs the solver that presented, not the one declared today. */
  readonly spec: StoredSpec;
  /** Hash over the secrets used last; a change clears the back-off. */
  readonly credentials?: string;
  readonly current?: Version;
  /** What a deployment goes back to. */
  readonly previous?: Version;
  /** Ids of versions older than that: they leave the store, with their keys, once every target has the current one. */
  readonly retired?: readonly string[];
  readonly renewal?: Renewal;
  readonly failure?: Failure;
  readonly deployments: Readonly<Record<string, Deployment>>;
  readonly work?: Work;
  /** Challenges whose removal is looked at again: another process may have presented them after they were removed. */
  readonly tombstones?: readonly Tombstone[];
  /** How the last run ended, for a process that waited for it. */
  readonly last?: LastRun;
}

export interface Version {
  /** Also the id of its key: `key/<name>~<id>`, `version/<name>~<id>`. */
  readonly id: string;
  readonly facts: CertificateFacts;
  /** Directory and profile it came from: another one makes it due. */
  readonly directory: string;
  readonly profile?: string;
  readonly accountUrl: string;
  /** By this machine's clock; CAs date `notBefore` back. Missing in versions of before it was kept. */
  readonly issuedAt?: string;
}

export interface Renewal {
  /** When it is renewed: a random instant of the CA's window, or a share of the lifetime. RFC 3339. */
  readonly at: string;
  readonly source: 'ari' | 'lifetime';
  /** The window that `at` was drawn from; while it stays the same, so does `at` (RFC 9773 §4.2). */
  readonly window?: { readonly start: string; readonly end: string };
  readonly explanationUrl?: string;
  /** When the CA is asked for its window again. */
  readonly checkAfter?: string;
}

export interface Failure {
  /** In a row, for this spec and these credentials; 0 where only what the CA wants is remembered from before. */
  readonly count: number;
  readonly at: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** `renew` does nothing before. */
  readonly retryAt: string;
  /** The CA's own Retry-After: holds for everybody, `--force` too. */
  readonly holdUntil?: string;
  /** Failed validations of the last hour, by identifier: when each happened. */
  readonly validations?: Readonly<Record<string, readonly string[]>>;
  /** When a proven no of the preflight was last tried against the CA all the same (once a day past the renewal time). */
  readonly overruledAt?: string;
}

export interface Deployment {
  /** The version that the target is meant to have (`intended`), has (`current`), or kept (`pending`). */
  readonly version: string;
  readonly state: 'intended' | 'current' | 'pending';
  /** Since when it is in this state. */
  readonly since: string;
  /** What the deployer was told to do then, as canonical text: with other settings it is to be delivered again. */
  readonly settings?: string;
  readonly message?: string;
  readonly code?: string;
  /** `renew` leaves the target alone before this time: it failed several times, or this version broke its handshake. */
  readonly retryAt?: string;
  /** How many tries in a row have failed since it was late (`deployTimeout`). */
  readonly tries?: number;
  /** Of a command: the targets listed before it that lack this version. */
  readonly waitsFor?: readonly string[];
  /** Of a command: the version that each target listed before it had when the command last ran with success. */
  readonly took?: Readonly<Record<string, string>>;
  /** An alarm was raised for this pending state. */
  readonly alarmed?: boolean;
}

export type Step = 'lease' | 'key' | 'order' | 'challenges' | 'validate' | 'finalize' | 'deploy' | 'close';

export interface Work {
  /** Who works on it; undefined: nobody, the work is to be resumed. */
  readonly lease?: Lease;
  readonly step: Step;
  /** The version being made; its key is stored under this id. Empty at step `close`, which makes none. */
  readonly version: string;
  readonly directory: string;
  readonly startedAt: string;
  /**
   * The intent of the order: set by the first write of the work, before newOrder can be sent; `url` once it is known.
   * `doubtful`: an earlier process may have sent it without getting the answer.
   */
  readonly order?: {
    readonly url?: string;
    readonly replaces?: string;
    readonly profile?: string;
    readonly doubtful?: true;
  };
  /** The solver's probe may be in the world: this process's, or one that an earlier process left. */
  readonly probe?: 'ours' | 'left';
  /** RFC 7638 thumbprint of the account key, so that a sweep can rebuild a key authorization. */
  readonly thumbprint?: string;
  readonly challenges: readonly JournalledChallenge[];
  /** An order that waits for its next try while a target gets the current version. */
  readonly parked?: Pick<Work, 'version' | 'order'>;
  /** Another process began it, and is not known to be dead: its changes may still take effect. */
  readonly takenOver?: boolean;
  /** The lineage has never had an order: a failure before the first one leaves no document behind. */
  readonly first?: true;
}

/**
 * The work that a later run goes on with. Where only the lease was wanted (a sweep, a loser that gives way) there is
 * none, and no version either.
 */
export const unfinishedWork = (lineage: Lineage | undefined): Work | undefined =>
  lineage?.work?.step === 'close' ? undefined : lineage?.work;

export interface Lease {
  readonly id: string;
  readonly holder: ProcessIdentity;
  /** Grows with each sign of life, so that the document's revision moves. */
  readonly beat: number;
}

export interface JournalledChallenge {
  readonly type: ChallengeType;
  /** As ordered: `dns` value or IP text. */
  readonly identifier: string;
  readonly token: string;
  readonly receipt?: Json;
}

/**
 * A solver as it was declared when it presented. Another one finds nothing to remove, and calls that a success. Each
 * tombstone has its own: some 200 bytes, which a hundred of them can spare (document-limits.ts).
 */
export interface Presenter {
  readonly name: string;
  readonly solver: AdapterSettings;
  readonly preflight: PreflightSettings;
}

export interface Tombstone {
  readonly type: ChallengeType;
  readonly identifier: string;
  readonly token: string;
  readonly thumbprint: string;
  readonly receipt?: Json;
  /** What presented it; undefined: the solver of the lineage's spec. */
  readonly by?: Presenter;
  readonly closedAt: string;
  /** 0: to be looked at 1 h after `closedAt`; 1: after 24 h; -1: its removal failed, look at once. */
  readonly looked: -1 | 0 | 1;
}

export interface LastRun {
  readonly at: string;
  readonly result: 'issued' | 'renewed' | 'deployed' | 'unchanged' | 'pending' | 'failed' | 'stopped';
  readonly version?: string;
  readonly code?: string;
  readonly message: string;
  readonly hint?: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export const encodeDocument = (document: object): Uint8Array => encoder.encode(JSON.stringify(document));

/** Reads a JSON document of the store; fails with `store/corrupt` when it is none or lacks what it must have. */
export function decodeDocument<T extends object>(
  bytes: Uint8Array,
  where: { readonly key: string; readonly file: string },
  required: readonly (keyof T & string)[],
): T {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw fail('store/corrupt', { ...where, reason: 'it is not JSON' }, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw fail('store/corrupt', { ...where, reason: 'it is not a JSON object' });
  const missing = required.find((field) => (value as Record<string, unknown>)[field] === undefined);
  if (missing) throw fail('store/corrupt', { ...where, reason: `the field "${missing}" is missing` });
  return value as T;
}

export const decodeLineage = (bytes: Uint8Array, name: string, location: string): Lineage => {
  const where = { key: `lineage/${name}`, file: location };
  const lineage = decodeDocument<Lineage>(bytes, where, ['schema', 'name', 'origin', 'spec', 'deployments']);
  if (lineage.schema !== 1)
    throw fail('store/corrupt', { ...where, reason: `its schema is ${lineage.schema}; this certfleet reads 1` });
  return lineage;
};
