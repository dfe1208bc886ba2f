import { type CertfleetError, fail } from '../core/errors.ts';
import { adviceFor, shortType } from '../core/problem.ts';
import type { Problem } from '../ports/issuer.ts';
import { type Answer, readLink, readWebPage } from './answer.ts';
import { describeProblem, problemOf } from './problem.ts';
import type { AskedFor } from './requests.ts';

/** What a limit without a time is taken for: the back-off's own first step, which then goes on. */
const unnamedLimitMs = 60_000;

/**
 * The one place where an answer that is no success becomes an error.
 *
 * A pause of Boulder's is a `rateLimited` without Retry-After whose text names the page where a person ends it: an
 * ordinary limit of Boulder's always says when.
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
    if (waits === undefined && type === 'rateLimited' && /https?:\/\//.test(detail))
      return fail('acme/paused', { issuer, detail }, kept);
    return fail('acme/rate-limited', { issuer, what, detail }, { ...kept, ...at(waits ?? unnamedLimitMs) });
  }
  if (problem === undefined || answer.status >= 500) {
    const status = problem ? `${answer.status} (${describeProblem(problem)})` : `HTTP ${answer.status}`;
    return fail('acme/busy', { issuer, status, what }, { ...kept, ...at(waits) });
  }
  const pages = type === 'userActionRequired' ? pagesOf(answer, problem) : '';
  return fail(
    'acme/problem',
    { issuer, what, detail: `${describeProblem(problem)}${pages}`, advice: adviseOn(problem.type) },
    { ...kept, ...at(waits) },
  );
}

/** Where a person is to act (RFC 8555 §7.3.3): the problem's own page, and new terms of service. */
function pagesOf(answer: Answer, problem: Problem): string {
  const terms = readWebPage(readLink(answer.headers['link'], 'terms-of-service'));
  const pages = [readWebPage(problem.instance), terms && `${terms} (the terms of service)`];
  const told = pages.filter((page) => page !== undefined).join(' and ');
  return told === '' ? '' : `: see ${told}`;
}
