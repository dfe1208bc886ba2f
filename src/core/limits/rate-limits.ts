import { knownIssuers } from '../ca/known-issuers.ts';
import { durationMs, longestDays, spanText } from '../text/span.ts';
import type { Rate } from './gcra.ts';

/** How many in which time. */
interface Quota {
  readonly burst: number;
  readonly periodMs: number;
}

interface LimitKind {
  /** What has a bucket of its own: an account, a registered domain, a set of identifiers, an account's identifier. */
  readonly scope: 'account' | 'domain' | 'set' | 'name';
  /** When the CA takes a token. All but `pausingFailures` are looked at when an order is made. */
  readonly spentAt: 'order' | 'issued' | 'failed';
  /** For a list of limits. */
  readonly title: string;
  /** The section of Let's Encrypt's page to which a refusal links. */
  readonly anchor: RegExp;
}

/**
 * The limits of Boulder that an order meets, in the order in which it looks at them. Failures that lead to a pause are forgotten at the first success. Those
 * of `failedAuthorizations` are not.
 */
const kinds = {
  newOrdersPerAccount: {
    scope: 'account',
    spentAt: 'order',
    title: 'new orders per account',
    anchor: /^new-orders-per-account$/,
  },
  failedAuthorizations: {
    scope: 'name',
    spentAt: 'failed',
    title: 'failed validations per name and account',
    anchor: /^authorization-failures-per-(identifier|hostname)-per-account$/,
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

/** Limits as the configuration writes them: `3000/3h` is 3,000 in 3 hours. */
export type LimitTexts = Readonly<Partial<Record<LimitId, string>>>;

/** As of 2026-08-05: https://letsencrypt.org/docs/rate-limits/ */
const production: LimitTexts = {
  newOrdersPerAccount: '300/3h',
  certificatesPerDomain: '50/7d',
  certificatesPerSet: '5/7d',
  failedAuthorizations: '5/1h',
  pausingFailures: '1152/1152d',
};

/** As of 2026-04-10: https://letsencrypt.org/docs/staging-environment/ */
const staging: LimitTexts = {
  newOrdersPerAccount: '1500/3h',
  certificatesPerDomain: '30000/1s',
  certificatesPerSet: '30000/7d',
  failedAuthorizations: '200/1h',
  pausingFailures: '3600/6h',
};

/** By directory URL. */
const known: ReadonlyMap<string, LimitTexts> = new Map([
  [knownIssuers['letsencrypt']!.directory, production],
  [knownIssuers['letsencrypt-staging']!.directory, staging],
]);

/**
 * The limits of a CA as known, and those of the configuration in place of them, because a CA may raise one for a
 * customer. None for a CA of which neither says any.
 */
export function limitsOf(directory: string, configured: LimitTexts = {}): readonly RateLimit[] {
  const texts: LimitTexts = { ...known.get(directory), ...configured };
  return limitIds.flatMap((id) => {
    const quota = quotaOf(texts[id] ?? '');
    if (!quota) return [];
    const { anchor: _, ...kind } = kinds[id];
    return [{ id, ...kind, ...quota, intervalMs: intervalOf(quota) }];
  });
}

const quotaForm = /^(\d{1,9})\/(\d{1,9}(?:ms|s|m|h|d))$/;
const [leastPeriodMs, mostPeriodMs] = [1000, longestDays * 86_400_000];

/** Returns what is wrong with the text of a limit, or undefined if nothing is. */
export function quotaProblem(text: string): string | undefined {
  const [, burst, period = ''] = quotaForm.exec(text) ?? [];
  if (/^\d{10,}\/|\/\d{10,}/.test(text) && quotaForm.test(text.replace(/\d{10,}/g, '1')))
    return 'must have numbers up to 999999999';
  if (burst === undefined) return 'must be a whole number and a duration, like 3000/3h for 3,000 in 3 hours';
  if (Number(burst) === 0) return 'must allow at least one, since with 0 certfleet would never order anything';
  const periodMs = durationMs(period);
  if (periodMs < leastPeriodMs || periodMs > mostPeriodMs)
    return `must have a duration from 1s to ${longestDays}d, not ${period}`;
  return undefined;
}

function quotaOf(text: string): Quota | undefined {
  const [, burst, period = ''] = quotaForm.exec(text) ?? [];
  return quotaProblem(text) === undefined ? { burst: Number(burst), periodMs: durationMs(period) } : undefined;
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
      return `${burst} failed validations of ${of} without a success, at which the CA pauses it`;
  }
}
