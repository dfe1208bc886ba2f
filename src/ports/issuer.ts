import type { Identifier } from '../core/identifier.ts';
import type { Secret } from '../core/secret.ts';

/**
 * A certificate authority that speaks ACME (RFC 8555). The engine sees objects, never a JWS, nonce or URL scheme.
 *
 * Errors, of every method: `acme/problem`, `acme/rate-limited` (with `retryAt`), `acme/paused`, `acme/busy` (5xx or
 * no problem document; `retryAt` where it came with Retry-After), `acme/unreachable` (no answer: it is not known
 * whether the request had its effect), `acme/malformed-answer`. `error.problem` is the whole {@link Problem}.
 *
 * What is retried inside: badNonce (at most 25 times), and reading requests (GET, POST-as-GET) that got no answer or
 * a 5xx without Retry-After, at most twice more. Requests that change something are sent once.
 */
export interface Issuer {
  /** The configured name. */
  readonly name: string;
  readonly directoryUrl: string;
  /** Fetched once and kept. Errors also: `acme/directory-unreachable`, `acme/certificate-dates`, `acme/not-a-directory`. */
  directory(signal: AbortSignal): Promise<Directory>;
  /** newAccount (RFC 8555 §7.3): creates, or finds the account of this key. `onlyExisting` never creates. */
  openAccount(request: AccountRequest, signal: AbortSignal): Promise<AccountInfo>;
  /** The same CA, speaking for one account. */
  as(account: { readonly keyPem: Secret; readonly url: string }): AccountIssuer;
  /** RFC 9773 §4.2; undefined where the CA has no renewalInfo. An unusable answer fails with `acme/malformed-answer`. */
  renewalInfo(ariId: string, signal: AbortSignal): Promise<RenewalInfo | undefined>;
}

export interface AccountIssuer {
  readonly accountUrl: string;
  /** RFC 7638 thumbprint of the account key: the second half of every key authorization (§8.1). */
  readonly thumbprint: string;
  newOrder(request: OrderRequest, signal: AbortSignal): Promise<Order>;
  order(url: string, signal: AbortSignal): Promise<Order>;
  authorization(url: string, signal: AbortSignal): Promise<Authorization>;
  /** Tells the CA that the challenge is ready (§7.5.1). The answer may say when to look first (§8.2). */
  accept(challengeUrl: string, signal: AbortSignal): Promise<{ readonly retryAfterMs?: number }>;
  finalize(order: Order, csrDer: Uint8Array, signal: AbortSignal): Promise<Order>;
  /** The chain as served, PEM, leaf first (§7.4.2). */
  download(order: Order, signal: AbortSignal): Promise<string>;
}

export interface Directory {
  readonly termsOfService: string | undefined;
  readonly externalAccountRequired: boolean;
  readonly caaIdentities: readonly string[];
  readonly hasRenewalInfo: boolean;
  readonly profiles: Readonly<Record<string, string>>;
  /** How far this machine's clock is ahead of the CA's Date header, in ms; undefined without one. */
  readonly clockSkewMs: number | undefined;
}

export interface AccountRequest {
  readonly keyPem: Secret;
  readonly contacts: readonly string[];
  readonly agreeToTerms: boolean;
  readonly onlyExisting?: boolean;
}

export interface AccountInfo {
  readonly url: string;
  readonly status: 'valid' | 'deactivated' | 'revoked';
  readonly contacts: readonly string[];
}

export interface OrderRequest {
  readonly identifiers: readonly Identifier[];
  /** The ARI id of the certificate this one replaces (RFC 9773 §5). */
  readonly replaces?: string;
  readonly profile?: string;
}

/** Answers that are polled carry when the CA wants to be asked again, in ms from now, where it said so. */
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

export interface Authorization extends Polled {
  readonly url: string;
  readonly status: 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired' | 'revoked';
  /** As ordered: with `*.` for a wildcard. */
  readonly identifier: Identifier;
  readonly challenges: readonly AcmeChallenge[];
}

export interface AcmeChallenge {
  /** Any string: types this program does not know are listed, not refused. */
  readonly type: string;
  readonly url: string;
  readonly status: 'pending' | 'processing' | 'valid' | 'invalid';
  /** base64url, checked; undefined where the type has none (dns-persist-01). */
  readonly token: string | undefined;
  readonly error: Problem | undefined;
}

/** RFC 7807, RFC 8555 §6.7, whole. */
export interface Problem {
  readonly type: string;
  readonly detail: string;
  readonly status: number | undefined;
  readonly instance?: string;
  readonly subproblems: readonly (Problem & { readonly identifier?: Identifier })[];
}

export interface RenewalInfo {
  readonly start: string;
  readonly end: string;
  readonly explanationUrl: string | undefined;
  /** When to look again, in ms: the Retry-After, clamped to 1 min … 1 day; 6 h where there is none. */
  readonly retryAfterMs: number;
}
