import { present } from '../text/present.ts';
import { type LimitId, limitOfAnchor } from './rate-limits.ts';

/** What a refusal says about the limit that is used up. */
export interface LimitRefusal {
  readonly limit?: LimitId;
  /** The registered domain or the identifier whose limit it is. The limits of accounts and sets name none. */
  readonly limitOf?: string;
  /** When the CA accepts the request, in ms since 1970 by its clock. Boulder cuts it to whole seconds. */
  readonly retryAtMs?: number;
}

/**
 * Reads the detail of a `rateLimited` problem. Boulder writes `too many certificates (50) already issued for
 * "example.com" in the last 168h0m0s, retry after 2026-11-24 15:23:22 UTC: see https://…/docs/rate-limits/#…`.
 */
export function readLimitRefusal(detail: string): LimitRefusal {
  const limitOf = / for "([^"\s/][^"\s]{0,253})" in the last /.exec(detail)?.[1];
  const [, day, time] = / retry after (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC\b/.exec(detail) ?? [];
  const retryAtMs = Date.parse(`${day}T${time}Z`);
  return present({
    limit: limitOfAnchor(detail),
    limitOf,
    retryAtMs: Number.isNaN(retryAtMs) ? undefined : retryAtMs,
  });
}

/**
 * Reads the detail of a `rateLimited` problem that is a pause, which only a person can end. It names the page for that,
 * and one of the paused identifiers: `Your account is temporarily prevented from requesting certificates for
 * a.example.com and possibly others. Please visit: https://…/sfe/v1/unpause?jwt=…`. Returns undefined for any other.
 */
export function readPause(detail: string): LimitRefusal | undefined {
  if (!/https?:\/\/\S+\/unpause(?![\w-])/.test(detail)) return undefined;
  const limitOf = / requesting certificates for (\S{1,253}) and possibly others/.exec(detail)?.[1];
  return present({ limit: 'pausingFailures', limitOf });
}
