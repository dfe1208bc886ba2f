import { shortType } from '../core/problem.ts';
import type { Problem } from '../ports/issuer.ts';
import { type Answer, type Fields, isFields, mediaType, readObject } from './answer.ts';
import { readIdentifier } from './identifier.ts';

type Subproblem = Problem['subproblems'][number];

// What a CA says is shown on terminals and kept in documents of at most 256 KiB.
const longestText = 4_000;
const mostSubproblems = 100;

const clean = (value: unknown): string =>
  typeof value === 'string' ? value.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, longestText) : '';

/**
 * A problem document (RFC 7807, RFC 8555 §6.7), whole, with control characters taken out of its texts; undefined
 * where the value is none. It is an error that is being read: what is odd in it is left out, not refused.
 */
export function readProblem(value: unknown): Problem | undefined {
  if (!isFields(value)) return undefined;
  if (typeof value['type'] !== 'string' && typeof value['detail'] !== 'string') return undefined;
  const listed = Array.isArray(value['subproblems']) ? value['subproblems'].slice(0, mostSubproblems) : [];
  return { ...readBare(value), subproblems: listed.flatMap(readSubproblem) };
}

function readBare(value: Fields): Problem {
  const problem: Problem = {
    // RFC 7807 §4.2: where there is no type, it is this one.
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

/** The problem document of an answer, or undefined: a page of a balancer, an empty body. */
export function problemOf(answer: Answer): Problem | undefined {
  if (!mediaType(answer).endsWith('json')) return undefined;
  try {
    return readProblem(readObject(answer));
  } catch {
    return undefined;
  }
}

/** A problem in one line for people: its detail, its type, and what each subproblem is about. */
export function describeProblem(problem: Problem): string {
  const parts = problem.subproblems.map(({ identifier, type, detail }) => {
    const about = identifier ? `${identifier.value}: ` : '';
    return `${about}${detail || shortType(type)}`;
  });
  const more = parts.length === 0 ? '' : ` [${parts.join('; ')}]`;
  return `${problem.detail || 'no reason given'} (${shortType(problem.type)})${more}`;
}
