import { type Identifier, identifierKey } from '../../core/names/identifier.ts';
import { deployHookTarget } from '../../core/spec/hooks.ts';
import type { CertificateSpec } from '../../core/spec/spec.ts';
import type { NamedSolvers } from '../../core/spec/spec-parts.ts';
import { present } from '../../core/text/present.ts';

/** Returns a certificate as an entry of `certificates` in the configuration. */
export function entryOf(spec: CertificateSpec): Readonly<Record<string, unknown>> {
  const { identifiers, solver, solvers, validity, deploy, ...rest } = spec;
  return {
    ...rest,
    ...solversEntry(identifiers, { solver, ...present({ solvers }) }),
    ...validity,
    deploy: deploy.filter((target) => target !== deployHookTarget),
  };
}

/** Returns the identifiers, each with its solver unless that is `solver`. */
export const solversEntry = (identifiers: readonly Identifier[], { solver, solvers = {} }: NamedSolvers) => ({
  solver,
  identifiers: identifiers.map((identifier) => {
    const own = Object.hasOwn(solvers, identifier.value) ? solvers[identifier.value] : undefined;
    const name = identifierKey(identifier);
    return own === undefined ? name : { name, solver: own };
  }),
});
