import { entryOf } from '../../config/certificates/certificate-entry.ts';
import { challengesOf, type Registry } from '../../config/registry/registry.ts';
import { isOverDns } from '../../core/ca/challenge-type.ts';
import { type Identifier, isWildcard } from '../../core/names/identifier.ts';
import { deployHookTarget } from '../../core/spec/hooks.ts';
import type { NamedAdapter, NamedIssuer, PreflightSettings, StoredSpec } from '../../core/spec/spec.ts';
import { declaredAs, type NamedSolvers, solverNameOf, solversFor } from '../../core/spec/spec-parts.ts';

type Adapters = Readonly<Record<string, NamedAdapter>>;

/** The stored settings of a certificate in the form of a configuration, for the settings that no flag changes. */
export interface Kept {
  readonly entry: Readonly<Record<string, unknown>>;
  readonly issuer: NamedIssuer;
  readonly solvers: Adapters;
  /** The solvers that change another zone on behalf of these. */
  readonly elsewhere: Adapters;
  readonly deployers: Adapters;
  readonly preflight: PreflightSettings;
  /** Returns the stored solver of each identifier. */
  solversOf(identifiers: readonly Identifier[]): NamedSolvers;
}

export function keptOf(stored: StoredSpec, registry: Registry): Kept {
  const { issuer, parts, targets, preflight } = stored;
  const solvers = parts.map(({ solver }) => solver);
  return {
    entry: entryOf(declaredAs(stored)),
    issuer,
    solvers: byName(solvers),
    elsewhere: byName(solvers.flatMap(({ uses = [] }) => uses.filter(({ kind }) => kind === 'solver'))),
    deployers: byName(targets.filter(({ name }) => name !== deployHookTarget)),
    preflight,
    solversOf: (identifiers) => solversIn(stored, identifiers, registry),
  };
}

const byName = (all: readonly NamedAdapter[]): Adapters => Object.fromEntries(all.map((one) => [one.name, one]));

/** Returns the stored solvers. A new wildcard gets the solver that answers over DNS. */
function solversIn(stored: StoredSpec, identifiers: readonly Identifier[], registry: Registry): NamedSolvers {
  const declared = declaredAs(stored);
  const { solver } = declared;
  if (!declared.solvers) return { solver };
  const overDns = stored.parts.find((part) => challengesOf(registry, part.solver.settings).some(isOverDns));
  const others = identifiers.map((one) => {
    const isNew = stored.identifiers.every(({ value }) => value !== one.value);
    const own = solverNameOf(declared, one);
    return [one.value, isNew && isWildcard(one) ? (overDns?.solver.name ?? solver) : own] as const;
  });
  return solversFor(identifiers, { solver, solvers: Object.fromEntries(others) });
}
