import { isFields } from '../core/text/json.ts';
import type { RenewalInfo } from '../ports/issuer.ts';
import { type Answer, MalformedAnswer, readObject, readRetryAfter, readWebPage } from './answer.ts';

const minuteMs = 60_000;
// RFC 9773 §4.3.2: clamp to sane limits, for instance 1 min and 1 day; §4.3.3: 6 h if there is none.
const limits = { minMs: minuteMs, maxMs: 24 * 60 * minuteMs };
const defaultMs = 6 * 60 * minuteMs;

/** RFC 3339 (§5.6); Date.parse alone would also accept `2026` or `1 Jan`. */
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function readInstant(value: unknown, what: string): number {
  const instant = typeof value === 'string' && rfc3339.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(instant)) throw new MalformedAnswer(`the ${what} of the suggested window is not an RFC 3339 time`);
  return instant;
}

/**
 * Reads renewal information (RFC 9773 §4.2). A window that ends before it starts must be treated like a missing
 * response, so it is malformed. Returns the times in UTC.
 */
export function readRenewalInfo(answer: Answer): RenewalInfo {
  const fields = readObject(answer);
  const window = fields['suggestedWindow'];
  if (!isFields(window)) throw new MalformedAnswer('the suggested window is missing');
  const start = readInstant(window['start'], 'start');
  const end = readInstant(window['end'], 'end');
  if (end <= start) throw new MalformedAnswer('the suggested window ends before it starts');
  return {
    start: new Date(start).toISOString(),
    end: new Date(end).toISOString(),
    explanationUrl: readWebPage(fields['explanationURL']),
    retryAfterMs: readRetryAfter(answer, limits) ?? defaultMs,
  };
}
