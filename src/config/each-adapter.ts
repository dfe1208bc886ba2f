import type { AdapterSettings, NamedAdapter, StoredSpec } from '../core/spec/spec.ts';
import { type AdapterKind, dns01Type } from './registry.ts';

/** An adapter with only its own options. */
export interface AdapterOfKind {
  readonly kind: AdapterKind;
  readonly name: string;
  readonly settings: AdapterSettings;
}

/** Returns all adapters of a certificate. All code that searches a certificate's settings uses this function. */
export const eachAdapter = ({ parts, targets }: Pick<StoredSpec, 'parts' | 'targets'>): readonly AdapterOfKind[] => [
  ...parts.flatMap(({ solver }) => eachAdapterOf('solver', solver)),
  ...targets.flatMap((target) => eachAdapterOf('deployer', target)),
];

/** Returns a solver, deployer or balancer, followed by the adapters that it refers to. */
export const eachAdapterOf = (
  kind: 'solver' | 'deployer' | 'balancer',
  adapter: NamedAdapter,
): readonly AdapterOfKind[] => [
  whoseOptions(kind, adapter),
  ...(adapter.uses ?? []).flatMap((one) => eachAdapterOf(one.kind, one)),
];

/** Returns the adapter that the options belong to. Those of the solver `dns01` belong to its DNS provider. */
export function whoseOptions(kind: AdapterKind, { name, settings }: NamedAdapter): AdapterOfKind {
  if (kind !== 'solver' || settings.type !== dns01Type) return { kind, name, settings };
  const { provider, options } = settings;
  return { kind: 'dns', name, settings: { ...(options as object | undefined), type: String(provider) } };
}
