import type { Presented } from '../../core/lineage/tombstones.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import type { SolverChallenge } from '../../ports/solver.ts';

/**
 * Returns a journalled challenge in the form that solvers accept. This requires only the account key's thumbprint (RFC
 * 8555 §8.1), and for dns-account-01 the account's URL.
 *
 * @param remaining how many of the order's challenges are presented after this one
 */
export function solverChallenge(
  spec: Pick<StoredSpec, 'name' | 'identifiers'>,
  presented: Presented,
  remaining = 0,
): SolverChallenge {
  const { type, token = '', thumbprint, accountUrl } = presented;
  const identifier: Identifier = spec.identifiers.find(({ value }) => value === presented.identifier) ?? {
    type: 'dns',
    value: presented.identifier,
  };
  return {
    type,
    identifier,
    token,
    keyAuthorization: token === '' ? '' : `${token}.${thumbprint}`,
    accountUrl,
    lineage: spec.name,
    allIdentifiers: spec.identifiers,
    remaining,
  };
}
