import { fail } from '../errors/errors.ts';
import { baseName, type Identifier } from '../names/identifier.ts';
import type { AdapterSettings, CertificateSpec, Presenter, StoredSpec } from './spec.ts';

/** The names of a certificate's solvers. */
export type NamedSolvers = Pick<CertificateSpec, 'solver' | 'solvers'>;

/**
 * A certificate whose identifiers have different solvers, seen by each of them: a spec with that solver alone and the
 * identifiers that it answers. A spec with one solver is its own only part.
 */
export function partsOf(stored: StoredSpec): readonly StoredSpec[] {
  const { spec } = stored;
  if (!spec.solvers) return [stored];
  const names = new Set(spec.identifiers.map((identifier) => solverNameOf(spec, identifier)));
  return [...names].map((name) => ({
    ...withSolver(stored, { name, solver: settingsOf(stored, name), preflight: stored.preflight }),
    spec: {
      ...withoutSolvers(spec),
      solver: name,
      identifiers: spec.identifiers.filter((identifier) => solverNameOf(spec, identifier) === name),
    },
  }));
}

/** The name of the solver that answers for an identifier. */
export const solverNameOf = ({ solver, solvers }: NamedSolvers, { value }: Identifier): string =>
  (solvers && Object.hasOwn(solvers, value) ? solvers[value] : undefined) ?? solver;

/** The part that answers for an identifier, which a CA may give without the `*.` of the order. */
export function partFor(stored: StoredSpec, value: string): StoredSpec {
  const parts = partsOf(stored);
  const has = (isIt: (one: Identifier) => boolean) => parts.find(({ spec }) => spec.identifiers.some(isIt));
  return has((one) => one.value === value) ?? has((one) => baseName(one) === value) ?? parts[0] ?? stored;
}

/** The spec with one solver for all of its identifiers. */
export function withSolver(stored: StoredSpec, { name, solver, preflight }: Presenter): StoredSpec {
  const { solvers: _others, ...rest } = stored;
  return { ...rest, spec: { ...withoutSolvers(stored.spec), solver: name }, solver, preflight };
}

function withoutSolvers({ solvers: _others, ...spec }: CertificateSpec): CertificateSpec {
  return spec;
}

function settingsOf({ spec, solver, solvers }: StoredSpec, name: string): StoredSpec['solver'] {
  const found = name === spec.solver ? solver : solvers?.[name];
  if (!found) throw fail('bug/unexpected', { reason: `the settings of ${spec.name} lack the solver ${name}` });
  return found;
}

/** The settings of all solvers of a spec, out of these. */
export function solverSettings(
  { name: certificate, solver: main, solvers }: CertificateSpec,
  all: Readonly<Record<string, AdapterSettings>>,
): Pick<StoredSpec, 'solver' | 'solvers'> {
  const find = (name: string): AdapterSettings => {
    const found = Object.hasOwn(all, name) ? all[name] : undefined;
    if (!found) throw fail('bug/unexpected', { reason: `the settings of ${certificate} lack the solver ${name}` });
    return found;
  };
  const solver = find(main);
  if (!solvers) return { solver };
  return { solver, solvers: Object.fromEntries(Object.values(solvers).map((name) => [name, find(name)])) };
}

/** The solvers of these identifiers: each has its own one in `solvers`, or `solver`. */
export function solversFor(identifiers: readonly Identifier[], { solver, solvers = {} }: NamedSolvers): NamedSolvers {
  const own = identifiers.flatMap(({ value }) => {
    const name = Object.hasOwn(solvers, value) ? solvers[value] : undefined;
    return name === undefined || name === solver ? [] : [[value, name] as const];
  });
  const [first] = own;
  if (first === undefined) return { solver };
  // Nothing is left for the default, so the first one takes its place.
  if (own.length === identifiers.length) return solversFor(identifiers, { solver: first[1], solvers });
  return { solver, solvers: Object.fromEntries(own) };
}
