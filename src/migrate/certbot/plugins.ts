import { optionFields } from '../../config/fields.ts';
import { adapterEntry, type Registry } from '../../config/registry.ts';

/** certbot's own DNS plugins without a counterpart. */
export const lackingPlugins: ReadonlySet<string> = new Set(['gehirn', 'sakuracloud']);

/** The DNS provider of certbot's plugin `dns-NAME`: by its id, else by the prefix that the keys of its credentials have in certbot: `nsone` is `ns1`. */
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

/** The names that certbot's plugins for a DNS provider have. */
export async function certbotNames(id: string, registry: Registry): Promise<readonly string[]> {
  const { prefixes } = await providerOf(id, registry);
  return prefixes.flatMap((prefix) => /^dns_(.+)_$/.exec(prefix)?.[1]?.replaceAll('_', '-') ?? []);
}

/** The options of a DNS provider. */
export const providerOptions = async (id: string, registry: Registry): Promise<readonly string[]> =>
  (await providerOf(id, registry)).options;

interface Provider {
  readonly options: readonly string[];
  /** Of the keys in certbot's credentials files. */
  readonly prefixes: readonly string[];
}

interface Known {
  readonly byId: Map<string, Promise<Provider>>;
  byName?: Promise<ReadonlyMap<string, string>>;
}

/** What was read of definitions: an import asks for each of thousands of certificates. */
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
