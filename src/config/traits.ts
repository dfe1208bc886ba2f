import type { AdapterTraits, NamedAdapter } from '../core/spec/spec.ts';
import { adapterEntry, dns01Type, forwardRuleType, type Registry } from './registry.ts';

/** Returns an adapter with the traits that its definition declares. */
export async function withTraits(
  kind: 'solver' | 'deployer',
  adapter: NamedAdapter,
  registry: Registry,
): Promise<NamedAdapter> {
  const { traits: _before, ...own } = adapter;
  const traits = await traitsOf(kind, adapter, registry);
  return traits ? { ...own, traits } : own;
}

async function traitsOf(
  kind: 'solver' | 'deployer',
  { settings, uses = [] }: NamedAdapter,
  registry: Registry,
): Promise<AdapterTraits | undefined> {
  if (kind === 'solver' && settings.type === dns01Type) {
    const zones = [settings, ...uses.map((one) => one.settings)].filter(({ type }) => type === dns01Type);
    const persons = await Promise.all(zones.map(({ provider }) => isPerson(String(provider), registry)));
    if (!persons.includes(true)) return { preparesNothing: true };
    // A record of dns-persist-01 outlives the order.
    return { preparesNothing: true, person: settings['challenge'] === 'dns-persist-01' ? 'once' : 'each order' };
  }
  if (kind === 'solver' && settings.type === forwardRuleType)
    return { rule: settings['keep'] === true ? 'kept' : 'removed' };
  const definition = await adapterEntry(registry, kind, settings.type)?.load();
  return definition?.engineTraits?.(settings);
}

/** Reports whether a DNS provider is a person. An operator's module that is gone is none. */
async function isPerson(provider: string, registry: Registry): Promise<boolean> {
  const definition = await adapterEntry(registry, 'dns', provider)
    ?.load()
    .catch(() => undefined);
  return definition?.isPerson === true;
}
