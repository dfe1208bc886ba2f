import type { AdapterSettings, StoredSpec } from '../core/spec/spec.ts';
import { withThoseElsewhere } from './dns01.ts';
import { eabSettings, externalAccount } from './external-account.ts';
import { balancerIn } from './forward-rule.ts';
import type { WithOptions } from './options.ts';
import { type AdapterEntry, adapterEntry, dns01Type, forwardRuleType, type Registry } from './registry.ts';

export type AdapterWithSettings = readonly [WithOptions, AdapterSettings];

/** All adapters that a certificate uses, with their settings. */
export async function adaptersOf(registry: Registry, spec: StoredSpec): Promise<readonly AdapterWithSettings[]> {
  const found: AdapterWithSettings[] = [];
  const add = async (entry: AdapterEntry<WithOptions> | undefined, settings: AdapterSettings) => {
    if (entry) found.push([await entry.load(), settings]);
  };
  const { eab } = spec.issuer.settings;
  if (eab) found.push([externalAccount, eabSettings(eab)]);
  const solvers = spec.parts.map(({ solver }) => solver.settings);
  for (const solver of solvers) {
    if (solver.type === dns01Type) {
      for (const { provider, options } of withThoseElsewhere(solver))
        await add(adapterEntry(registry, 'dns', provider), options);
    } else if (solver.type !== forwardRuleType) await add(adapterEntry(registry, 'solver', solver.type), solver);
  }
  const deployers = spec.targets.map(({ settings }) => settings);
  const named = [...solvers, ...deployers];
  for (const { settings } of named.flatMap((one) => balancerIn(one) ?? []))
    await add(adapterEntry(registry, 'balancer', settings.type), settings);
  for (const settings of deployers) await add(adapterEntry(registry, 'deployer', settings.type), settings);
  return found;
}
