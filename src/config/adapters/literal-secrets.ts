import type { NamedAdapter, Settings, StoredSpec } from '../../core/spec/spec.ts';
import { eabSettings, externalAccount } from '../options/external-account.ts';
import type { WithOptions } from '../options/options.ts';
import { optionFields } from '../registry/option-fields.ts';
import { adapterEntry, type Registry } from '../registry/registry.ts';
import { type AdapterOfKind, eachAdapter, eachAdapterOf } from './each-adapter.ts';

/** Returns the literal secrets in the settings of all adapters of a certificate, other than `file:…` or `env:…`. */
export async function literalsOf(
  { parts, targets, issuer: { settings } }: Pick<StoredSpec, 'parts' | 'targets' | 'issuer'>,
  registry: Registry,
): Promise<readonly string[]> {
  const found = await inAll(eachAdapter({ parts, targets }, registry), registry);
  return [...(settings.eab ? inOptions(externalAccount, eabSettings(settings.eab)) : []), ...found];
}

/** Returns the literal secrets of a whole configuration. */
export async function literalsIn(
  {
    solvers,
    deployers,
    balancers,
    alarms,
    issuers,
  }: Pick<Settings, 'solvers' | 'deployers' | 'balancers' | 'alarms' | 'issuers'>,
  registry: Registry,
): Promise<readonly string[]> {
  const found = await inAll(
    [
      ...Object.values(solvers).flatMap((one) => eachAdapterOf('solver', one, registry)),
      ...Object.values(deployers).flatMap((one) => eachAdapterOf('deployer', one, registry)),
      ...Object.values(alarms).flatMap((one) => eachAdapterOf('notifier', one, registry)),
      ...Object.entries(balancers).flatMap(([name, settings]) =>
        eachAdapterOf('balancer', { name, settings }, registry),
      ),
    ],
    registry,
  );
  const bound = Object.values(issuers).flatMap(({ eab }) => (eab ? inOptions(externalAccount, eabSettings(eab)) : []));
  return [...bound, ...found];
}

/** Returns the literal secrets of one solver, which a tombstone may have kept. */
export const inSolver = (solver: NamedAdapter, registry: Registry): Promise<readonly string[]> =>
  inAll(eachAdapterOf('solver', solver, registry), registry);

const inAll = async (all: readonly AdapterOfKind[], registry: Registry): Promise<readonly string[]> =>
  (await Promise.all(all.map((one) => inAdapter(one, registry)))).flat();

async function inAdapter({ kind, settings }: AdapterOfKind, registry: Registry): Promise<readonly string[]> {
  const entry = adapterEntry(registry, kind, settings.type);
  // Without its definition (an operator's module that no longer exists), it is unknown which options are secrets.
  const definition: WithOptions | undefined = await entry?.load().catch(() => undefined);
  return definition ? inOptions(definition, settings) : [];
}

const inOptions = ({ options }: WithOptions, settings: NamedAdapter['settings']): readonly string[] =>
  optionFields(options).flatMap(({ name, secret }) => {
    const value = settings[name];
    return secret && typeof value === 'string' && value !== '' && !/^(file|env|kept):/.test(value) ? [value] : [];
  });
