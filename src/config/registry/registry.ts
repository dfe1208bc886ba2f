import type { ChallengeType } from '../../core/ca/challenge-type.ts';
import type { AdapterSettings } from '../../core/spec/spec.ts';
import type {
  BalancerDefinition,
  DeployerDefinition,
  DeployerFacts,
  DnsProviderDefinition,
  NotifierDefinition,
  SolverDefinition,
  SolverFacts,
  StoreDefinition,
} from '../../define.ts';

/** An adapter's metadata, known without loading it. `npm run gen` generates it from the definition. */
export interface AdapterInfo {
  readonly id: string;
  readonly title: string;
  readonly since: string;
  readonly homepage?: string;
  readonly options: readonly OptionInfo[];
}

export interface OptionInfo {
  readonly name: string;
  readonly title: string;
  readonly secret: boolean;
  readonly required: boolean;
}

/** An adapter's metadata, and how to load it. */
export interface AdapterEntry<Definition> extends AdapterInfo {
  load(): Promise<Definition>;
}

/** All adapters, by kind and ID. */
export interface Registry {
  readonly dns: Readonly<Record<string, AdapterEntry<DnsProviderDefinition>>>;
  readonly solver: Readonly<Record<string, AdapterEntry<SolverDefinition> & SolverFacts>>;
  readonly balancer: Readonly<Record<string, AdapterEntry<BalancerDefinition>>>;
  readonly deployer: Readonly<Record<string, AdapterEntry<DeployerDefinition> & DeployerFacts>>;
  readonly notifier: Readonly<Record<string, AdapterEntry<NotifierDefinition>>>;
  readonly store: Readonly<Record<string, AdapterEntry<StoreDefinition>>>;
}

export type AdapterKind = keyof Registry;

/** The names of the kinds, for people. */
export const kindTitles: Readonly<Record<AdapterKind, string>> = {
  dns: 'DNS provider',
  solver: 'solver',
  balancer: 'balancer',
  deployer: 'deployer',
  notifier: 'notifier',
  store: 'store',
};

/** The solver that certfleet writes for a DNS provider that a flag or another client names. */
export const dns01Type = 'dns01';

/** The DNS provider that is a person. */
export const manualProvider = 'manual';

/** Returns the values that `type:` may have for a kind. */
export const typesOf = (registry: Registry, kind: AdapterKind): readonly string[] => Object.keys(registry[kind]);

/** Returns what a solver works through, if the engine makes it. */
export const throughOf = (registry: Registry, { type }: AdapterSettings): SolverFacts['through'] =>
  adapterEntry(registry, 'solver', type)?.through;

/** Returns the DNS provider of a solver that works through one. */
export const providerOf = (registry: Registry, settings: AdapterSettings): string | undefined =>
  throughOf(registry, settings) === 'dns' ? String(settings['provider']) : undefined;

/** Returns the challenges that a solver with these settings answers. */
export function challengesOf(registry: Registry, { type, challenge }: AdapterSettings): readonly ChallengeType[] {
  const [usual = 'dns-01', ...others] = adapterEntry(registry, 'solver', type)?.answers ?? [];
  const chosen = others.find((one) => one === challenge) ?? usual;
  // Where the CA does not offer it, dns-01 is answered.
  return chosen === 'dns-persist-01' ? [chosen, 'dns-01'] : [chosen];
}

/** Reports whether a DNS provider is named by the path of its module. */
export const isModulePath = (provider: string): boolean => /^\.{0,2}\//.test(provider);

/**
 * Returns the entry of a DNS provider outside certfleet: a module whose default export is the result of
 * `defineDnsProvider`.
 */
const outsideEntry = (path: string): AdapterEntry<DnsProviderDefinition> => ({
  ...{ id: path, title: path, since: '', options: [] },
  async load() {
    const [{ importOutside }, { definitionIn }] = await Promise.all([
      import('../../generated/registry.ts'),
      import('./outside-module.ts'),
    ]);
    return definitionIn(await importOutside(path), path);
  },
});

/**
 * Returns the entry of an adapter, or undefined. Never returns an inherited property (`constructor`). A DNS provider
 * may also be the path of a module.
 */
export const adapterEntry = <K extends AdapterKind>(
  registry: Registry,
  kind: K,
  id: string,
): Registry[K][string] | undefined =>
  Object.hasOwn(registry[kind], id)
    ? (registry[kind] as Record<string, Registry[K][string]>)[id]
    : kind === 'dns' && id.startsWith('/')
      ? (outsideEntry(id) as Registry[K][string])
      : undefined;

/** Returns the variable that provides an option: `CERTFLEET_RFC2136_KEY_NAME`. */
export const environmentName = (adapter: string, option: string): string =>
  `CERTFLEET_${adapter.replaceAll(/[^A-Za-z0-9]+/g, '_').toUpperCase()}_${option.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()}`;
