import type { z } from 'zod';
import type { CertfleetError } from '../core/errors/errors.ts';
import { longestTypedText, remoteText } from '../core/errors/remote-text.ts';
import { nearest } from '../core/text/nearest.ts';
import { present } from '../core/text/present.ts';
import { knownKeys } from './registry/option-fields.ts';

/** One problem in a configuration. */
export interface Problem {
  /** Keys and indexes from the top: `certificates`, 0, `issuer`. */
  readonly path: readonly PropertyKey[];
  /** One sentence that says how to fix the problem, without secrets. */
  readonly message: string;
  /** Whether the key is wrong, not its value. */
  readonly onKey?: boolean;
  /** Whether there is nothing at the path. */
  readonly missing?: boolean;
  /** For an unknown key, the known one that was probably meant. */
  readonly meant?: string;
  /** The line, if the text could not be parsed. */
  readonly line?: number;
  /** The underlying error, if it has its own code. */
  readonly error?: CertfleetError;
}

/** Adds a problem to those of one entry, in place: there may be tens of thousands. */
export function addProblem<Entry>(found: Map<Entry, Problem[]>, entry: Entry, problem: Problem): void {
  const known = found.get(entry);
  if (known) known.push(problem);
  else found.set(entry, [problem]);
}

/** Formats a path for messages: `certificates[0].issuer`. */
export const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');

/** Names for what is at a path in messages: the keys of a file, or the flags of a command. */
export interface Places {
  /** Returns `certificates[0].keyType`, or `--key-type rsa1`. */
  at(path: readonly PropertyKey[]): string;
  /**
   * Returns ` in solvers.web`, to follow something in that group, or an empty text for flags, which are named as a
   * whole.
   */
  within(path: readonly PropertyKey[]): string;
}

/** The names for a file. */
export const keys: Places = {
  at: (path) => shown(pathText(path)),
  within: (path) => (path.length === 0 ? '' : ` in ${shown(pathText(path))}`),
};

/** Returns a text from a configuration, or the beginning of a long one, as a message can repeat it. */
export const shown = (text: string): string => remoteText(text, longestTypedText);

/** A part of a configuration that is checked separately. */
export interface Part {
  /** The part's path in the whole configuration. */
  readonly base: readonly PropertyKey[];
  readonly places?: Places;
}

const whole: Part = { base: [] };

/**
 * Describes zod's issues, with the nearest known key for an unknown one.
 *
 * @param value the checked value, to distinguish missing from wrong values
 */
export const problemsOf = (
  error: { readonly issues: readonly z.core.$ZodIssue[] },
  schema: z.ZodType,
  value: unknown,
  part: Part = whole,
): readonly Problem[] =>
  withoutEchoes(
    error.issues.flatMap((issue): Problem[] => {
      const { base, places = keys } = part;
      const path = [...base, ...issue.path];
      if (issue.code === 'unrecognized_keys')
        return issue.keys.map((key) => unknownKey(key, knownKeys(schema, issue.path) ?? [], { ...part, base: path }));
      const where = places.at(path) || 'the configuration';
      const given = valueAt(value, issue.path);
      if (given === undefined || given === null)
        // "is missing" is clearer than any message about a wrong type.
        return [
          {
            path,
            missing: true,
            message: `"${shown(String(path.at(-1) ?? ''))}" ${given === null ? 'has no value' : 'is missing'}${places.within(path.slice(0, -1))}`,
          },
        ];
      const ofGroup = issue.code === 'invalid_union' && kindOf(given) === kindOf({}) && nearestOf(issue.errors);
      if (ofGroup) {
        const issues = ofGroup.map((one) => ({ ...one, path: [...issue.path, ...one.path] }));
        return [...problemsOf({ issues }, schema, value, part)];
      }
      const [ofKey] = issue.code === 'invalid_key' ? issue.issues : [];
      if (ofKey && path.at(-1) === '')
        return [{ path, onKey: true, message: `${places.at(path.slice(0, -1))}: a name must not be empty` }];
      if (ofKey) return [{ path, onKey: true, message: `${where} ${lowerFirst(ofKey.message)}` }];
      if (issue.code === 'invalid_type') return [{ path, message: `${where} ${typeProblem(issue, given)}` }];
      const limit = limitProblem(issue);
      if (limit !== undefined) return [{ path, message: `${where} ${limit}` }];
      return [{ path, message: `${where}: ${lowerFirst(issue.message.replace(/^Invalid input: /, ''))}` }];
    }),
  );

/** Returns the issues of the form that a group is most likely meant to have: the one whose keys it has. */
function nearestOf(forms: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | undefined {
  const others = (issues: readonly z.core.$ZodIssue[]) =>
    issues.reduce((sum, one) => sum + (one.code === 'unrecognized_keys' ? one.keys.length : 0), 0);
  return forms.filter(isDeeper).toSorted((a, b) => others(a) - others(b))[0];
}

/** Reports whether the issues concern the content of the value, and not its type. */
const isDeeper = (issues: readonly z.core.$ZodIssue[]): boolean =>
  issues.every(({ code, path }) => code !== 'invalid_type' || path.length > 0);

/** Returns the schema's own message for a value of the wrong type, or the required type. */
function typeProblem({ message, expected }: z.core.$ZodIssueInvalidType, given: unknown): string {
  if (!message.startsWith('Invalid input')) return message;
  const quotes = expected === 'string' && typeof given !== 'object' ? ': put it in quotes' : '';
  return `must be ${typeWords[expected] ?? expected}, not ${kindOf(given)}${quotes}`;
}

/** Describes a limit that the value exceeds, unless the schema has a message of its own for it. */
function limitProblem(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === 'too_small' && issue.message.startsWith('Too small'))
    return issue.minimum === 1 && issue.origin in units
      ? 'must not be empty'
      : limitText(issue.origin, 'at least', issue.minimum);
  if (issue.code === 'too_big' && issue.message.startsWith('Too big'))
    return limitText(issue.origin, 'at most', issue.maximum);
  return undefined;
}

const limitText = (origin: string, limit: string, value: number | bigint): string =>
  origin in units ? `must have ${limit} ${value} ${units[origin]}` : `must be ${limit} ${value}`;

const units: Readonly<Record<string, string>> = { string: 'characters', array: 'entries' };

/** Omits `"solver" is missing` beside `unknown key "solvr"; did you mean "solver"?`, because they are one mistake. */
export function withoutEchoes(problems: readonly Problem[]): readonly Problem[] {
  const meant = new Set(
    problems.flatMap((p) => (p.meant === undefined ? [] : [pathText([...p.path.slice(0, -1), p.meant])])),
  );
  return problems.filter((problem) => !(problem.missing && meant.has(pathText(problem.path))));
}

/** Returns the problem of an unknown key in a group. */
export const unknownKey = (key: string, known: readonly string[], { base, places = keys }: Part = whole): Problem => {
  const meant = nearest(key, known);
  if (meant === key)
    return {
      ...{ path: [...base, key], onKey: true },
      message: `${places.at([...base, key])} excludes the other keys of its group`,
    };
  const all = known.length > 0 ? `; available: ${known.join(', ')}` : '';
  const list = meant === undefined ? all : `; did you mean "${meant}"?`;
  return {
    path: [...base, key],
    onKey: true,
    ...present({ meant }),
    message: `unknown key "${remoteText(key, 60)}"${places.within(base)}${list}`,
  };
};

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
  record: 'a group of names',
};

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a group of keys';
  if (typeof value === 'string') return 'text';
  return typeof value === 'boolean' ? 'true or false' : `a ${typeof value}`;
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, key)
        ? (at as Record<PropertyKey, unknown>)[key]
        : undefined,
    value,
  );

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
