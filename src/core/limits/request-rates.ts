import type { Rate } from './gcra.ts';

/** How many requests a CA answers in a second from one address, whatever they ask. */
export interface RequestRate extends Rate {
  /** The paths that it counts together. */
  readonly paths: RegExp;
}

/**
 * Spends part of the rate as a burst and the rest at equal intervals, so that no second has more than `perSecond`
 * requests.
 */
function rate(paths: RegExp, perSecond: number): RequestRate {
  const burst = Math.ceil(perSecond / 10);
  return { paths, burst, intervalMs: Math.ceil((1000 / (perSecond - burst)) * 1024) / 1024 };
}

/**
 * As of 2026-08-05: https://letsencrypt.org/docs/rate-limits/#overall-requests-limit. The page does not say whether
 * requests with a rate of their own also count as `/acme/*`. Those of renewal-info do not, since their rate is higher.
 * For others, both rates are obeyed. That of new-order is never the lower one.
 */
const letsEncrypt = (all: number): readonly RequestRate[] => [
  rate(/^\/directory$/, 40),
  rate(/^\/acme\/new-nonce$/, 20),
  rate(/^\/acme\/new-acct$/, 5),
  rate(/^\/acme\/revoke-cert$/, 10),
  rate(/^\/acme\/renewal-info\//, 1000),
  rate(/^\/acme\/(?!renewal-info\/)/, all),
];

/** By where the URLs begin. Staging as of 2026-04-10: https://letsencrypt.org/docs/staging-environment/ */
const known: readonly (readonly [origin: string, rates: readonly RequestRate[]])[] = [
  ['https://acme-v02.api.letsencrypt.org/', letsEncrypt(250)],
  ['https://acme-staging-v02.api.letsencrypt.org/', letsEncrypt(20)],
];

const none: readonly RequestRate[] = [];

/** Returns the rates that a request to this URL counts for, the narrowest first. None if its CA publishes none. */
export function requestRatesOf(url: string): readonly RequestRate[] {
  const [origin, rates] = known.find(([start]) => url.startsWith(start)) ?? ['', none];
  const path = url.slice(origin.length - 1);
  return rates.filter(({ paths }) => paths.test(path));
}
