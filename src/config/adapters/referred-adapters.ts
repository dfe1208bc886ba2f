import { canonicalName } from '../../core/names/dns-name.ts';
import type { AdapterSettings, NamedAdapter, Settings, UsedAdapter } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';

/** The adapters that options may name. */
type Declared = Pick<Settings, 'balancers' | 'solvers'>;

/** Returns a solver with the adapters that its options name. */
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
 * Returns a deployer with its balancer, but without the balancer's backend, which is irrelevant to a delivery, and
 * differs on each node of a cluster.
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

/** The solver that changes a balancer. */
export const ruleSolverType = 'http01-forward-rule';

/** Returns the declared solver of this name or behind this balancer, or one for it with the usual options. */
export function ruleSolverFor(declared: Declared, name: string): NamedAdapter | undefined {
  const rules = Object.values(declared.solvers).filter((solver) => solver.settings.type === ruleSolverType);
  const found = rules.find((one) => one.name === name) ?? rules.find((solver) => balancerIn(solver)?.name === name);
  if (found || !Object.hasOwn(declared.balancers, name)) return found;
  return solverWithUses({ name, settings: { type: ruleSolverType, balancer: name } }, declared);
}

/** Returns the balancer that an adapter names, or undefined. */
export const balancerIn = ({ uses = [] }: NamedAdapter): UsedAdapter | undefined =>
  uses.find(({ kind }) => kind === 'balancer');

/** Returns the zones that other solvers change on behalf of this one. */
export const zonesElsewhere = ({
  settings: { zones = {} },
  uses = [],
}: NamedAdapter): readonly { readonly zone: string; readonly solver: NamedAdapter }[] =>
  Object.entries(zones as Readonly<Record<string, string>>).flatMap(([zone, named]) => {
    const solver = uses.find(({ kind, name }) => kind === 'solver' && name === named);
    return solver ? [{ zone: canonicalName(zone), solver }] : [];
  });
