import type { Identifier } from './identifier.ts';
import type { Json } from './json.ts';

/** What the user wants: one entry of `certificates:` in the configuration, or one `issue` command. */
export interface CertificateSpec {
  /** The lineage's name: `[a-z0-9._-]{1,100}`, no hyphen in front, `~staging` appended for a test lineage. */
  readonly name: string;
  readonly identifiers: readonly Identifier[];
  /** Names of the declared issuer, solver and deployers. */
  readonly issuer: string;
  readonly solver: string;
  readonly deploy: readonly string[];
  /** `host:port`, asked over TLS after a deployment. */
  readonly endpoints: readonly string[];
  readonly profile?: string;
}

export interface IssuerSettings {
  /** The directory URL (short names are already resolved). */
  readonly directory: string;
  readonly email: readonly string[];
  readonly agreeToTerms: boolean;
  /** PEM file with the roots of a private CA's own HTTPS. */
  readonly caFile?: string;
  /** A CA whose certificates nobody trusts: staging, Pebble, a private one. Public-suffix rules do not apply. */
  readonly test: boolean;
  /** Directory to use with --staging and --dry-run, where the CA has one. */
  readonly testDirectory?: string;
  /** `renew` may open a new account by itself in the place of a deactivated one. */
  readonly newAccount?: boolean;
}

/** One adapter as declared: its type and its options, secrets still as references (`file:…`, `env:…`). */
export interface AdapterSettings {
  readonly type: string;
  readonly [option: string]: Json;
}

/** A whole validated configuration; also what flags alone make. */
export interface Settings {
  readonly store: AdapterSettings;
  /** `store` stands in the configuration: it is neither the default nor typed, so `renew` may make it. */
  readonly storeIsDeclared?: boolean;
  readonly issuers: Readonly<Record<string, IssuerSettings>>;
  readonly solvers: Readonly<Record<string, AdapterSettings>>;
  readonly deployers: Readonly<Record<string, AdapterSettings>>;
  readonly certificates: readonly CertificateSpec[];
  readonly preflight: PreflightSettings;
  /** How long a signal may take to clean up. */
  readonly shutdownBudgetMs: number;
  /** How long a lease is believed without a sign of life. */
  readonly leaseTtlMs: number;
  /** How long an endpoint may go on serving the old certificate before it is an alarm. */
  readonly deployTimeoutMs: number;
  /** How long one target may take to be deployed to. */
  readonly deployDeadlineMs: number;
}

export interface PreflightSettings {
  /** `address:port` of resolvers that see what the CA sees; the machine's own where empty. */
  readonly resolvers: readonly string[];
  /** The port the CA will ask for HTTP-01 (80; Pebble 5002). */
  readonly http01Port: number;
}

/** Everything a later `renew` needs of a certificate that was issued by flags alone; kept in its lineage. */
export interface StoredSpec {
  readonly spec: CertificateSpec;
  readonly issuer: IssuerSettings;
  readonly solver: AdapterSettings;
  readonly deployers: Readonly<Record<string, AdapterSettings>>;
  readonly preflight: PreflightSettings;
}
