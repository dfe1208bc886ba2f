import type { AdapterSettings, StoredSpec } from '../../core/spec/spec.ts';
import { eabSettings, externalAccount } from '../options/external-account.ts';
import type { WithOptions } from '../options/options.ts';
import { adapterEntry, type Registry } from '../registry/registry.ts';
import { eachAdapter } from './each-adapter.ts';

export type AdapterWithSettings = readonly [WithOptions, AdapterSettings];

/** Returns the definitions of all adapters that a certificate uses, with their settings. */
export async function adaptersOf(registry: Registry, spec: StoredSpec): Promise<readonly AdapterWithSettings[]> {
  const found: AdapterWithSettings[] = [];
  const { eab } = spec.issuer.settings;
  if (eab) found.push([externalAccount, eabSettings(eab)]);
  for (const { kind, settings } of eachAdapter(spec, registry)) {
    const entry = adapterEntry(registry, kind, settings.type);
    // The options of a solver that the engine makes have no secrets, and are not read from the environment.
    if (entry && !('through' in entry)) found.push([await entry.load(), settings]);
  }
  return found;
}
