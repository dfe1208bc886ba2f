import type { DeployerDefinition, DnsProviderDefinition, SolverDefinition, StoreDefinition } from '../define.ts';

/** What is known of an adapter without loading it; generated from its definition by `npm run gen`. */
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

/** An adapter's metadata, and the way to load it. */
export interface AdapterEntry<Definition> extends AdapterInfo {
  load(): Promise<Definition>;
}

/** All adapters, by kind and id. */
export interface Registry {
  readonly dns: Readonly<Record<string, AdapterEntry<DnsProviderDefinition>>>;
  readonly solver: Readonly<Record<string, AdapterEntry<SolverDefinition>>>;
  readonly deployer: Readonly<Record<string, AdapterEntry<DeployerDefinition>>>;
  readonly store: Readonly<Record<string, AdapterEntry<StoreDefinition>>>;
}

export type AdapterKind = keyof Registry;

/** What a person calls each kind. */
export const kindTitles: Readonly<Record<AdapterKind, string>> = {
  dns: 'DNS provider',
  solver: 'solver',
  deployer: 'deployer',
  store: 'store',
};

/** The solver that is no file of its own: it carries TXT values through any DNS provider. */
export const dns01Type = 'dns01';

/** Types one may write in `type:` of a kind. */
export const typesOf = (registry: Registry, kind: AdapterKind): readonly string[] =>
  kind === 'solver' ? [...Object.keys(registry.solver), dns01Type].sort() : Object.keys(registry[kind]);

/** The entry of an adapter, or undefined; never a property that every object has (`constructor`). */
export const adapterEntry = <K extends AdapterKind>(
  registry: Registry,
  kind: K,
  id: string,
): Registry[K][string] | undefined =>
  Object.hasOwn(registry[kind], id) ? (registry[kind] as Record<string, Registry[K][string]>)[id] : undefined;

/** `CERTFLEET_RFC2136_KEY_NAME`: where an option is looked for when nothing is configured. */
export const environmentName = (adapter: string, option: string): string =>
  `CERTFLEET_${adapter.replaceAll(/[^A-Za-z0-9]+/g, '_').toUpperCase()}_${option.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()}`;
