import { problemType, shortType } from '../ca/problem-advice.ts';
import { isFailure, type RefusedName } from '../errors/errors.ts';
import { remoteText } from '../errors/remote-text.ts';
import { baseName, type Identifier } from '../names/identifier.ts';
import type { CertificateSpec, StoredSpec } from '../spec/spec.ts';
import { withIdentifiers } from '../spec/spec-parts.ts';

/** Errors that may concern only some of a certificate's names, and that persist. A rate limit ends by itself. */
const aboutNames = [
  'acme/invalid-authorization',
  'acme/invalid-order',
  'acme/problem',
  'preflight/no',
  'dns/zone-not-found',
] as const;

/** Reasons are stored for up to a hundred names. */
const longestReason = 200;

/**
 * Returns the names to leave out after this error, if the spec allows that and others remain. An error that names no
 * identifiers concerns the certificate as a whole.
 */
export function namesToDrop(
  error: unknown,
  { identifiers, onFailedName }: Pick<CertificateSpec, 'identifiers' | 'onFailedName'>,
): readonly RefusedName[] {
  if (onFailedName !== 'drop' || !isFailure(error, ...aboutNames)) return [];
  const refused = error.names ?? namesInProblem(error, identifiers);
  const dropped = identifiers.flatMap((one): RefusedName[] => {
    const reason = refused.find(({ identifier }) => meansName(identifier, one, identifiers))?.reason;
    return reason === undefined ? [] : [{ identifier: one.value, reason: remoteText(reason, longestReason) }];
  });
  return dropped.length < identifiers.length ? dropped : [];
}

/** Matches a wildcard by its base name, too: not every CA says that it means the wildcard. */
const meansName = (said: string, one: Identifier, all: readonly Identifier[]): boolean =>
  said === one.value || (said === baseName(one) && all.every(({ value }) => value !== said));

interface Problem {
  readonly detail?: string | undefined;
  readonly subproblems?: readonly (Problem & {
    readonly type: string;
    readonly identifier?: { readonly value: string };
  })[];
}

/**
 * Returns what a CA says about single identifiers: in subproblems or, as Boulder does for a single one, only in the
 * text.
 */
function namesInProblem(
  error: { readonly problem: unknown; readonly message: string },
  identifiers: readonly Identifier[],
): readonly RefusedName[] {
  const { detail = '', subproblems = [] } = (error.problem ?? {}) as Problem;
  if (subproblems.some(({ type }) => shortType(type) === 'rateLimited')) return [];
  if (subproblems.length > 0)
    return subproblems.flatMap(({ identifier, detail: reason = '' }) =>
      identifier === undefined ? [] : [{ identifier: identifier.value, reason }],
    );
  if (!['rejectedIdentifier', 'caa'].includes(problemType(error) ?? '')) return [];
  const named = identifiers.filter(({ value }) => isNamedIn(detail, value));
  return named.length === 1 ? [{ identifier: named[0]!.value, reason: detail }] : [];
}

/** Reports whether a text contains a name that is not part of a longer one. */
const isNamedIn = (text: string, name: string): boolean =>
  text.split(/[^\w*:.-]+/).some((word) => word.replace(/[.:]+$/, '').toLowerCase() === name);

/** Returns the spec without some of its names, as it is ordered. */
export function withoutNames(stored: StoredSpec, dropped: readonly RefusedName[]): StoredSpec {
  const left = new Set(dropped.map(({ identifier }) => identifier));
  return withIdentifiers(stored, ({ value }) => !left.has(value));
}
