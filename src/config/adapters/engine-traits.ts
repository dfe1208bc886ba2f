import type { AdapterTraits, NamedAdapter } from '../../core/spec/spec.ts';
import { adapterEntry, providerOf, type Registry } from '../registry/registry.ts';

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
  if (kind === 'deployer') {
    const found = await adapterEntry(registry, kind, settings.type)?.load();
    if (!found?.ofNode) return found?.engineTraits?.(settings);
    return { ofNode: found.runsCommand ? 'command' : 'target', ...found.engineTraits?.(settings) };
  }
  const definition = await adapterEntry(registry, kind, settings.type)?.load();
  const zones = [settings, ...uses.map((one) => one.settings)].flatMap((one) => providerOf(registry, one) ?? []);
  const byPerson = (await Promise.all(zones.map((provider) => isPerson(provider, registry)))).includes(true);
  return definition?.engineTraits?.(settings, { byPerson });
}

/** Reports whether a DNS provider is a person. A missing module of the operator's is not. */
async function isPerson(provider: string, registry: Registry): Promise<boolean> {
  const definition = await adapterEntry(registry, 'dns', provider)
    ?.load()
    .catch(() => undefined);
  return definition?.isPerson === true;
}
