import { knownIssuerAt } from '../../core/ca/known-issuers.ts';
import { profileProblem } from '../../core/ca/profiles.ts';
import { fail } from '../../core/errors/errors.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import type { IssuerSettings, Wishes } from '../../core/spec/spec.ts';
import { datesToOrder, relativeOf } from '../../core/spec/validity.ts';

/**
 * Refuses an order that this CA is known to refuse, before any request to the CA. Fails with
 * `identifier/not-in-profile`, `config/ca-sets-validity` or `config/validity`.
 *
 * @param now the present time; without it, only dates that are durations are checked
 */
export function checkOrder(
  order: {
    readonly identifiers: readonly Identifier[];
    readonly issuer: { readonly name: string; readonly settings: IssuerSettings };
    readonly wishes: Wishes;
  },
  now?: Date,
): void {
  const { identifiers, issuer, wishes } = order;
  const { profile, validity } = wishes;
  const { profiles = {}, setsValidity = false } = knownIssuerAt(issuer.settings.directory) ?? {};
  const problem = profileProblem({ identifiers, profile }, profiles);
  if (problem) throw fail('identifier/not-in-profile', { issuer: issuer.name, ...problem });
  if (!validity) return;
  const advice = Object.keys(profiles).length > 1 ? 'To choose a lifetime, choose one of its profiles.' : '';
  if (setsValidity) throw fail('config/ca-sets-validity', { issuer: issuer.name, advice });
  datesToOrder(now ? validity : relativeOf(validity), now ?? new Date(0));
}
