import type { Secret } from '../errors/secret.ts';
import type { KeyType } from '../spec/key-type.ts';
import type { AdapterSettings, CertificateSpec, IssuerSettings, PreflightSettings, Wishes } from '../spec/spec.ts';

/** What another ACME client has, as an importer (`src/import/`) has read it. Nothing is stored yet. */
export interface Found {
  readonly accounts: readonly FoundAccount[];
  readonly certificates: readonly (FoundCertificate | Unusable)[];
  /** What concerns no single certificate. */
  readonly remarks: readonly Remark[];
}

export interface FoundAccount {
  readonly directory: string;
  /** Its name in the store: the other client's id of it. */
  readonly name: string;
  readonly keyPem: Secret;
  readonly url?: string;
  /** Addresses without `mailto:`. */
  readonly contacts: readonly string[];
  /** The file or folder that it was read from. */
  readonly from: string;
}

export interface FoundCertificate {
  /** As the other client calls it. */
  readonly name: string;
  readonly from: string;
  readonly keyPem: Secret;
  /** The certificate first. */
  readonly chainPem: string;
  readonly settings: FoundSettings;
  readonly remarks: readonly Remark[];
  /** The kind of key that the other client would make next. */
  readonly nextKeyType?: KeyType;
  /** How long before its end the other client would renew it, if that is not certfleet's own time. */
  readonly renewBeforeMs?: number;
  /** The other client renews it at a share of its lifetime as certfleet does, if that comes first. */
  readonly renewsByLifetime?: true;
}

/** How a certificate is to be renewed. Its identifiers are those of the certificate. */
export interface FoundSettings {
  /** By name, `account` included. */
  readonly issuer: { readonly name: string; readonly settings: IssuerSettings };
  /** Those of identifiers that have another one than `solver`, by the identifier's value. */
  readonly solverOf: Readonly<Record<string, string>>;
  readonly solver: string;
  readonly solvers: Readonly<Record<string, AdapterSettings>>;
  /** In the order of delivery. */
  readonly deployers: Readonly<Record<string, AdapterSettings>>;
  readonly wishes: Wishes & Pick<CertificateSpec, 'hooks'>;
  readonly preflight: PreflightSettings;
}

/** A certificate that cannot be taken over. */
export interface Unusable {
  readonly name: string;
  readonly from: string;
  readonly reason: string;
  /** The other client does not renew it, so nothing is wrong. */
  readonly isLeft?: true;
}

/** One line of the report about a setting. */
export interface Remark {
  /**
   * `kept`: works as before; `changed`: works, but differently; `dropped`: was not taken over; `missing`: without it, the
   * certificate cannot be renewed.
   */
  readonly kind: 'kept' | 'changed' | 'dropped' | 'missing';
  readonly text: string;
}

/** What became of a certificate. */
export interface Adopted {
  /** The name in the store; the other client's if it was not taken over. */
  readonly certificate: string;
  readonly from: string;
  /**
   * `imported`; `updated`: the store had an older version; `unchanged`: the store has this version, or a newer one;
   * `joined`: so it does, but it gets more targets, or is renewed again; `merged`: another certificate has the same names;
   * `left`: the other client does not renew it; `failed`.
   */
  readonly result: 'imported' | 'updated' | 'unchanged' | 'joined' | 'merged' | 'left' | 'failed';
  /** Why, unless it was imported. */
  readonly reason?: string;
  readonly renamedFrom?: string;
  readonly notAfter?: string;
  readonly renewAt?: string;
  readonly remarks: readonly Remark[];
}

export interface AdoptedAccount {
  readonly directory: string;
  readonly name: string;
  readonly from: string;
  /** Undefined if certificates have no such keys. */
  readonly keyType?: KeyType;
  readonly result: 'imported' | 'unchanged' | 'failed';
  readonly reason?: string;
}

export interface Adoption {
  readonly accounts: readonly AdoptedAccount[];
  readonly certificates: readonly Adopted[];
  /** How many certificates were left because the run was stopped; the next import takes them over. */
  readonly remaining?: number;
}

/** What became of a certificate when an import was undone. */
export interface Undone {
  readonly certificate: string;
  /** `kept`: the store keeps it, because the other client’s folder does not have its keys; it is no longer renewed. */
  readonly result: 'deleted' | 'kept' | 'failed';
  /** Why, unless it was deleted. */
  readonly reason?: string;
  /** What to do if it failed. */
  readonly hint?: string;
  /** What it has in the outside world and could not be removed, such as a TXT record. */
  readonly left?: readonly string[];
}

export interface UndoneImport {
  /** By name. If one failed beforehand, only those that failed. */
  readonly certificates: readonly Undone[];
  /** What is again as it was before, without what belongs to those that failed; undefined if nothing was touched. */
  readonly restored?: readonly RestoredFiles[];
}

export interface RestoredFiles {
  readonly what: string;
  /** Since when the certificate has been expired that is there now. RFC 3339. */
  readonly expired?: string;
}
