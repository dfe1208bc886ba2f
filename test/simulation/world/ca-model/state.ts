import type { Order, Problem } from '../../../../src/ports/issuer.ts';
import type { RateLimits } from './rate-limits.ts';
import type { CaSettings, Profile, Switches } from './settings.ts';

export type Identifier = Order['identifiers'][number];

/** What the parts of the CA share. */
export interface Ca {
  readonly settings: CaSettings;
  /** Where all its URLs begin. */
  readonly origin: string;
  readonly switches: Switches;
  readonly state: State;
  readonly limits: RateLimits;
  readonly nowMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Runs a function on the world's clock. */
  readonly later: (ms: number, run: () => void) => void;
  readonly authority: Authority;
  readonly onIssued: (certificate: StoredCertificate) => void;
}

export interface Authority {
  readonly publicKey: string;
  readonly pem: string;
}

export interface Account {
  readonly id: number;
  readonly url: string;
  publicKey: string;
  status: 'valid' | 'deactivated';
}

export interface StoredAuthorization {
  readonly url: string;
  readonly account: Account;
  /** As ordered, with `*.` for a wildcard. */
  readonly identifier: Identifier;
  /** As ordered: '' for the default. Another profile does not share it. */
  readonly profile: string;
  /** All its challenges have the same. */
  readonly token: string;
  status: 'pending' | 'valid' | 'invalid' | 'deactivated';
  expiresMs: number;
  /** The accepted challenge, and what the validators found. */
  tried: { readonly type: string; readonly problem: Problem | undefined } | undefined;
}

export interface StoredOrder {
  readonly url: string;
  readonly finalizeUrl: string;
  readonly account: Account;
  readonly identifiers: readonly Identifier[];
  readonly set: string;
  readonly profile: string;
  readonly authorizations: readonly StoredAuthorization[];
  readonly replaces: StoredCertificate | undefined;
  readonly expiresMs: number;
  isProcessing: boolean;
  /** Why it could not be issued. */
  error: Problem | undefined;
  certificate: StoredCertificate | undefined;
}

interface Revoked {
  readonly atMs: number;
  readonly explanationUrl: string | undefined;
  /** Signed by its own key, which says that the key is compromised. */
  readonly isByKey: boolean;
}

export interface StoredCertificate {
  readonly serial: string;
  readonly ariId: string;
  readonly url: string;
  readonly orderUrl: string;
  readonly account: Account;
  readonly identifiers: readonly Identifier[];
  readonly publicKey: string;
  readonly issuedMs: number;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  revoked: Revoked | undefined;
  /** The last order that named this certificate in `replaces`. */
  replacement: StoredOrder | undefined;
}

/** Everything that the CA remembers, each under what a request names. */
export interface State {
  readonly accounts: Map<string, Account>;
  readonly accountsByKey: Map<string, Account>;
  readonly orders: Map<string, StoredOrder>;
  /** Orders by finalize URL. */
  readonly finalizes: Map<string, StoredOrder>;
  /** Those that may still be pending or ready, by set of identifiers, over all accounts. */
  readonly openOrders: Map<string, StoredOrder[]>;
  readonly authorizations: Map<string, StoredAuthorization>;
  /** The last valid one for an account, a profile and an identifier. */
  readonly validAuthorizations: Map<string, StoredAuthorization>;
  readonly certificates: Map<string, StoredCertificate>;
  readonly certificatesByUrl: Map<string, StoredCertificate>;
  readonly certificatesByAriId: Map<string, StoredCertificate>;
  /** The notBefore of the last certificate for each set, over all accounts. */
  readonly issuedSets: Map<string, number>;
  /** The last number that was given to an account, order, authorization or certificate. */
  lastNumber: number;
}

export const emptyState = (): State => ({
  accounts: new Map(),
  accountsByKey: new Map(),
  orders: new Map(),
  finalizes: new Map(),
  openOrders: new Map(),
  authorizations: new Map(),
  validAuthorizations: new Map(),
  certificates: new Map(),
  certificatesByUrl: new Map(),
  certificatesByAriId: new Map(),
  issuedSets: new Map(),
  lastNumber: 0,
});

/** Each identifier once, in the order of Boulder. */
export function normalized(identifiers: readonly Identifier[]): readonly Identifier[] {
  // Most orders have one.
  if (identifiers.length === 1) return identifiers;
  return [...new Map(identifiers.map((one) => [`${one.type} ${one.value}`, one])).values()].sort((a, b) =>
    a.type === b.type ? (a.value < b.value ? -1 : 1) : a.type < b.type ? -1 : 1,
  );
}

export const setKey = (identifiers: readonly Identifier[]): string =>
  normalized(identifiers)
    .map(({ value }) => value)
    .join(' ');

export const newUrl = ({ origin, state }: Ca, kind: string, account?: Account): string => {
  state.lastNumber += 1;
  const owner = account ? `${account.id}/` : '';
  return `${origin}/acme/${kind}/${owner}${state.lastNumber}`;
};

/** Random octets in hex, of which no two are alike. */
export function newHex({ random, state }: Ca, octets: number): string {
  state.lastNumber += 1;
  let hex = state.lastNumber.toString(16).padStart(10, '0');
  while (hex.length < octets * 2)
    hex += Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0');
  return hex.slice(0, octets * 2);
}

/** The rules of a profile; '' is the default. */
export const profileOf = ({ settings }: Ca, name: string): Profile | undefined =>
  settings.profiles[name === '' ? defaultProfile(settings) : name];

export const defaultProfile = ({ profiles }: CaSettings): string => Object.keys(profiles)[0]!;

/** An order's status follows from its authorizations and the time; nothing stores it. */
export function statusOf({ nowMs }: Pick<Ca, 'nowMs'>, order: StoredOrder): Order['status'] {
  const now = nowMs();
  const { authorizations } = order;
  const isDead = ({ status, expiresMs }: StoredAuthorization) =>
    status === 'invalid' || status === 'deactivated' || expiresMs < now;
  if (order.error || order.expiresMs < now || authorizations.some(isDead)) return 'invalid';
  if (authorizations.some(({ status }) => status === 'pending')) return 'pending';
  if (order.certificate) return 'valid';
  return order.isProcessing ? 'processing' : 'ready';
}

/** How long after their end the CA still knows orders, authorizations and certificates. */
const keptMs = 30 * 86_400_000;

/** Forgets what ended long ago, oldest first, so that years of renewals do not fill the memory. */
export function forgetOld({ state, nowMs }: Ca): void {
  // Often enough, and rarely enough to cost nothing.
  if (state.orders.size % 64 !== 0) return;
  const beforeMs = nowMs() - keptMs;
  for (const [url, order] of state.orders) {
    if (order.expiresMs >= beforeMs) break;
    state.orders.delete(url);
    state.finalizes.delete(order.finalizeUrl);
  }
  for (const [url, { expiresMs }] of state.authorizations) {
    if (expiresMs >= beforeMs) break;
    state.authorizations.delete(url);
  }
  for (const [serial, certificate] of state.certificates) {
    if (certificate.notAfterMs >= beforeMs) break;
    state.certificates.delete(serial);
    state.certificatesByUrl.delete(certificate.url);
    state.certificatesByAriId.delete(certificate.ariId);
  }
}
