import type { AdapterSettings, NamedAdapter, StoredSpec } from '../core/spec/spec.ts';
import { zoneSolversKey } from '../core/spec/spec.ts';
import { balancerIn, withoutBalancer } from './forward-rule.ts';
import { type AdapterKind, dns01Type } from './registry.ts';

/** An adapter in settings: a declared one, or one that it refers to. */
export interface UsedAdapter extends NamedAdapter {
  readonly kind: AdapterKind;
}

/** All adapters of a certificate. Whatever looks through its settings looks here. */
export const eachAdapter = ({ parts, targets }: Pick<StoredSpec, 'parts' | 'targets'>): readonly UsedAdapter[] => [
  ...parts.flatMap(({ solver }) => eachAdapterOf('solver', solver)),
  ...targets.flatMap((target) => eachAdapterOf('deployer', target)),
];

/** A solver or deployer with its own options alone, and then what it refers to: other solvers, a balancer. */
export function eachAdapterOf(
  kind: 'solver' | 'deployer',
  { name, settings }: NamedAdapter,
): readonly [UsedAdapter, ...(readonly UsedAdapter[])] {
  const { [zoneSolversKey]: elsewhere = {}, ...own } = withoutBalancer(settings);
  const balancer = balancerIn(settings);
  return [
    whoseOptions(kind, { name, settings: own as AdapterSettings }),
    ...Object.entries(elsewhere as Readonly<Record<string, AdapterSettings>>).flatMap(([other, theirs]) =>
      eachAdapterOf('solver', { name: other, settings: theirs }),
    ),
    ...(balancer ? [{ kind: 'balancer' as const, ...balancer }] : []),
  ];
}

/** The solver `dns01` works with any DNS provider, whose options are one of its own. */
function whoseOptions(kind: AdapterKind, { name, settings }: NamedAdapter): UsedAdapter {
  if (kind !== 'solver' || settings.type !== dns01Type) return { kind, name, settings };
  const { provider, options } = settings;
  return { kind: 'dns', name, settings: { ...(options as object | undefined), type: String(provider) } };
}
