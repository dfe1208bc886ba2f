import type { Secret } from '../errors/secret.ts';
import type { KeyType } from '../spec/key-type.ts';
import type { AdapterSettings, CertificateSpec, IssuerSettings, PreflightSettings, Wishes } from '../spec/spec.ts';

/**
 * The accounts and certificates of another ACME client, as read by an importer (`src/migrate/`). Nothing is stored yet.
 */
export interface Found {
  readonly accounts: readonly FoundAccount[];
  readonly certificates: readonly (FoundCertificate | Unusable)[];
  /** Remarks that concern no single certificate. */
  readonly remarks: readonly Remark[];
}

export interface FoundAccount {
  readonly directory: string;
  /** Its name in the store: the other client's ID for it. */
  readonly name: string;
  readonly keyPem: Secret;
  readonly url?: string;
  /** Addresses without `mailto:`. */
  readonly contacts: readonly string[];
  /** The file or folder from which it was read. */
  readonly from: string;
}

export interface FoundCertificate {
  /** The other client's name for it. */
  readonly name: string;
  readonly from: string;
  readonly keyPem: Secret;
  /** Starts with the certificate itself. */
  readonly chainPem: string;
  readonly settings: FoundSettings;
  readonly remarks: readonly Remark[];
  /** The type of key that the other client would generate next. */
  readonly nextKeyType?: KeyType;
  /** How long before expiry the other client would renew it, if that differs from certfleet's own time. */
  readonly renewBeforeMs?: number;
  /** Like certfleet, the other client renews it after a share of its lifetime, if that comes first. */
  readonly renewsByLifetime?: true;
}

/** How a certificate is to be renewed. Its identifiers are read from the certificate. */
export interface FoundSettings {
  /** By name, `account` included. */
  readonly issuer: { readonly name: string; readonly settings: IssuerSettings };
  /** The solvers of identifiers that use another one than `solver`, by the identifier's value. */
  readonly solverOf: Readonly<Record<string, string>>;
  readonly solver: string;
  readonly solvers: Readonly<Record<string, AdapterSettings>>;
  /** Those that write to where it has the files. */
  readonly deployers: Readonly<Record<string, AdapterSettings>>;
  readonly wishes: Wishes & Pick<CertificateSpec, 'hooks'>;
  readonly preflight: PreflightSettings;
}

/** A certificate that cannot be taken over. */
export interface Unusable {
  readonly name: string;
  readonly from: string;
  readonly reason: string;
  /** Set if the other client does not renew it, so nothing is wrong. */
  readonly isLeft?: true;
}

/** One line of the report about a setting. */
export interface Remark {
  /**
   * `kept`: works as before; `changed`: works, but differently; `dropped`: was not taken over; `missing`: the
   * certificate cannot be renewed without it.
   */
  readonly kind: 'kept' | 'changed' | 'dropped' | 'missing';
  readonly text: string;
}

/** What became of a certificate. */
export interface Adopted {
  /** The name in the store, or the other client's name if it was not taken over. */
  readonly certificate: string;
  readonly from: string;
  /**
   * `imported`; `updated`: the store had an older version; `unchanged`: the store has this version or a newer one;
   * `joined`: like `unchanged`, but the certificate gets more targets, or is renewed again; `merged`: another
   * certificate has the same names; `left`: the other client does not renew it; `failed`.
   */
  readonly result: 'imported' | 'updated' | 'unchanged' | 'joined' | 'merged' | 'left' | 'failed';
  /** Set unless it was imported. */
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
  /** Undefined for a key type that certificates cannot have. */
  readonly keyType?: KeyType;
  readonly result: 'imported' | 'unchanged' | 'failed';
  readonly reason?: string;
}

export interface Adoption {
  readonly accounts: readonly AdoptedAccount[];
  readonly certificates: readonly Adopted[];
  /** How many certificates were skipped because the run was stopped; the next import takes them over. */
  readonly remaining?: number;
}

/** The outcome for a certificate when an import was undone. */
export interface Undone {
  readonly certificate: string;
  /** `kept`: the store keeps it but no longer renews it, because the other client's folder does not have its keys. */
  readonly result: 'deleted' | 'kept' | 'failed';
  /** Set unless it was deleted. */
  readonly reason?: string;
  /** What to do if it failed. */
  readonly hint?: string;
  /** What could not be removed from the outside world, such as a TXT record. */
  readonly left?: readonly string[];
}

export interface UndoneImport {
  /** By name. If any failed the checks beforehand, only those. */
  readonly certificates: readonly Undone[];
  /** What was restored, without the files of certificates that failed; undefined if nothing was touched. */
  readonly restored?: readonly RestoredFiles[];
}

export interface RestoredFiles {
  readonly what: string;
  /** Since when the restored certificate has been expired. RFC 3339. */
  readonly expired?: string;
}
