import type { Secret } from '../core/errors/secret.ts';
import type { LimitId } from '../core/limits/rate-limits.ts';
import type { Identifier } from '../core/names/identifier.ts';

/**
 * A certificate authority with ACME (RFC 8555). The engine sees objects, never a JWS, a nonce or a URL scheme.
 *
 * Errors of every method: `acme/problem`, `acme/rate-limited` (with `retryAt`), `acme/paused`, `acme/busy` (5xx or no
 * problem document; with `retryAt` if it had a Retry-After), `acme/unreachable` (no response, so the request may have
 * taken effect), `acme/malformed-answer`. `error.problem` is the whole {@link Problem}.
 *
 * The implementation retries badNonce (at most 25 times), and reading requests (GET, POST-as-GET) that got no response
 * or a 5xx without Retry-After, at most twice. It sends requests that change something only once.
 */
export interface Issuer {
  /** The configured name. */
  readonly name: string;
  readonly directoryUrl: string;
  /**
   * Returns the directory, which is fetched once a day. Also fails with `acme/directory-unreachable`,
   * `acme/certificate-dates`, `acme/not-a-directory`.
   */
  directory(signal: AbortSignal): Promise<Directory>;
  /**
   * Sends newAccount (RFC 8555 §7.3): creates or finds this key's account. `onlyExisting` never creates one. Also fails
   * with `acme/external-account-required` and `acme/external-account-refused`.
   */
  openAccount(request: AccountRequest, signal: AbortSignal): Promise<AccountInfo>;
  /** Returns the same CA with one account. */
  as(account: { readonly keyPem: Secret; readonly url: string }): AccountIssuer;
  /** {@link AccountIssuer.revoke}, signed with the certificate's own key: no account is needed. */
  revokeWithKey(keyPem: Secret, request: Revocation, signal: AbortSignal): Promise<Revoked>;
  /**
   * Returns the renewal window (RFC 9773 §4.2), or undefined if the CA has no renewalInfo. Fails with
   * `acme/malformed-answer` if it is unusable.
   */
  renewalInfo(ariId: string, signal: AbortSignal): Promise<RenewalInfo | undefined>;
}

export interface AccountIssuer {
  readonly accountUrl: string;
  /** RFC 7638 thumbprint of the account key: the second half of every key authorization (§8.1). */
  readonly thumbprint: string;
  newOrder(request: OrderRequest, signal: AbortSignal): Promise<Order>;
  order(url: string, signal: AbortSignal): Promise<Order>;
  authorization(url: string, signal: AbortSignal): Promise<Authorization>;
  /** Tells the CA that the challenge is ready (§7.5.1). The response may say when to poll (§8.2). */
  accept(challengeUrl: string, signal: AbortSignal): Promise<{ readonly retryAfterMs?: number }>;
  finalize(order: Order, csrDer: Uint8Array, signal: AbortSignal): Promise<Order>;
  /** Downloads the certificate with the CA's default chain, and the URLs of other chains (§7.4.2). */
  download(order: Order, signal: AbortSignal): Promise<Download>;
  /** Downloads the same certificate with another chain. */
  downloadAlternate(url: string, signal: AbortSignal): Promise<string>;
  /** Revokes a certificate (§7.6). Also fails with `acme/cannot`. */
  revoke(request: Revocation, signal: AbortSignal): Promise<Revoked>;
  /** Gives up an authorization (§7.5.2), so that the CA does not reuse it. */
  deactivateAuthorization(url: string, signal: AbortSignal): Promise<void>;
  /** Replaces the account's contacts (§7.3.2). Returns those that the CA keeps: Let's Encrypt keeps none. */
  updateContacts(contacts: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Replaces the account's key (§7.3.5); the URL stays. After a lost response, only a check of which key the CA knows
   * ({@link Issuer.openAccount} with `onlyExisting`) shows whether the request took effect. Also fails with
   * `acme/cannot`.
   */
  rollover(newKeyPem: Secret, signal: AbortSignal): Promise<void>;
  /** Deactivates the account for ever (§7.3.6). Its certificates stay valid. */
  deactivate(signal: AbortSignal): Promise<void>;
}

export interface Directory {
  readonly termsOfService: string | undefined;
  readonly externalAccountRequired: boolean;
  readonly caaIdentities: readonly string[];
  /** For dns-persist-01 (from draft 02 on); undefined if there is none, or the list is malformed. */
  readonly issuerDomainNames?: readonly string[] | undefined;
  /** Only for a CA whose dns-persist-01 records have a hash in place of the account's URL (from draft 02 on). */
  readonly accountHashPrefix?: string | undefined;
  readonly hasRenewalInfo: boolean;
  /** Whether the CA can replace an account's key. */
  readonly hasKeyChange: boolean;
  readonly profiles: Readonly<Record<string, string>>;
  /** How far this machine's clock was ahead of the CA's last Date header, in ms; undefined without one. */
  readonly clockSkewMs: number | undefined;
}

export interface Revocation {
  readonly certificatePem: string;
  /** RFC 5280 §5.3.1; Let's Encrypt accepts 0, 1, 4 and 5. */
  readonly reason?: number;
}

/** `before`: the certificate had already been revoked. */
export type Revoked = 'now' | 'before';

export interface AccountRequest {
  readonly keyPem: Secret;
  /** External account binding (§7.3.4). */
  readonly externalAccount?: ExternalAccount;
  readonly contacts: readonly string[];
  readonly agreeToTerms: boolean;
  readonly onlyExisting?: boolean;
}

/** A CA's credentials for a customer, to which accounts are bound. */
export interface ExternalAccount {
  readonly kid: string;
  /** As issued by the CA: base64url, or base64. */
  readonly hmacKey: Secret;
  readonly algorithm: 'HS256' | 'HS384' | 'HS512';
}

export interface AccountInfo {
  readonly url: string;
  readonly status: 'valid' | 'deactivated' | 'revoked';
  readonly contacts: readonly string[];
}

export interface OrderRequest {
  readonly identifiers: readonly Identifier[];
  /** The ARI ID of the certificate that this one replaces (RFC 9773 §5). */
  readonly replaces?: string;
  readonly profile?: string;
  /** RFC 3339. */
  readonly notBefore?: string;
  readonly notAfter?: string;
}

/** When the CA wants to be polled again, in ms from now, if it said so. */
interface Polled {
  readonly retryAfterMs: number | undefined;
}

export interface Order extends Polled {
  readonly url: string;
  readonly status: 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';
  readonly identifiers: readonly Identifier[];
  readonly authorizationUrls: readonly string[];
  readonly finalizeUrl: string;
  readonly certificateUrl: string | undefined;
  readonly expires: string | undefined;
  readonly error: Problem | undefined;
}

export interface Download {
  /** As served: PEM, leaf first. */
  readonly chainPem: string;
  /** The URLs of other chains. */
  readonly alternates: readonly string[];
}

export interface Authorization extends Polled {
  readonly url: string;
  readonly status: 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired' | 'revoked';
  /** As ordered: with `*.` for a wildcard. */
  readonly identifier: Identifier;
  readonly challenges: readonly AcmeChallenge[];
}

export interface AcmeChallenge {
  /** Any string: unknown types are listed, not refused. */
  readonly type: string;
  readonly url: string;
  readonly status: 'pending' | 'processing' | 'valid' | 'invalid';
  /** Checked to be base64url; undefined if the type has none (dns-persist-01). */
  readonly token: string | undefined;
  /** For dns-persist-01, if the challenge is well-formed. */
  readonly persist?: {
    readonly issuerDomainNames: readonly string[];
    /** The account that ordered, from draft 01 on. */
    readonly accountUri?: string;
  };
  readonly error: Problem | undefined;
}

/** A problem document (RFC 7807, RFC 8555 §6.7). */
export interface Problem {
  readonly type: string;
  readonly detail: string;
  readonly status: number | undefined;
  readonly instance?: string;
  /** For `badSignatureAlgorithm`: the algorithms that the CA accepts (§6.2). */
  readonly algorithms?: readonly string[];
  /** For `rateLimited`: the limit that is used up, if the CA names it. */
  readonly limit?: LimitId;
  /** For `rateLimited`: the registered domain or the identifier whose limit that is, if the CA names one. */
  readonly limitOf?: string;
  readonly subproblems: readonly (Problem & { readonly identifier?: Identifier })[];
}

export interface RenewalInfo {
  readonly start: string;
  readonly end: string;
  readonly explanationUrl: string | undefined;
  /** When to ask again, in ms: the Retry-After, between 1 minute and 1 day; 6 h without one. */
  readonly retryAfterMs: number;
}
