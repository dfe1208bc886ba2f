import type { CertificateFacts } from '../ca/certificate-facts.ts';
import type { ChallengeType } from '../ca/challenge-type.ts';
import { fail, type RefusedName } from '../errors/errors.ts';
import type { Presenter, StoredSpec, Wishes } from '../spec/spec.ts';
import type { Json } from '../text/json.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { RevocationIntent, RevocationRecord } from './revocation.ts';

/**
 * One spec's certificates through time, and all state about them, in one document.
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
  /** The version that a failed deployment puts back. */
  readonly previous?: Version | undefined;
  /** Ids of older versions. They and their keys are deleted once every target has the current version. */
  readonly retired?: readonly string[] | undefined;
  readonly renewal?: Renewal | undefined;
  readonly failure?: Failure | undefined;
  readonly deployments: Readonly<Record<string, Deployment>>;
  readonly work?: Work | undefined;
  /** Closed challenges that are checked again, because another process may have presented them after their removal. */
  readonly tombstones?: readonly Tombstone[] | undefined;
  /** TXT records that stay after the order (dns-persist-01), the latest last. */
  readonly kept?: readonly KeptRecord[] | undefined;
  /** After a rollback, `renew` neither replaces the current version before this time nor asks the CA when to. */
  readonly rolledBack?: { readonly at: string; readonly until: string } | undefined;
  /** When `import --undo` gave it back to the client in this folder, which has renewed it since; it is no longer renewed here. */
  readonly givenBack?: GivenBack | undefined;
  /** Its document was lost and made again from its versions, so `spec` does not tell how it is renewed. */
  readonly settingsLost?: true | undefined;
  /** When the private key was last exported, and where to. */
  readonly exports?: readonly ExportRecord[] | undefined;
  /** Revocations that the CA has not confirmed yet: each is journalled before it is asked. */
  readonly revoking?: readonly RevocationIntent[] | undefined;
  /** How the last run ended; a process that waited for it reports this as its own result. */
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
  /** Also the id of its key: `key/<name>~<id>`, `version/<name>~<id>`. */
  readonly id: string;
  readonly facts: CertificateFacts;
  /** Its key is known to others and must never be used again; a transition that sets it gives unfinished work a new id. */
  readonly compromised?: true | undefined;
  readonly revoked?: RevocationRecord | undefined;
}

/**
 * What a version was issued with; if the spec asks for something else, the certificate is due. `keyType` is that of its
 * key, and missing if that is P-256.
 */
export interface Issued extends Pick<Wishes, 'profile' | 'validity' | 'keyType' | 'preferredChain'> {
  readonly directory: string;
  readonly accountUrl: string;
  /** The common names of the issuers in its chain, from the leaf's on. Missing in a version that was imported. */
  readonly chain?: readonly string[] | undefined;
  /** Names of the spec that it lacks, because they were refused; the next renewal asks for them again. */
  readonly dropped?: readonly RefusedName[] | undefined;
  /** By this machine's clock, because CAs backdate `notBefore`. */
  readonly issuedAt: string;
}

export interface Renewal {
  /** When to renew: a random instant in the CA's window, or after a share of the lifetime. RFC 3339. */
  readonly at: string;
  readonly source: 'ari' | 'lifetime';
  /** The window that `at` was drawn from. `at` stays the same as long as the window does (RFC 9773 §4.2). */
  readonly window?: { readonly start: string; readonly end: string } | undefined;
  readonly explanationUrl?: string | undefined;
  /** When to ask the CA for its window again. */
  readonly checkAfter?: string | undefined;
}

export interface Failure {
  /** Failures in a row with this spec and these credentials; 0 if only the CA's hold and validations are remembered. */
  readonly count: number;
  readonly at: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** `renew` does nothing before this time. */
  readonly retryAt: string;
  /** Until when the CA asked us to wait (Retry-After). `--force` does not override it. */
  readonly holdUntil?: string | undefined;
  /** The times of the failed validations of the last hour, by identifier. */
  readonly validations?: Readonly<Record<string, readonly string[]>> | undefined;
  /** When a proven no of the preflight was last overridden (once a day past the renewal time). */
  readonly overruledAt?: string | undefined;
  /** The URL of the account that was deactivated. With another account, the failure no longer counts. */
  readonly account?: string | undefined;
}

export interface Deployment {
  /** The version that the target is to get (`intended`), has (`current`), or could not take (`pending`). */
  readonly version: string;
  readonly state: 'intended' | 'current' | 'pending';
  /** When it entered this state. */
  readonly since: string;
  /** The deployer's settings then, as canonical text; after a change, the version is delivered again. */
  readonly settings?: string | undefined;
  readonly message?: string | undefined;
  readonly code?: string | undefined;
  /** `renew` leaves the target alone until then: it failed several times, or this version broke its handshake. */
  readonly retryAt?: string | undefined;
  /** Failed tries in a row. */
  readonly tries?: number | undefined;
  /** For a command: the targets listed before it that lack this version. */
  readonly waitsFor?: readonly string[] | undefined;
  /** For a command: the version that each target listed before it had when the command last succeeded. */
  readonly took?: Readonly<Record<string, string>> | undefined;
  /** An alarm has been raised for this pending state. */
  readonly alarmed?: boolean | undefined;
  /** What the target was sent of this version, and of others until they are removed there. */
  readonly sent?: readonly Sent[] | undefined;
}

/** A version that a deployer has staged, and its receipt: the id of an upload. No two have the same receipt. */
export interface Sent {
  readonly version: string;
  readonly receipt: Json;
  /** When it could not be removed. RFC 3339. */
  readonly keptAt?: string | undefined;
}

export type Step = 'lease' | 'key' | 'order' | 'challenges' | 'validate' | 'finalize' | 'deploy' | 'close';

export interface Work {
  /** Held by the process that works on it; without a lease, the next run resumes the work. */
  readonly lease?: Lease | undefined;
  readonly step: Step;
  /** The version being made, whose key has the same id. Empty at step `close`, which makes none. */
  readonly version: string;
  readonly directory: string;
  readonly startedAt: string;
  /**
   * The intent of an order, in the first write of the work and so before newOrder is sent; `url` once it is known.
   * `doubtful`: an earlier process may have sent newOrder without getting the answer.
   */
  readonly order?:
    | {
        readonly url?: string | undefined;
        readonly replaces?: string | undefined;
        readonly profile?: string | undefined;
        readonly doubtful?: true | undefined;
        /** Names that were refused, and are left out (`onFailedName: drop`). */
        readonly dropped?: readonly RefusedName[] | undefined;
      }
    | undefined;
  /**
   * What the solver prepared may exist, a probe or a forward rule: `ours`, made by this process; `left`, by an earlier one.
   * A probe is removed after the preflight, and a rule with the challenges.
   */
  readonly probe?: 'ours' | 'left' | undefined;
  /** RFC 7638 thumbprint of the account key; a sweep needs it to compute key authorizations. */
  readonly thumbprint?: string | undefined;
  /** The account's URL, if a challenge is of a type whose answer depends on it (dns-account-01). */
  readonly accountUrl?: string | undefined;
  readonly challenges: readonly JournalledChallenge[];
  /** An order that waits for its next try while this run only delivers the current version. */
  readonly parked?: Pick<Work, 'version' | 'order'> | undefined;
  /** What a change by flags replaces. It comes back if the order fails while the certificate is still usable. */
  readonly before?: SettingsBefore | undefined;
  /** Taken over from a process that may be alive: its changes may still take effect. */
  readonly takenOver?: boolean | undefined;
  /** No newOrder has been sent for this lineage. If it fails before the first one, the document is deleted. */
  readonly first?: true | undefined;
}

export type SettingsBefore = Pick<Lineage, 'spec' | 'credentials' | 'failure'>;

/** The work that a later run resumes; undefined if there is none, or only a lease (a sweep takes one). */
export const unfinishedWork = (lineage: Lineage | undefined): Work | undefined =>
  lineage?.work?.step === 'close' ? undefined : lineage?.work;

/**
 * Whether a first `issue` failed before its order and left something that could not be removed, or the certificate was
 * deleted while a removal may have missed something. The document is kept only for the sweep, which deletes it once all is
 * removed.
 */
export const isOnlyOwing = ({ work, current }: Lineage): boolean =>
  current === undefined && work?.first === true && work.step === 'close';

export interface Lease {
  readonly id: string;
  readonly holder: ProcessIdentity;
  /** Counts signs of life; each gives the document a new revision. */
  readonly beat: number;
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
  /** As ordered; the names of the record and its zone may be those of an alias. */
  readonly identifier: string;
  readonly zone: string;
  readonly name: string;
  readonly value: string;
  /** The CA's directory, and the URL of the account that the record permits. */
  readonly directory: string;
  readonly account: string;
  /** When it ends by itself. RFC 3339. */
  readonly until?: string;
  /** It was there before, so certfleet never removes it. */
  readonly found?: true;
  /** About to be written: it may not be there. */
  readonly intended?: true;
}

export interface Tombstone {
  readonly type: ChallengeType;
  readonly identifier: string;
  readonly token?: string | undefined;
  readonly thumbprint: string;
  readonly accountUrl?: string | undefined;
  readonly receipt?: Json | undefined;
  /** Not a challenge, but the probe or forward rule of the preflight, which could not be removed. */
  readonly probe?: true | undefined;
  /** The solver that presented it; undefined means the one of the lineage's spec. */
  readonly by?: Presenter | undefined;
  readonly closedAt: string;
  /** Next check: 0 means 1 h after `closedAt`, 1 means 24 h after, -1 means at once, because the removal failed. */
  readonly looked: -1 | 0 | 1;
  /** When the service lists it at the latest; until then, its removal may have missed it. Checked then, too. RFC 3339. */
  readonly listedAt?: string | undefined;
  /** Its removal failed, and another process may still present it: two checks follow after the removal. */
  readonly late?: true | undefined;
  /** Why its removal was refused: it is certainly still there. */
  readonly refused?: { readonly code: string; readonly reason: string } | undefined;
}

export interface LastRun {
  readonly at: string;
  readonly result: 'issued' | 'renewed' | 'deployed' | 'unchanged' | 'pending' | 'failed' | 'stopped';
  readonly version?: string | undefined;
  readonly code?: string | undefined;
  readonly message: string;
  readonly hint?: string | undefined;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export const encodeDocument = (document: object): Uint8Array => encoder.encode(JSON.stringify(document));

/**
 * The format of the store's documents, which they have in `schema`. A program refuses the documents of a later one, and
 * leaves them as they are. It is raised by any change that would make an earlier program lose something.
 */
export const storeFormat = 1;

/**
 * Reads a JSON document of the store. Fails with `store/corrupt` if it is not one, lacks a required field, or has another
 * format.
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
      reason: `its schema is ${schema}, but this version of certfleet reads only ${storeFormat}`,
    });
  const missing = required.find((field) => (value as Record<string, unknown>)[field] === undefined);
  if (missing) throw fail('store/corrupt', { ...where, reason: `the field "${missing}" is missing` });
  return value as T;
}

export const decodeLineage = (bytes: Uint8Array, name: string, location: string): Lineage => {
  const where = { key: `lineage/${name}`, file: location };
  const lineage = decodeDocument<Lineage>(bytes, where, ['schema', 'name', 'origin', 'spec', 'deployments']);
  if (lineage.name !== name) throw fail('store/corrupt', { ...where, reason: `it belongs to lineage/${lineage.name}` });
  return lineage;
};
