import type { LimitTexts } from '../limits/rate-limits.ts';
import type { Identifier } from '../names/identifier.ts';
import type { Json } from '../text/json.ts';
import type { AccountKeyType } from './account-key.ts';
import type { NamedConnection } from './connection.ts';
import type { KeyType } from './key-type.ts';

/** What a user may request for a certificate besides its names. Omitted settings are left to the CA or to certfleet. */
export interface Wishes {
  readonly profile?: string;
  /** Each is a duration from now (`90d`, `-1h`) or a time in RFC 3339. */
  readonly validity?: { readonly notBefore?: string; readonly notAfter?: string };
  readonly keyType?: KeyType;
  /** The next version reuses the current one's key. */
  readonly reuseKey?: boolean;
  /** The common name of an issuer in the chain to choose, if the CA offers several chains. */
  readonly preferredChain?: string;
  /** `drop`: get the certificate without the names that the CA refuses. */
  readonly onFailedName?: 'fail' | 'drop';
}

/** What is wanted of a certificate, besides its CA, its solvers and its targets. */
interface Certificate extends Wishes {
  /** The lineage's name: 1 to 100 of `[a-z0-9._-]` without a leading hyphen; a test lineage has `~staging` appended. */
  readonly name: string;
  readonly identifiers: readonly Identifier[];
  /** `host:port`, checked over TLS after a deployment. */
  readonly endpoints: readonly string[];
  readonly hooks?: Hooks;
}

/**
 * The certificate that a user asks for: one entry of `certificates:` in the configuration. It refers to its adapters by
 * name.
 */
export interface CertificateSpec extends Certificate {
  /** Names of the declared issuer, solver and deployers. */
  readonly issuer: string;
  readonly solver: string;
  /** The solvers of identifiers that use another one than `solver`, by the identifier's value. */
  readonly solvers?: Readonly<Record<string, string>>;
  readonly deploy: readonly string[];
}

/** Shell commands around orders, as in certbot. */
export interface Hooks {
  /** Runs before the order: once per run, even if several certificates have it. */
  readonly pre?: string;
  /** Runs once after all certificates of the run, even after a failure. */
  readonly post?: string;
  /** Runs for each new certificate, as a target (`core/spec/hooks.ts`). */
  readonly deploy?: string;
  /**
   * Shell lines that run before each hook, and stay if flags replace the hook: what the client from which this
   * certificate was imported ran for every certificate. A line may set the variable `s`, which becomes the exit code.
   */
  readonly first?: Pick<Hooks, HookKind>;
}

export type HookKind = 'pre' | 'post' | 'deploy';

export interface IssuerSettings {
  /** The directory URL, with short names resolved. */
  readonly directory: string;
  readonly email: readonly string[];
  readonly agreeToTerms: boolean;
  /** A PEM file with more roots to trust for the CA's own HTTPS. */
  readonly caFile?: string;
  /** Trust only the roots of `caFile`. */
  readonly onlyThisCa?: boolean;
  /** An untrusted CA (staging, Pebble, a private one): names need not be under a public suffix. */
  readonly test: boolean;
  /** The CA's directory for --staging and --dry-run, if it has one. */
  readonly testDirectory?: string;
  /** `renew` may open a new account in place of a deactivated one. */
  readonly newAccount?: boolean;
  /** The account's name (`core/spec/account.ts`). */
  readonly account?: string;
  /** External account binding (RFC 8555 §7.3.4): the CA's ID and key for a customer. */
  readonly eab?: ExternalAccount;
  /** For a new account key; ES256 by default. */
  readonly accountKey?: AccountKeyType;
  /** The CA's rate limits where they differ from the known ones, as written in the configuration. */
  readonly limits?: LimitTexts;
}

export interface ExternalAccount {
  readonly kid: string;
  /**
   * Required once. A secret: still a reference (`file:…`, `env:…`), or the key itself if the configuration contains it.
   */
  readonly hmacKey?: string;
  readonly algorithm?: 'HS256' | 'HS384' | 'HS512';
}

/** One adapter as declared: its type and options. Secrets are still references (`file:…`, `env:…`). */
export interface AdapterSettings {
  readonly type: string;
  readonly [option: string]: Json;
}

/** A validated configuration, or the defaults if there is none. */
export interface Settings {
  readonly store: AdapterSettings;
  /** The configuration declares `store`, and --store does not override it, so `renew` may create it. */
  readonly storeIsDeclared?: boolean;
  /**
   * The references to an encrypted store's keys (`file:…`, `env:…`, `credential:…`). The first one encrypts; all
   * decrypt.
   */
  readonly storeKeys?: readonly string[];
  /** A responder of this configuration reads nothing but tokens, and has the secret of the store from here. */
  readonly responderSecret?: string;
  /** The name of this node (`core/names/node-name.ts`); by default, the host name. */
  readonly node?: string;
  readonly issuers: Readonly<Record<string, IssuerSettings>>;
  readonly balancers: Readonly<Record<string, AdapterSettings>>;
  readonly solvers: Readonly<Record<string, NamedAdapter>>;
  readonly deployers: Readonly<Record<string, NamedAdapter>>;
  readonly certificates: readonly CertificateSpec[];
  /** What the store declares besides the file; undefined if that is nothing. */
  readonly inStore?: DeclaredInStore;
  /** The notifiers that alarms are sent to. */
  readonly alarms: Readonly<Record<string, NamedAdapter>>;
  readonly preflight: PreflightSettings;
  /** Where `certfleet run` answers health checks and serves metrics. */
  readonly listen?: ListenSettings;
  /** Where `certfleet run` serves pages and the API. */
  readonly pages?: PagesSettings;
  /** The URL that `certfleet run` calls while all is well, or a reference to it (`file:…`, `env:…`). */
  readonly heartbeat?: { readonly url: string; readonly everyMs: number };
  /** How long a run may take to clean up after a signal. */
  readonly shutdownBudgetMs: number;
  /** How long a lease lasts without a sign of life. */
  readonly leaseTtlMs: number;
  /** How long an endpoint may serve the old certificate before an alarm is raised. */
  readonly deployTimeoutMs: number;
  /** How long a deployment to one target may take. */
  readonly deployDeadlineMs: number;
}

/** What documents of the store declare, and the file does not. */
export interface DeclaredInStore {
  /** Those among `certificates` that are from there. */
  readonly names: ReadonlySet<string>;
  /** What is wrong with the others, by their names. They keep the settings that their lineages have. */
  readonly refused: ReadonlyMap<string, string>;
  /** The entries of the other sections. */
  readonly connections: {
    readonly used: readonly NamedConnection[];
    readonly refused: readonly (NamedConnection & { readonly why: string })[];
  };
}

export interface ListenSettings {
  /** `127.0.0.1:9110`, or `unix:/path`. */
  readonly address: string;
  /** The token for metrics by name of the certificate, or a reference to it (`file:…`, `env:…`). */
  readonly token?: string;
}

export interface PagesSettings {
  /** `127.0.0.1:8443`, or `unix:/path`. */
  readonly listen: readonly string[];
  /** Names under which people open them, besides those of loopback and of `listen`. */
  readonly hosts: readonly string[];
  /** The lineage whose current version serves HTTPS. */
  readonly certificate?: string;
  /** A proxy in front serves HTTPS, and tells the address of the client. */
  readonly behindProxy: boolean;
  /** Administrators may download private keys there. */
  readonly keyDownload?: boolean;
  /** Administrators may change there where private keys are sent. */
  readonly changeTargets?: boolean;
  readonly oidc?: OidcSettings;
}

/** An OpenID provider at which people log in. */
export interface OidcSettings {
  readonly issuer: string;
  readonly clientId: string;
  /** The secret, or a reference to it (`file:…`, `env:…`). */
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  /** Where it says what someone is. */
  readonly claim: string;
  /** The values of the claim that give each role. */
  readonly roles: Readonly<Record<'viewer' | 'operator' | 'admin', readonly string[]>>;
}

export interface PreflightSettings {
  /** `address:port` of resolvers that see what the CA sees. If empty, the machine's own are used. */
  readonly resolvers: readonly string[];
  /** The port that the CA connects to for HTTP-01 (80; Pebble uses 5002). */
  readonly http01Port: number;
  /** The port for TLS-ALPN-01, if not 443 (Pebble uses 5001). */
  readonly tlsAlpn01Port?: number;
}

export const tlsAlpn01PortOf = ({ tlsAlpn01Port }: PreflightSettings): number => tlsAlpn01Port ?? 443;

/** Everything that `renew` needs to know about a certificate, kept in its lineage. */
export interface StoredSpec extends Certificate {
  readonly issuer: NamedIssuer;
  /** Its solvers, the default one first. Each identifier is in one part. */
  readonly parts: readonly Part[];
  /** The targets, in order of delivery. */
  readonly targets: readonly NamedAdapter[];
  readonly preflight: PreflightSettings;
}

/** An adapter as configured. */
export interface NamedAdapter {
  readonly name: string;
  readonly settings: AdapterSettings;
  /** What its definition says of it, if anything. */
  readonly traits?: AdapterTraits;
  /** The adapters that its options name, so that `renew` and `sweep` need no configuration. */
  readonly uses?: readonly UsedAdapter[];
}

/** What core and the engine must know of an adapter. They know none by its type. */
export interface AdapterTraits {
  /** A person does the work of a solver: for each order, or once. */
  readonly person?: 'each order' | 'once';
  /** A solver creates nothing before the order. */
  readonly preparesNothing?: true;
  /** Proxies have the answers of a solver in their configuration. */
  readonly stateless?: true;
  /** A solver prepares a rule, which it removes with the challenges or keeps after the order. */
  readonly rule?: 'removed' | 'kept';
  /**
   * Each node has its own target. A `command` acts on the targets before it, and belongs to each node unless these all
   * belong to the whole fleet.
   */
  readonly ofNode?: 'target' | 'command';
  /** A deployer writes `live/` in this folder. */
  readonly files?: {
    readonly root: string;
    /** The folder belongs to another client. */
    readonly inPlace?: true;
    /** The certificate's name there, if it is another one. */
    readonly name?: string;
  };
}

/** The balancer of a solver or deployer, or a solver that changes some zones for another one. */
export interface UsedAdapter extends NamedAdapter {
  readonly kind: 'balancer' | 'solver';
}

/** A solver of a certificate, and the identifiers that it answers; the usual one answers those that no other part lists. */
export interface Part {
  readonly solver: NamedAdapter;
  readonly identifiers?: readonly Identifier[];
}

/**
 * The solver that presented a challenge, as declared at that time; another solver would find nothing to remove. Every
 * tombstone has a copy of about 200 bytes, so a hundred still fit in a document.
 */
export interface Presenter {
  readonly solver: NamedAdapter;
  readonly preflight: PreflightSettings;
}

/** A CA as configured. */
export interface NamedIssuer {
  readonly name: string;
  readonly settings: IssuerSettings;
}
