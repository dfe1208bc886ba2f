import type { JWK } from 'jose';
import type { AcmeKind } from '../acme-kind.ts';
import type { ProblemDocument } from './problem.ts';

export interface Identifier {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

/** Both forms of RFC 9110 §10.2.3. */
export type RetryAfter = { readonly seconds: number; readonly form?: 'seconds' | 'date' };

/** Validates a challenge; undefined means success. */
export type Validate = (
  identifier: Identifier,
  challenge: { readonly type: string; readonly token: string },
  keyAuthorization: string,
) => Promise<ProblemDocument | undefined>;

/** How the CA does dns-persist-01: by which draft, under which names, and with which hashes from draft 02 on. */
export interface Persist {
  readonly draft: 0 | 1 | 2;
  readonly issuers: readonly string[];
  readonly hashPrefix?: string;
}

export interface Profile {
  readonly description: string;
  readonly validityMs: number;
  /** A CN and a subject key identifier, which Let's Encrypt's `classic` has and its newer profiles lack. */
  readonly commonName?: boolean;
  readonly subjectKeyIdentifier?: boolean;
}

/** How this CA behaves. Tests may change every field at any time. */
export interface Settings {
  /** The first one is for orders without a profile. The directory lists them if there are more than `default`. */
  profiles: Record<string, Profile>;
  /** The port for http-01, always on 127.0.0.1, with the identifier as Host. */
  httpPort: number;
  /** The server for dns-01: `127.0.0.1:port`, UDP. */
  dnsServer: string | undefined;
  /** Instead of real requests. */
  validate: Validate | undefined;
  /** Whether a valid authorization of the same account and identifier is reused. */
  reuseAuthorizations: boolean;
  /** A pending or ready order of the same account, identifiers and profile is returned again (as Boulder does). */
  reuseOrders: boolean;
  /** Whether every authorization also offers an unknown type and one without a token (dns-persist-01). */
  unknownChallenges: boolean;
  /** dns-persist-01, for DNS names. */
  persist: Persist | undefined;
  /** Reads TXT values for dns-persist-01, instead of real requests to `dnsServer`. */
  lookUpTxt: ((name: string) => Promise<readonly string[]>) | undefined;
  /**
   * The Retry-After of a rate limit on newOrder that is reached. As in Boulder, it does not apply to an order with
   * `replaces`, and is checked after `replaces` and before an open order is returned again.
   */
  limitSeconds: number | undefined;
  renewalInfo: boolean;
  /** Whether certificates come without the intermediate, like those of a CA whose root signs directly. */
  leafAlone: boolean;
  /** The window of every certificate, in ms from its notBefore, instead of Boulder's. */
  windowMs: readonly [start: number, end: number] | undefined;
  /**
   * The keys of customers (base64url) by id: an account needs external account binding. Each id is good for one account,
   * as at Google. undefined: anyone may open accounts.
   */
  externalAccounts: Readonly<Record<string, string>> | undefined;
  /** Whether the binding is checked even if the account exists; ZeroSSL does. */
  externalAccountsFirst: boolean;
  /** Whether the directory says that external account binding is needed; SSL.com's does not. */
  tellsExternalAccounts: boolean;
  /** Whether an account's contacts are kept; Let's Encrypt keeps none. */
  keepsContacts: boolean;
  /** The algorithms of account keys. */
  algorithms: readonly string[];
  /** How many polls find an order `processing` after finalize; 0: finalize answers `valid`. */
  processingPolls: number;
  /** How many other chains each certificate has, up to "Other Root 1" and so on. */
  alternateChains: number;
  /** Whether an order may say when the certificate begins and ends, which Boulder refuses. */
  acceptsDates: boolean;
  /** Identifiers that are refused at newOrder, each in a subproblem. */
  blocked: readonly string[];
  /** The percentage of valid nonces refused with badNonce. */
  badNoncePercent: number;
  retryAfter: {
    authorization?: RetryAfter;
    order?: RetryAfter;
    /** After the challenge was accepted. */
    challenge?: RetryAfter;
    renewalInfo?: RetryAfter;
  };
}

export interface Account {
  readonly id: string;
  /** Changed by a rollover. */
  jwk: JWK;
  thumbprint: string;
  status: 'valid' | 'deactivated';
  contacts: readonly string[];
  /** The id of its external account. */
  readonly externalAccount?: string;
}

export interface Challenge {
  readonly id: string;
  readonly type: string;
  readonly token: string | undefined;
  status: 'pending' | 'processing' | 'valid' | 'invalid';
  error: ProblemDocument | undefined;
  validated: Date | undefined;
}

export interface Authorization {
  readonly id: string;
  readonly accountId: string;
  /** Without `*.`. */
  readonly identifier: Identifier;
  readonly wildcard: boolean;
  readonly expires: Date;
  readonly challenges: readonly Challenge[];
  status: 'pending' | 'valid' | 'invalid' | 'deactivated';
}

export interface Order {
  readonly id: string;
  readonly accountId: string;
  readonly identifiers: readonly Identifier[];
  readonly authorizationIds: readonly string[];
  readonly profile: string;
  readonly replaces: string | undefined;
  /** When the certificate begins and ends, if the client chose it; missing in stores of old versions. */
  readonly dates?: readonly (Date | undefined)[];
  readonly expires: Date;
  status: 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';
  error: ProblemDocument | undefined;
  /** How many more polls find it `processing`. */
  pollsLeft: number;
  certificateId: string | undefined;
}

export interface Certificate {
  readonly id: string;
  readonly accountId: string;
  readonly orderId: string;
  /** Leaf and intermediate. */
  readonly chainPem: string;
  /** Other chains; missing in stores of old versions. */
  readonly alternates?: readonly string[];
  /** Lower-case hex of the DER content octets. */
  readonly serial: string;
  readonly ariId: string;
  readonly identifiers: readonly Identifier[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  revoked: boolean;
  /** Why, if a reason was given. */
  reason?: number;
}

/** What renewalInfo answers for one certificate instead of the usual window. */
export type RenewalAnswer =
  | { readonly start: Date; readonly end: Date; readonly explanationURL?: string; readonly retryAfter?: RetryAfter }
  | { readonly status: number; readonly body: string; readonly headers?: Readonly<Record<string, string>> };

export interface State {
  readonly accounts: Map<string, Account>;
  readonly orders: Map<string, Order>;
  readonly authorizations: Map<string, Authorization>;
  readonly certificates: Map<string, Certificate>;
  /** By ARI id. */
  readonly renewalAnswers: Map<string, RenewalAnswer>;
  readonly nonces: Set<string>;
  /** Validations under way. */
  readonly validations: Set<Promise<void>>;
}

export const emptyState = (): State => ({
  accounts: new Map(),
  orders: new Map(),
  authorizations: new Map(),
  certificates: new Map(),
  renewalAnswers: new Map(),
  nonces: new Set(),
  validations: new Set(),
});

/** A request and an answer, without a socket. */
export interface CaRequest {
  readonly method: string;
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** `https://host:port` as the client called it, the base of all URLs. */
  readonly base: string;
}

export interface CaResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The answer is lost: the connection is cut. */
  readonly cut?: true;
}

export interface CaRecord {
  readonly kind: AcmeKind;
  readonly method: string;
  readonly path: string;
  readonly payload: unknown;
  status: number;
  problem: string | undefined;
}
