import { optionFields } from '../../config/registry/option-fields.ts';
import { adapterEntry, type Registry } from '../../config/registry/registry.ts';

/** certbot's own DNS plugins without a counterpart. */
export const lackingPlugins: ReadonlySet<string> = new Set(['gehirn', 'sakuracloud']);

/**
 * Returns the DNS provider for certbot's plugin `dns-NAME`: by its ID, or else by the prefix of its keys in certbot's
 * credentials files. `nsone` is `ns1`.
 */
export async function findProvider(name: string, registry: Registry): Promise<string | undefined> {
  if (adapterEntry(registry, 'dns', name)) return name;
  const known = knownOf(registry);
  known.byName ??= readNames(registry);
  return (await known.byName).get(name.replaceAll('_', '-'));
}

async function readNames(registry: Registry): Promise<ReadonlyMap<string, string>> {
  const byName = new Map<string, string>();
  for (const id of Object.keys(registry.dns))
    for (const name of await certbotNames(id, registry)) if (!byName.has(name)) byName.set(name, id);
  return byName;
}

/** Returns the names of certbot's plugins for a DNS provider. */
export async function certbotNames(id: string, registry: Registry): Promise<readonly string[]> {
  const { prefixes } = await providerOf(id, registry);
  return prefixes.flatMap((prefix) => /^dns_(.+)_$/.exec(prefix)?.[1]?.replaceAll('_', '-') ?? []);
}

/** Returns the options of a DNS provider. */
export const providerOptions = async (id: string, registry: Registry): Promise<readonly string[]> =>
  (await providerOf(id, registry)).options;

interface Provider {
  readonly options: readonly string[];
  /** The prefixes of the keys in certbot's credentials files. */
  readonly prefixes: readonly string[];
}

interface Known {
  readonly byId: Map<string, Promise<Provider>>;
  byName?: Promise<ReadonlyMap<string, string>>;
}

/** A cache of what was read from definitions, because an import needs it for each of thousands of certificates. */
const knownOfRegistry = new WeakMap<Registry, Known>();

function knownOf(registry: Registry): Known {
  const known = knownOfRegistry.get(registry) ?? { byId: new Map() };
  knownOfRegistry.set(registry, known);
  return known;
}

function providerOf(id: string, registry: Registry): Promise<Provider> {
  const { byId } = knownOf(registry);
  const read = byId.get(id) ?? readProvider(id, registry);
  byId.set(id, read);
  return read;
}

async function readProvider(id: string, registry: Registry): Promise<Provider> {
  const definition = await adapterEntry(registry, 'dns', id)?.load();
  const fields = definition ? optionFields(definition.options) : [];
  return { options: fields.map(({ name }) => name), prefixes: fields.flatMap(({ credentials = [] }) => credentials) };
}
