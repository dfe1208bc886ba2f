import type { AdapterSettings, NamedAdapter, Settings, UsedAdapter } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';

/** What options may name. */
type Declared = Pick<Settings, 'balancers' | 'solvers'>;

/** A solver with the adapters that its options name. */
export function solverWithUses(solver: NamedAdapter, { balancers, solvers }: Declared): NamedAdapter {
  const { zones } = solver.settings;
  const names = typeof zones === 'object' && zones !== null ? [...new Set(Object.values(zones))] : [];
  const others = names.flatMap((name): readonly UsedAdapter[] => {
    const found = typeof name === 'string' && Object.hasOwn(solvers, name) ? solvers[name] : undefined;
    return found ? [{ kind: 'solver', name: found.name, settings: found.settings }] : [];
  });
  return withUses(solver, [...others, ...balancerOf(solver, balancers)]);
}

/**
 * A deployer with its balancer, without the node that answers: it has no part in a delivery, and on each node of a
 * cluster it is another one.
 */
export function deployerWithUses(deployer: NamedAdapter, { balancers }: Declared): NamedAdapter {
  const uses = balancerOf(deployer, balancers).map(({ settings: { backend: _node, ...settings }, ...one }) => ({
    ...one,
    settings: settings as AdapterSettings,
  }));
  return withUses(deployer, uses);
}

function balancerOf({ settings }: NamedAdapter, balancers: Declared['balancers']): readonly UsedAdapter[] {
  const { balancer: name } = settings;
  const found = typeof name === 'string' && Object.hasOwn(balancers, name) ? balancers[name] : undefined;
  return typeof name === 'string' && found ? [{ kind: 'balancer', name, settings: found }] : [];
}

const withUses = ({ name, settings }: NamedAdapter, uses: readonly UsedAdapter[]): NamedAdapter => ({
  ...{ name, settings },
  ...present({ uses: uses.length > 0 ? uses : undefined }),
});

/** The balancer that an adapter names. */
export const balancerIn = ({ uses = [] }: NamedAdapter): UsedAdapter | undefined =>
  uses.find(({ kind }) => kind === 'balancer');
