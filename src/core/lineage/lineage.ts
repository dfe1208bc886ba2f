import type { CertificateFacts } from '../ca/certificate-facts.ts';
import type { ChallengeType } from '../ca/challenge-type.ts';
import { fail, type RefusedName } from '../errors/errors.ts';
import type { StoredError } from '../errors/wording.ts';
import type { Presenter, StoredSpec, Wishes } from '../spec/spec.ts';
import type { Json } from '../text/json.ts';
import type { Pause } from './pause.ts';
import type { KeptPlaces } from './places.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { RevocationIntent, RevocationRecord } from './revocation.ts';
import type { SessionRef } from './session.ts';
import { faultOf } from './shape.ts';

/**
 * All certificates of one spec over time, and all their state, in one document.
 *
 * The document is also the lock (`work.lease`) and the journal (`work.challenges`). One compare-and-set changes all
 * three, so a process that has lost its lease cannot write.
 */
export interface Lineage {
  readonly schema: 1;
  readonly name: string;
  readonly origin: 'command-line' | 'configuration';
  /** The spec of the last run. A sweep needs the solver that presented a challenge, not the one declared today. */
  readonly spec: StoredSpec;
  /** Hash over the secrets of the last run; a change clears the back-off. */
  readonly credentials?: string | undefined;
  readonly current?: Version | undefined;
  /** The version that is restored after a failed deployment. It has not broken a handshake itself, if there is a choice. */
  readonly previous?: Version | undefined;
  /** IDs of versions that are no longer needed. They and their keys are deleted once every target has the current version. */
  readonly retired?: readonly string[] | undefined;
  readonly renewal?: Renewal | undefined;
  readonly failure?: Failure | undefined;
  readonly deployments: Readonly<Record<string, Deployment>>;
  readonly work?: Work | undefined;
  /** Closed challenges that are checked again, because another process may have presented them after their removal. */
  readonly tombstones?: readonly Tombstone[] | undefined;
  /** TXT records that outlive the order (dns-persist-01), the latest last. */
  readonly kept?: readonly KeptRecord[] | undefined;
  /**
   * After a rollback, `renew` neither replaces the current version nor asks the CA for a renewal time before `until`.
   */
  readonly rolledBack?: { readonly at: string; readonly until: string } | undefined;
  /** A person has paused it: until it is resumed, nothing is ordered or delivered for it without a person. */
  readonly paused?: Pause | undefined;
  /**
   * When `import --undo` gave it back to the client in this folder, which has renewed it since. certfleet no longer
   * renews it.
   */
  readonly givenBack?: GivenBack | undefined;
  /** The document was lost and rebuilt from its versions, so `spec` does not say how to renew the certificate. */
  readonly settingsLost?: true | undefined;
  /** When the private key was last exported, and where to. */
  readonly exports?: readonly ExportRecord[] | undefined;
  /** Revocations that the CA has not confirmed yet. Each is journalled before the CA is asked. */
  readonly revoking?: readonly RevocationIntent[] | undefined;
  /** How the last run ended; a process that waited for that run reports this as its own result. */
  readonly last?: LastRun | undefined;
}

export interface GivenBack {
  readonly at: string;
  readonly path: string;
}

export interface ExportRecord {
  readonly at: string;
  readonly version: string;
  readonly format: 'pem' | 'pkcs12';
  /** The path, as it was typed. */
  readonly to: string;
}

export interface Version extends Issued {
  /** Also the ID of its key: `key/<name>~<id>`, `version/<name>~<id>`. */
  readonly id: string;
  readonly facts: CertificateFacts;
  /**
   * Other people know its key, so the key must never be used again. The transition that sets this gives unfinished work
   * a new ID.
   */
  readonly compromised?: true | undefined;
  readonly revoked?: RevocationRecord | undefined;
}

/**
 * What a version was issued with. If the spec now asks for something else, the certificate is due. `keyType` is omitted
 * for P-256.
 */
export interface Issued extends Pick<Wishes, 'profile' | 'validity' | 'keyType' | 'preferredChain'> {
  readonly directory: string;
  readonly accountUrl: string;
  /**
   * The common names of the issuers in its chain, starting with the leaf's issuer. Missing in a version that was
   * imported.
   */
  readonly chain?: readonly string[] | undefined;
  /** Names of the spec that it lacks because they were refused. The next renewal requests them again. */
  readonly dropped?: readonly RefusedName[] | undefined;
  /** By this machine's clock, because CAs backdate `notBefore`. */
  readonly issuedAt: string;
}

export interface Renewal {
  /** When to renew: a random instant in the CA's window, or after a share of the lifetime. RFC 3339. */
  readonly at: string;
  readonly source: 'ari' | 'lifetime';
  /** The window from which `at` was drawn. `at` stays the same as long as the window does (RFC 9773 §4.2). */
  readonly window?: { readonly start: string; readonly end: string } | undefined;
  readonly explanationUrl?: string | undefined;
  /** When to ask the CA for its window again. */
  readonly checkAfter?: string | undefined;
}

/** What failed is kept as a code and its parameters, so that it can be told in the language of who reads it. */
export interface Failure extends StoredError {
  /**
   * Consecutive failures with this spec and these credentials; 0 if only the CA's hold and validations are remembered.
   */
  readonly count: number;
  readonly at: string;
  readonly code: string;
  /** `renew` does not try again before this time. */
  readonly retryAt: string;
  /** Until when the CA asked us to wait (Retry-After). `--force` does not override it. */
  readonly holdUntil?: string | undefined;
  /** Another try fails in the same way until the settings change or a person acts. */
  readonly needsPerson?: true | undefined;
  /** The times of the failed validations of the last hour, by identifier. */
  readonly validations?: Readonly<Record<string, readonly string[]>> | undefined;
  /** When a definite "no" of the preflight was last overridden (at most once a day, past the renewal time). */
  readonly overruledAt?: string | undefined;
  /** The URL of the account that was deactivated. With another account, the failure no longer counts. */
  readonly account?: string | undefined;
  /** The certificate was not due, and only a person asked for a new one. Such a failure is shown, but does not count. */
  readonly forced?: true | undefined;
}

/** Code and parameters, or a message, say why the target lacks the version. */
export interface Deployment extends Omit<StoredError, 'hint'> {
  /** The version that the target is to get (`intended`), has (`current`), or failed to accept (`pending`). */
  readonly version: string;
  readonly state: 'intended' | 'current' | 'pending';
  /** When it entered this state. */
  readonly since: string;
  /**
   * For a target that each node has for itself: the node whose target this is, which tried it last. What the other nodes
   * have, they find out themselves.
   */
  readonly node?: string | undefined;
  /** The deployer's settings at that time, as canonical text. After a change, the version is delivered again. */
  readonly settings?: string | undefined;
  /**
   * When `renew` may try the target again. Set after several failures, or if this version broke the target's TLS
   * handshake.
   */
  readonly retryAt?: string | undefined;
  /** Consecutive failures. */
  readonly tries?: number | undefined;
  /** For a command: the targets listed before it that lack this version. */
  readonly waitsFor?: readonly string[] | undefined;
  /** For a command: the version that each target listed before it had when the command last succeeded. */
  readonly took?: Readonly<Record<string, string>> | undefined;
  /** Until when the target may be rolling this version out without a failure. RFC 3339. */
  readonly settlesUntil?: string | undefined;
  /** Of a target with many places. Its presence means that an idle `renew` looks at them. */
  readonly places?: KeptPlaces | undefined;
  /** Of an endpoint: this version broke its handshake, and going back was put off or failed. */
  readonly broke?: true | undefined;
  /** Of an endpoint: it has served this version, and then no longer did. */
  readonly drifted?: true | undefined;
  /** An alarm has been raised for this pending state. */
  readonly alarmed?: boolean | undefined;
  /** What was sent to the target for this version, and for others until that is removed there. */
  readonly sent?: readonly Sent[] | undefined;
}

/** A version that a deployer has uploaded, and its receipt, such as the upload's ID. Receipts are unique. */
export interface Sent {
  readonly version: string;
  readonly receipt: Json;
  /** When a removal last failed. RFC 3339. */
  readonly keptAt?: string | undefined;
}

export type Step = 'lease' | 'key' | 'order' | 'challenges' | 'validate' | 'finalize' | 'deploy' | 'close';

export interface Work {
  /** Held by the process that is working on it. Without a lease, the next run resumes the work. */
  readonly lease?: Lease | undefined;
  readonly step: Step;
  /** The version being issued; its key has the same ID. Empty at step `close`, which issues nothing. */
  readonly version: string;
  readonly directory: string;
  readonly startedAt: string;
  /**
   * The intent of an order. It is in the first write of the work, before newOrder is sent; `url` is added once it is
   * known. `doubtful`: an earlier process may have sent newOrder without getting the response.
   */
  readonly order?:
    | {
        readonly url?: string | undefined;
        readonly replaces?: string | undefined;
        readonly profile?: string | undefined;
        readonly doubtful?: true | undefined;
        /**
         * Since when the CA may have issued the certificate, so that it only has to be fetched. RFC 3339. If it cannot
         * be, the next order is for another version.
         */
        readonly finalizedAt?: string | undefined;
        /**
         * The CA says that an open order, whose URL was lost, already replaces the certificate. Until this time (RFC
         * 3339), a rate limit refuses an order that replaces nothing, and so does not return the open one either.
         */
        readonly limited?: { readonly until: string; readonly detail: string } | undefined;
        /** Names that were refused, and are left out (`onFailedName: drop`). */
        readonly dropped?: readonly RefusedName[] | undefined;
      }
    | undefined;
  /**
   * Something that the solver prepared, a probe or a forward rule, may exist: created by this process (`ours`) or by an
   * earlier one (`left`). A probe is removed after the preflight, and a rule together with the challenges.
   */
  readonly probe?: 'ours' | 'left' | undefined;
  /** RFC 7638 thumbprint of the account key; a sweep needs it to compute key authorizations. */
  readonly thumbprint?: string | undefined;
  /** The account's URL, if the answer of a challenge depends on it (dns-account-01). */
  readonly accountUrl?: string | undefined;
  readonly challenges: readonly JournalledChallenge[];
  /** An order that waits for its next try while this run only delivers the current version. */
  readonly parked?: Pick<Work, 'version' | 'order'> | undefined;
  /**
   * The settings that a change by flags replaces. They are restored if the order fails while the certificate is still
   * usable.
   */
  readonly before?: SettingsBefore | undefined;
  /** Set if the work was taken over from a process that may be alive: that process's changes may still take effect. */
  readonly takenOver?: boolean | undefined;
  /** No newOrder has been sent for this lineage. If the work fails before the first one, the document is deleted. */
  readonly first?: true | undefined;
}

export type SettingsBefore = Pick<Lineage, 'spec' | 'credentials' | 'failure'>;

/** Returns the work that a later run resumes, or undefined if there is none, or only a lease (as during a sweep). */
export const unfinishedWork = (lineage: Lineage | undefined): Work | undefined =>
  lineage?.work?.step === 'close' ? undefined : lineage?.work;

/**
 * Reports whether the document is kept only for the sweep, which deletes it once everything is removed. That is the
 * case if a first `issue` failed before its order and left something that could not be removed, or if the certificate
 * was deleted while a removal may have missed something.
 */
export const isOnlyOwing = ({ work, current }: Lineage): boolean =>
  current === undefined && work?.first === true && work.step === 'close';

export interface Lease {
  readonly id: string;
  readonly holder: ProcessIdentity;
  /** The lease is free once this session of the holder is gone. One of an older version has none, and beats itself. */
  readonly session?: SessionRef | undefined;
}

/** Identified by type and identifier. */
export interface JournalledChallenge {
  readonly type: ChallengeType;
  /** As ordered: the DNS name or the IP address. */
  readonly identifier: string;
  /** dns-persist-01 has none. */
  readonly token?: string | undefined;
  readonly receipt?: Json | undefined;
}

/** A TXT record of dns-persist-01. It is journalled before it is written. */
export interface KeptRecord {
  /** As ordered. The record's name and zone may be those of an alias. */
  readonly identifier: string;
  readonly zone: string;
  readonly name: string;
  readonly value: string;
  /** The CA's directory. `account` is the URL of the account that the record permits. */
  readonly directory: string;
  readonly account: string;
  /** When the record expires. RFC 3339. */
  readonly until?: string;
  /** The record already existed, so certfleet never removes it. */
  readonly found?: true;
  /** About to be written, so it may not exist. */
  readonly intended?: true;
}

export interface Tombstone {
  readonly type: ChallengeType;
  readonly identifier: string;
  readonly token?: string | undefined;
  readonly thumbprint: string;
  readonly accountUrl?: string | undefined;
  readonly receipt?: Json | undefined;
  /** This is not a challenge, but the preflight's probe or forward rule, which could not be removed. */
  readonly probe?: true | undefined;
  /** The solver that presented it; undefined means the one of the lineage's spec. */
  readonly by?: Presenter | undefined;
  readonly closedAt: string;
  /** The next check: 0 means 1 h after `closedAt`, 1 means 24 h after, -1 means at once, because the removal failed. */
  readonly looked: -1 | 0 | 1;
  /**
   * When the service lists it at the latest. Until then, its removal may have missed it, so it is checked then, too.
   * RFC 3339.
   */
  readonly listedAt?: string | undefined;
  /** Its removal failed, and another process may still present it, so two checks follow the removal. */
  readonly late?: true | undefined;
  /** Why its removal was refused, which means that it still exists. */
  readonly refused?: { readonly code: string; readonly reason: string } | undefined;
}

/** With a code, it is told like a failure; otherwise there is a message. */
export interface LastRun extends StoredError {
  readonly at: string;
  readonly result: 'issued' | 'renewed' | 'deployed' | 'unchanged' | 'pending' | 'failed' | 'stopped';
  readonly version?: string | undefined;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export const encodeDocument = (document: object): Uint8Array => encoder.encode(JSON.stringify(document));

/**
 * The format version of the store's documents, stored in `schema`. A program refuses documents of a later format and
 * leaves them unchanged. Raise it with any change that would make an earlier program lose something.
 */
export const storeFormat = 1;

/**
 * Parses a JSON document of the store. Fails with `store/corrupt` if it is not one, lacks a required field, or has
 * another format.
 */
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
  const { schema = storeFormat } = value as { readonly schema?: unknown };
  if (schema !== storeFormat)
    throw fail('store/corrupt', {
      ...where,
      reason: `it has schema ${schema}, but this version of certfleet reads only schema ${storeFormat}`,
    });
  const missing = required.find((field) => (value as Record<string, unknown>)[field] === undefined);
  if (missing) throw fail('store/corrupt', { ...where, reason: `the field "${missing}" is missing` });
  return value as T;
}

export const decodeLineage = (bytes: Uint8Array, name: string, location: string): Lineage => {
  const where = { key: `lineage/${name}`, file: location };
  const lineage = decodeDocument<Lineage>(bytes, where, ['schema', 'name', 'origin', 'spec', 'deployments']);
  if (lineage.name !== name) throw fail('store/corrupt', { ...where, reason: `it belongs to lineage/${lineage.name}` });
  const reason = faultOf(lineage);
  if (reason !== undefined) throw fail('store/corrupt', { ...where, reason });
  return lineage;
};
