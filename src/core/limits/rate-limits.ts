import { knownIssuers } from '../ca/known-issuers.ts';
import { spanText } from '../text/span.ts';
import type { Rate } from './gcra.ts';

/** How many in which time, such as 300 in 3 hours. */
export interface Quota {
  readonly burst: number;
  readonly periodMs: number;
}

interface LimitKind {
  /** What has a bucket of its own: an account, a registered domain, a set of identifiers, an account's identifier. */
  readonly scope: 'account' | 'domain' | 'set' | 'name';
  /** When the CA takes a token. All but `pausingFailures` are looked at when an order is made. */
  readonly spentAt: 'order' | 'issued' | 'failed';
  readonly title: string;
  /** The section of Let's Encrypt's page to which a refusal links. */
  readonly anchor: RegExp;
}

/**
 * The limits of Boulder that an order meets. Failures that lead to a pause are forgotten at the first success. Those
 * of `failedAuthorizations` are not.
 */
const kinds = {
  newOrdersPerAccount: {
    scope: 'account',
    spentAt: 'order',
    title: 'new orders per account',
    anchor: /^new-orders-per-account$/,
  },
  certificatesPerDomain: {
    scope: 'domain',
    spentAt: 'issued',
    title: 'new certificates per registered domain',
    anchor: /^new-certificates-per-registered-domain$/,
  },
  certificatesPerSet: {
    scope: 'set',
    spentAt: 'issued',
    title: 'certificates per exact set of names',
    anchor: /^new-certificates-per-exact-set-of-(identifiers|hostnames)$/,
  },
  failedAuthorizations: {
    scope: 'name',
    spentAt: 'failed',
    title: 'failed validations per name and account',
    anchor: /^authorization-failures-per-(identifier|hostname)-per-account$/,
  },
  pausingFailures: {
    scope: 'name',
    spentAt: 'failed',
    title: 'failed validations until the CA pauses a name',
    anchor: /^consecutive-authorization-failures-per-(identifier|hostname)-per-account$/,
  },
} as const satisfies Readonly<Record<string, LimitKind>>;

export type LimitId = keyof typeof kinds;
export const limitIds = Object.keys(kinds) as readonly LimitId[];

export interface RateLimit extends Rate, Quota, Omit<LimitKind, 'anchor'> {
  readonly id: LimitId;
}

/** Limits that differ from the known ones, by the CA's consent for instance, or those of a CA that is not known. */
export type LimitOverrides = Readonly<Partial<Record<LimitId, Quota>>>;

const [second, hour, day] = [1000, 3_600_000, 86_400_000];

/** As of 2026-08-05: https://letsencrypt.org/docs/rate-limits/ */
const production: LimitOverrides = {
  newOrdersPerAccount: { burst: 300, periodMs: 3 * hour },
  certificatesPerDomain: { burst: 50, periodMs: 7 * day },
  certificatesPerSet: { burst: 5, periodMs: 7 * day },
  failedAuthorizations: { burst: 5, periodMs: hour },
  pausingFailures: { burst: 1152, periodMs: 1152 * day },
};

/** As of 2026-04-10: https://letsencrypt.org/docs/staging-environment/ */
const staging: LimitOverrides = {
  newOrdersPerAccount: { burst: 1500, periodMs: 3 * hour },
  certificatesPerDomain: { burst: 30_000, periodMs: second },
  certificatesPerSet: { burst: 30_000, periodMs: 7 * day },
  failedAuthorizations: { burst: 200, periodMs: hour },
  pausingFailures: { burst: 3600, periodMs: 6 * hour },
};

/** By directory URL. */
const known: ReadonlyMap<string, LimitOverrides> = new Map([
  [knownIssuers['letsencrypt']!.directory, production],
  [knownIssuers['letsencrypt-staging']!.directory, staging],
]);

/** The limits of a CA as known, with what the configuration says instead. None for a CA of which nothing is known. */
export function limitsOf(directory: string, overrides: LimitOverrides = {}): readonly RateLimit[] {
  const quotas: LimitOverrides = { ...known.get(directory), ...overrides };
  return limitIds.flatMap((id) => {
    const quota = quotas[id];
    if (!quota) return [];
    const { anchor: _, ...kind } = kinds[id];
    return [{ id, ...kind, ...quota, intervalMs: intervalOf(quota) }];
  });
}

const intervalOf = ({ burst, periodMs }: Quota): number => Math.max(1, Math.round((periodMs / burst) * 1024)) / 1024;

/** Returns the limit that a refusal names by a link such as `…/rate-limits/#new-orders-per-account`. */
export function limitOfAnchor(text: string): LimitId | undefined {
  const anchor = /\/rate-limits\/?#([a-z-]+)/.exec(text)?.[1] ?? '';
  return limitIds.find((id) => kinds[id].anchor.test(anchor));
}

/** Returns what a full limit says, such as `50 certificates for example.com in 7 days`. */
export function quotaText({ id, burst, periodMs }: RateLimit, of: string): string {
  const period = spanText(periodMs);
  switch (id) {
    case 'newOrdersPerAccount':
      return `${burst} new orders of this account in ${period}`;
    case 'certificatesPerDomain':
      return `${burst} certificates for ${of} in ${period}`;
    case 'certificatesPerSet':
      return `${burst} certificates for exactly these names in ${period}`;
    case 'failedAuthorizations':
      return `${burst} failed validations of ${of} in ${period}`;
    case 'pausingFailures':
      return `${burst} failed validations of ${of} without a success`;
  }
}
