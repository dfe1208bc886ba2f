import { fail } from '../errors/errors.ts';
import { baseName, type Identifier } from '../names/identifier.ts';
import { present } from '../text/present.ts';
import type { AdapterSettings, CertificateSpec, NamedAdapter, Part, Presenter, StoredSpec } from './spec.ts';

/** A certificate's solver, with everything it needs. */
export interface OwnedSolver extends Presenter {
  /** The certificate's name. The certificate may have its own credentials. */
  readonly name: string;
}

/** A certificate as seen by one of its solvers: only the identifiers that this solver answers. */
export interface PartSpec extends OwnedSolver, Required<Part> {}

export function partsOf({ name, identifiers, parts, preflight }: StoredSpec): readonly PartSpec[] {
  const listed = new Set(parts.flatMap((part) => part.identifiers ?? []).map(({ value }) => value));
  const others = listed.size === 0 ? identifiers : identifiers.filter(({ value }) => !listed.has(value));
  return parts.map((part) => ({ name, identifiers: others, ...part, preflight }));
}

/** Returns the part that answers for an identifier, which a CA may give without the `*.` of the order. */
export function partFor(stored: StoredSpec, value: string): PartSpec {
  const parts = partsOf(stored);
  const has = (isIt: (one: Identifier) => boolean) => parts.find(({ identifiers }) => identifiers.some(isIt));
  const found = has((one) => one.value === value) ?? has((one) => baseName(one) === value) ?? parts[0];
  if (!found) throw fail('bug/unexpected', { reason: `the settings of ${stored.name} lack a solver` });
  return found;
}

/** Returns the spec with only some of its identifiers. */
export function withIdentifiers<T extends StoredSpec>(stored: T, isKept: (one: Identifier) => boolean): T {
  const left = partsOf(stored).flatMap(({ solver, identifiers }) => {
    const kept = identifiers.filter(isKept);
    return kept.length === 0 ? [] : [{ solver, identifiers: kept }];
  });
  const parts = left.map((part, index) => (index === 0 ? { solver: part.solver } : part));
  return { ...stored, identifiers: stored.identifiers.filter(isKept), parts };
}

/** The names of a certificate's solvers. */
export type NamedSolvers = Pick<CertificateSpec, 'solver' | 'solvers'>;

/** Returns the name of the solver that answers for an identifier. */
export const solverNameOf = ({ solver, solvers }: NamedSolvers, { value }: Identifier): string =>
  (solvers && Object.hasOwn(solvers, value) ? solvers[value] : undefined) ?? solver;

/** Returns adapters that refer to no others. */
export const namedAdapters = (all: Readonly<Record<string, AdapterSettings>>): Readonly<Record<string, NamedAdapter>> =>
  Object.fromEntries(Object.entries(all).map(([name, settings]) => [name, { name, settings }]));

/** Returns the parts of a certificate that names some of these solvers. */
export function partsFrom(
  certificate: Pick<CertificateSpec, 'name' | 'identifiers'> & NamedSolvers,
  declared: Readonly<Record<string, NamedAdapter>>,
): readonly Part[] {
  const { name: owner, identifiers, solver, solvers = {} } = certificate;
  return [...new Set([solver, ...Object.values(solvers)])].map((name, index) => {
    const found = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (!found) throw fail('bug/unexpected', { reason: `the settings of ${owner} lack the solver ${name}` });
    if (index === 0) return { solver: found };
    return { solver: found, identifiers: identifiers.filter((one) => solverNameOf(certificate, one) === name) };
  });
}

/** Returns the solvers of these identifiers: each has an entry in `solvers`, or uses `solver`. */
export function solversFor(identifiers: readonly Identifier[], { solver, solvers = {} }: NamedSolvers): NamedSolvers {
  const own = identifiers.flatMap(({ value }) => {
    const name = Object.hasOwn(solvers, value) ? solvers[value] : undefined;
    return name === undefined || name === solver ? [] : [[value, name] as const];
  });
  const [first] = own;
  if (first === undefined) return { solver };
  // No identifier uses the default, so the first one's solver takes its place.
  if (own.length === identifiers.length) return solversFor(identifiers, { solver: first[1], solvers });
  return { solver, solvers: Object.fromEntries(own) };
}

/** Returns a stored certificate in its declared form. */
export function declaredAs({ issuer, parts, targets, preflight: _own, ...certificate }: StoredSpec): CertificateSpec {
  const { name, identifiers, ...rest } = certificate;
  const [usual, ...others] = parts;
  const solvers = others.flatMap(({ solver, identifiers: theirs = [] }) =>
    theirs.map(({ value }) => [value, solver.name] as const),
  );
  return {
    ...{ name, identifiers },
    issuer: issuer.name,
    solver: usual?.solver.name ?? '',
    ...present({ solvers: solvers.length === 0 ? undefined : Object.fromEntries(solvers) }),
    deploy: targetNames({ targets }),
    ...rest,
  };
}

export const targetNames = ({ targets }: Pick<StoredSpec, 'targets'>): readonly string[] =>
  targets.map(({ name }) => name);

/** Returns the names of everything that is delivered to or checked: the targets, then the endpoints. */
export const targetsAndEndpoints = (stored: Pick<StoredSpec, 'targets' | 'endpoints'>): readonly string[] => [
  ...targetNames(stored),
  ...stored.endpoints,
];

/** Returns what is stored about a target. */
export const targetOf = ({ targets }: Pick<StoredSpec, 'targets'>, target: string): NamedAdapter | undefined =>
  targets.find(({ name }) => name === target);
