import type { Limits } from './rate-limits.ts';
import type { RequestKind } from './request-log.ts';
import type { Identifier } from './state.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** The rules of a profile: those of orders, and the lifetime of a certificate. */
export interface Profile {
  readonly validityMs: number;
  readonly pendingAuthorizationMs: number;
  readonly validAuthorizationMs: number;
  readonly orderMs: number;
  readonly mostNames: number;
  readonly types: readonly Identifier['type'][];
}

const short = {
  pendingAuthorizationMs: hourMs,
  validAuthorizationMs: 7 * hourMs,
  orderMs: 8 * hourMs,
  mostNames: 25,
} as const;

/** Let's Encrypt's profiles of 2026. */
export const letsEncryptProfiles = {
  classic: {
    validityMs: 90 * dayMs,
    pendingAuthorizationMs: 7 * dayMs,
    validAuthorizationMs: 30 * dayMs,
    orderMs: 7 * dayMs,
    mostNames: 100,
    types: ['dns'],
  },
  tlsserver: { ...short, validityMs: 45 * dayMs, types: ['dns'] },
  shortlived: { ...short, validityMs: 160 * hourMs, types: ['dns', 'ip'] },
} as const satisfies Readonly<Record<string, Profile>>;

/** Let's Encrypt's published limits of production. */
export const letsEncryptLimits: Limits = {
  newOrdersPerAccount: { burst: 300, count: 300, periodMs: 3 * hourMs },
  certificatesPerDomain: { burst: 50, count: 50, periodMs: 7 * dayMs },
  certificatesPerSet: { burst: 5, count: 5, periodMs: 7 * dayMs },
  failedAuthorizations: { burst: 5, count: 5, periodMs: hourMs },
  pausingFailures: { burst: 1152, count: 1, periodMs: dayMs },
};

export interface CaSettings {
  /** The name that the configuration gives to this CA. */
  readonly name: string;
  readonly directoryUrl: string;
  /** Let's Encrypt's, if not given. The first one is the default. */
  readonly profiles: Readonly<Record<string, Profile>>;
  /** A limit that is left out is off. */
  readonly limits: Limits;
  /**
   * Looks at the world as the CA's validators do. Returns undefined if the challenge is answered.
   *
   * @param identifier as ordered, with `*.` for a wildcard
   */
  validate(
    identifier: Identifier,
    challenge: { readonly type: string; readonly token: string },
    keyAuthorization: string,
  ): { readonly type: string; readonly detail: string } | undefined;
  /** How long after its acceptance a challenge is validated. */
  validationMs(): number;
  /** Reports whether the CA's policy excludes an identifier. */
  refuses(identifier: Identifier): boolean;
  /** Whether each request is kept in the log. Two years of renewal information would fill the memory. */
  readonly keepsLog: boolean;
}

export const defaultSettings: CaSettings = {
  name: 'sim',
  directoryUrl: 'https://acme-v02.api.letsencrypt.org/directory',
  profiles: letsEncryptProfiles,
  limits: letsEncryptLimits,
  validate: () => undefined,
  validationMs: () => 0,
  refuses: () => false,
  keepsLog: true,
};

export interface Outage {
  readonly status: number;
  readonly retryAfterSeconds?: number | undefined;
  readonly detail?: string;
}

/** What is wrong with the CA at the moment, or different from its settings. A world may set each at any time. */
export interface Switches {
  /** Nothing answers, and nothing is done. */
  isDown: boolean;
  /**
   * Returns what requests of a kind are answered before anything is done: the page of a load balancer, or with a detail,
   * Boulder's own problem.
   */
  answers: (kind: RequestKind) => Outage | undefined;
  /** How long an order is `processing`; 0 issues at once. */
  finalizeMs: number;
  /** The orders that are finalized now become invalid. */
  failsToIssue: boolean;
  /** Those of the settings, until they change. Boulder skips all limits while it cannot reach their database. */
  limits: Limits;
  /** The lifetime of the certificates issued from now on, by profile. */
  readonly validityMs: Map<string, number>;
  /** Profiles that the CA no longer offers. */
  readonly withdrawn: Set<string>;
  /** How long the suggested windows are; undefined: a fiftieth of the lifetime, as Boulder's. */
  windowMs: number | undefined;
  /** Replaces the suggested window of certificates, where it returns one. */
  window: (certificate: {
    readonly serial: string;
  }) => { readonly startMs: number; readonly endMs: number } | undefined;
}

export const allWell = ({ limits }: CaSettings): Switches => ({
  isDown: false,
  answers: () => undefined,
  finalizeMs: 0,
  failsToIssue: false,
  limits,
  validityMs: new Map(),
  withdrawn: new Set(),
  windowMs: undefined,
  window: () => undefined,
});
