import { adviceFor, shortType } from '../core/ca/problem-advice.ts';
import { longestRetryAfterMs } from '../core/ca/retry-after.ts';
import { type CertfleetError, fail } from '../core/errors/errors.ts';
import { readLimitRefusal, readPause } from '../core/limits/limit-refusal.ts';
import type { Problem } from '../ports/issuer.ts';
import { type Answer, readLink, readWebPage } from './answer.ts';
import { describeProblem, problemOf } from './problem.ts';
import type { AskedFor } from './requests.ts';

/** The wait for a limit without a time: the first step of the back-off, which continues from there. */
const unnamedLimitMs = 60_000;
/** Boulder omits a Retry-After of less than half a second. */
const soonMs = 1_000;

/**
 * Turns a response into an error. This is the only place that does.
 *
 * When Boulder pauses an account, it sends `rateLimited` without Retry-After and names a page where a person can end
 * the pause.
 */
export function refusal(answer: Answer, issuer: string, ask: AskedFor): CertfleetError {
  const { what, adviseOn = adviceFor } = ask;
  const problem = problemOf(answer);
  const waits = answer.retryAfterMs;
  const at = (ms: number | undefined) =>
    ms === undefined ? {} : { retryAt: new Date(answer.receivedAt.getTime() + ms) };
  const kept = problem === undefined ? {} : { problem };
  const type = problem && shortType(problem.type);

  if (answer.status === 429 || type === 'rateLimited') {
    const detail = problem ? describeProblem(problem) : `HTTP ${answer.status}`;
    const pause = waits === undefined && type === 'rateLimited' ? readPause(detail) : undefined;
    if (pause) return fail('acme/paused', { issuer, detail }, { problem: { ...problem, ...pause } });
    const { retryAtMs, ...named } = readLimitRefusal(problem?.detail ?? '');
    const limited = problem === undefined ? {} : { problem: { ...problem, ...named } };
    const waitMs = waits ?? waitInText(answer, retryAtMs) ?? (named.limit ? soonMs : unnamedLimitMs);
    return fail('acme/rate-limited', { issuer, what, detail }, { ...limited, ...at(waitMs) });
  }
  if (problem === undefined || answer.status >= 500) {
    const status = problem ? `${answer.status} (${describeProblem(problem)})` : `HTTP ${answer.status}`;
    // A 404 may be about an order that the CA no longer has (`mayMeanOrderGone`).
    const bare = problem === undefined && answer.status === 404 ? { problem: { status: 404 } } : kept;
    return fail('acme/busy', { issuer, status, what }, { ...bare, ...at(waits) });
  }
  const pages = type === 'userActionRequired' ? pagesOf(answer, problem) : '';
  return fail(
    'acme/problem',
    { issuer, what, detail: `${describeProblem(problem)}${pages}`, advice: adviseOn(problem.type) },
    { ...kept, ...at(waits) },
  );
}

/** Returns how long to wait until a time that the text of a limit names, which is a time of the CA's clock. */
const waitInText = ({ sentAt, receivedAt }: Answer, retryAtMs: number | undefined): number | undefined =>
  retryAtMs === undefined
    ? undefined
    : Math.min(Math.max(retryAtMs - (sentAt ?? receivedAt).getTime(), soonMs), longestRetryAfterMs);

/** Returns the pages where a person must act (RFC 8555 §7.3.3): the problem's own, and new terms of service. */
function pagesOf(answer: Answer, problem: Problem): string {
  const terms = readWebPage(readLink(answer.headers['link'], 'terms-of-service'));
  const pages = [readWebPage(problem.instance), terms && `${terms} (the terms of service)`];
  const all = pages.filter((page) => page !== undefined).join(' and ');
  return all === '' ? '' : `: see ${all}`;
}
