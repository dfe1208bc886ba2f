import type { Issuer } from '../../../../src/ports/issuer.ts';
import { chainOf, createAuthority, noteIssued, sign } from './finalize.ts';
import { createIssuer } from './issuer.ts';
import { createRateLimits } from './rate-limits.ts';
import type { LoggedRequest } from './request-log.ts';
import { allWell, type CaSettings, defaultSettings, type Switches } from './settings.ts';
import { type Account, type Ca, defaultProfile, emptyState, type Identifier, type StoredCertificate } from './state.ts';

export type { LoggedRequest } from './request-log.ts';
export type { CaSettings, Switches } from './settings.ts';
export type { Identifier, StoredCertificate } from './state.ts';

/**
 * Let's Encrypt as a client meets it: Boulder's rules without signatures, encodings and HTTP. It answers at once; what
 * delays or loses an answer is the world's. Time, chance and what happens later come from the world, so that a seed
 * replays.
 */
export interface CaModel {
  /** Returns the CA as a replica sees it, whose clock may differ from the CA's. */
  issuer(replica: string, clockMs?: () => number): Issuer;
  /** What is wrong with the CA at the moment; see {@link Switches}. */
  readonly switches: Switches;
  /** Every request, unless `keepsLog` is off. */
  readonly log: readonly LoggedRequest[];
  /** How many requests of a kind got a verdict: `newOrder rateLimited`. */
  readonly counts: ReadonlyMap<string, number>;
  /** The certificates that are valid, or were until a month ago. */
  certificates(): Iterable<StoredCertificate>;
  /** By URL. */
  readonly accounts: ReadonlyMap<string, Pick<Account, 'publicKey'>>;
  /** Revokes every certificate. Their renewal information names the page. */
  revokeAll(explanationUrl: string): void;
  /** Loses all accounts, as a test CA does that starts again. */
  forgetAccounts(): void;
  /** Ends all pauses of an account, as its owner does on the page that the refusal names. */
  unpause(accountUrl: string): void;
  /** Signs a certificate that another client got some time ago, with an account of its own, and returns its chain. */
  signForOther(request: { identifiers: readonly Identifier[]; publicKey: string; agoMs: number }): string;
  /** Counts certificates that other customers got for the same names, which no client can foretell. */
  issuedToOthers(identifiers: readonly Identifier[], certificates: number): void;
}

export interface CaModelOptions {
  /** The CA's clock. */
  nowMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Runs a function on the world's clock: a validation, or the end of a slow finalize. Called only for times above 0. */
  later(ms: number, run: () => void): void;
  readonly settings?: Partial<CaSettings>;
  onRequest?(request: LoggedRequest): void;
  onIssued?(certificate: StoredCertificate): void;
}

export function createCaModel(options: CaModelOptions): CaModel {
  const { nowMs, random, later } = options;
  const settings = { ...defaultSettings, ...options.settings };
  const switches = allWell(settings);
  const ca: Ca = {
    ...{ settings, switches, nowMs, random },
    authority: createAuthority(settings.directoryUrl),
    origin: new URL(settings.directoryUrl).origin,
    state: emptyState(),
    limits: createRateLimits(nowMs, () => switches.limits),
    later: (ms, run) => (ms > 0 ? later(ms, run) : run()),
    onIssued: (certificate) => options.onIssued?.(certificate),
  };
  const { state } = ca;
  const log: LoggedRequest[] = [];
  const counts = new Map<string, number>();
  const onRequest = (request: LoggedRequest) => {
    const key = `${request.kind} ${request.verdict}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (settings.keepsLog) log.push(request);
    options.onRequest?.(request);
  };

  return {
    issuer: (name, clockMs = nowMs) => createIssuer(ca, { name, clockMs, onRequest }),
    switches,
    log,
    counts,
    certificates: () => state.certificates.values(),
    accounts: state.accounts,
    revokeAll(explanationUrl) {
      for (const certificate of state.certificates.values())
        certificate.revoked ??= { atMs: nowMs(), explanationUrl, isByKey: false };
    },
    forgetAccounts() {
      state.accounts.clear();
      state.accountsByKey.clear();
    },
    unpause(accountUrl) {
      const account = state.accounts.get(accountUrl);
      if (account) ca.limits.unpause(account.id);
    },
    signForOther({ identifiers, publicKey, agoMs }) {
      const account: Account = { id: 0, url: `${ca.origin}/acme/acct/0`, publicKey: 'other', status: 'valid' };
      const issuedMs = nowMs() - agoMs;
      const profile = defaultProfile(settings);
      const certificate = sign(ca, { ...{ identifiers, publicKey, account, profile, issuedMs }, orderUrl: '' });
      noteIssued(ca, certificate);
      return chainOf(ca, certificate);
    },
    issuedToOthers: (identifiers, certificates) => ca.limits.issuedToOthers(identifiers, certificates),
  };
}
