import { shortType } from '../core/ca/problem-advice.ts';
import { longestRemoteText, remoteText } from '../core/errors/remote-text.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import type { Problem } from '../ports/issuer.ts';
import { type Answer, mediaType, readObject, readText, readWebPage } from './answer.ts';
import { readIdentifier } from './identifier.ts';

type Subproblem = Problem['subproblems'][number];

const mostSubproblems = 100;
const longestType = 200;
/** The minimum share of one subproblem, if there are many: enough for a sentence. */
const shortestShare = 100;

/**
 * Reads a problem document (RFC 7807, RFC 8555 §6.7). Its texts are shortened, and all its subproblems share one limit.
 * Returns undefined if the value is not a problem document. Omits invalid parts, because refusing an error message
 * would hide it.
 */
export function readProblem(value: unknown): Problem | undefined {
  if (!isFields(value)) return undefined;
  if (typeof value['type'] !== 'string' && typeof value['detail'] !== 'string') return undefined;
  const listed = Array.isArray(value['subproblems']) ? value['subproblems'].slice(0, mostSubproblems) : [];
  const share = Math.max(shortestShare, Math.floor(longestRemoteText / Math.max(1, listed.length)));
  return {
    ...readBare(value, longestRemoteText),
    subproblems: listed.flatMap((one) => readSubproblem(one, share)),
  };
}

function readBare(value: Fields, most: number): Problem {
  const problem: Problem = {
    // RFC 7807 §4.2: the default type.
    type: readText(value['type'], longestType) || 'about:blank',
    detail: readText(value['detail'], most) || readText(value['title'], most) || '',
    status: typeof value['status'] === 'number' ? value['status'] : undefined,
    subproblems: [],
  };
  const instance = readWebPage(value['instance']);
  const algorithms = readAlgorithms(value['algorithms']);
  return {
    ...problem,
    ...present({ instance, algorithms: algorithms.length === 0 ? undefined : algorithms }),
  };
}

/** Reads the algorithms that the CA accepts, which badSignatureAlgorithm lists (RFC 8555 §6.2). */
const readAlgorithms = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : [])
    .filter((name): name is string => typeof name === 'string' && /^[\w-]{1,20}$/.test(name))
    .slice(0, 20);

function readSubproblem(value: unknown, most: number): readonly Subproblem[] {
  if (!isFields(value)) return [];
  try {
    return [{ ...readBare(value, most), identifier: readIdentifier(value['identifier']) }];
  } catch {
    return [readBare(value, most)];
  }
}

/** Returns the problem document in a response, or undefined for a load balancer's page or an empty body. */
export function problemOf(answer: Answer): Problem | undefined {
  if (!mediaType(answer).endsWith('json')) return undefined;
  try {
    return readProblem(readObject(answer));
  } catch {
    return undefined;
  }
}

/** Formats a problem on one line for people: its detail, its type, and its subproblems. */
export function describeProblem(problem: Problem): string {
  const parts = problem.subproblems.map(({ identifier, type, detail }) => {
    const about = identifier ? `${identifier.value}: ` : '';
    return `${about}${detail || shortType(type)}`;
  });
  const more = parts.length === 0 ? '' : ` [${parts.join('; ')}]`;
  const { algorithms } = problem;
  const accepted = algorithms === undefined ? '' : `; it accepts ${algorithms.join(', ')}`;
  return remoteText(`${problem.detail || 'no reason given'} (${shortType(problem.type)})${more}${accepted}`);
}
