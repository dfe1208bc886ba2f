import { shortType } from '../core/problem.ts';
import type { Problem } from '../ports/issuer.ts';
import { type Answer, type Fields, isFields, mediaType, readObject } from './answer.ts';
import { readIdentifier } from './identifier.ts';

type Subproblem = Problem['subproblems'][number];

// A CA's text is shown on terminals and stored in documents of at most 256 KiB.
const longestText = 4_000;
const mostSubproblems = 100;

const clean = (value: unknown): string =>
  typeof value === 'string' ? value.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, longestText) : '';

/**
 * Reads a problem document (RFC 7807, RFC 8555 §6.7) and removes control characters from its texts. Returns undefined
 * if the value is not one. Invalid parts are omitted, because refusing an error message would hide it.
 */
export function readProblem(value: unknown): Problem | undefined {
  if (!isFields(value)) return undefined;
  if (typeof value['type'] !== 'string' && typeof value['detail'] !== 'string') return undefined;
  const listed = Array.isArray(value['subproblems']) ? value['subproblems'].slice(0, mostSubproblems) : [];
  return { ...readBare(value), subproblems: listed.flatMap(readSubproblem) };
}

function readBare(value: Fields): Problem {
  const problem: Problem = {
    // RFC 7807 §4.2: the default type.
    type: clean(value['type']) || 'about:blank',
    detail: clean(value['detail']) || clean(value['title']),
    status: typeof value['status'] === 'number' ? value['status'] : undefined,
    subproblems: [],
  };
  return typeof value['instance'] === 'string' ? { ...problem, instance: clean(value['instance']) } : problem;
}

function readSubproblem(value: unknown): readonly Subproblem[] {
  if (!isFields(value)) return [];
  try {
    return [{ ...readBare(value), identifier: readIdentifier(value['identifier']) }];
  } catch {
    return [readBare(value)];
  }
}

/** The problem document of an answer; undefined for a load balancer's page or an empty body. */
export function problemOf(answer: Answer): Problem | undefined {
  if (!mediaType(answer).endsWith('json')) return undefined;
  try {
    return readProblem(readObject(answer));
  } catch {
    return undefined;
  }
}

/** A problem on one line for people: its detail, its type, and its subproblems. */
export function describeProblem(problem: Problem): string {
  const parts = problem.subproblems.map(({ identifier, type, detail }) => {
    const about = identifier ? `${identifier.value}: ` : '';
    return `${about}${detail || shortType(type)}`;
  });
  const more = parts.length === 0 ? '' : ` [${parts.join('; ')}]`;
  return `${problem.detail || 'no reason given'} (${shortType(problem.type)})${more}`;
}
