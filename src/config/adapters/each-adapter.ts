import type { AdapterSettings, NamedAdapter, StoredSpec } from '../../core/spec/spec.ts';
import { type AdapterKind, providerOf, type Registry } from '../registry/registry.ts';

/** An adapter with only its own options. */
export interface AdapterOfKind {
  readonly kind: AdapterKind;
  readonly name: string;
  readonly settings: AdapterSettings;
}

/** Returns all adapters of a certificate. All code that searches a certificate's settings uses this function. */
export const eachAdapter = (
  { parts, targets }: Pick<StoredSpec, 'parts' | 'targets'>,
  registry: Registry,
): readonly AdapterOfKind[] => [
  ...parts.flatMap(({ solver }) => eachAdapterOf('solver', solver, registry)),
  ...targets.flatMap((target) => eachAdapterOf('deployer', target, registry)),
];

/** Returns a solver, deployer or balancer, followed by the adapters that it refers to. */
export const eachAdapterOf = (
  kind: 'solver' | 'deployer' | 'balancer' | 'notifier',
  adapter: NamedAdapter,
  registry: Registry,
): readonly AdapterOfKind[] => [
  whoseOptions(kind, adapter, registry),
  ...(adapter.uses ?? []).flatMap((one) => eachAdapterOf(one.kind, one, registry)),
];

/**
 * Returns the adapter that the options belong to. Those of a solver that works through a DNS provider belong to the
 * provider.
 */
export function whoseOptions(kind: AdapterKind, { name, settings }: NamedAdapter, registry: Registry): AdapterOfKind {
  const provider = kind === 'solver' ? providerOf(registry, settings) : undefined;
  if (provider === undefined) return { kind, name, settings };
  return { kind: 'dns', name, settings: { ...(settings['options'] as object | undefined), type: provider } };
}
