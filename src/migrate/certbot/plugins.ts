import { optionFields } from '../../config/fields.ts';
import { adapterEntry, type Registry } from '../../config/registry.ts';

/** certbot's own DNS plugins without a counterpart. */
export const lackingPlugins: ReadonlySet<string> = new Set(['gehirn', 'sakuracloud']);

/** The DNS provider of certbot's plugin `dns-NAME`: by its id, else by the prefix that the keys of its credentials have in certbot: `nsone` is `ns1`. */
export async function findProvider(name: string, registry: Registry): Promise<string | undefined> {
  if (adapterEntry(registry, 'dns', name)) return name;
  for (const id of Object.keys(registry.dns)) {
    if ((await certbotNames(id, registry)).includes(name.replaceAll('_', '-'))) return id;
  }
  return undefined;
}

/** The names that certbot's plugins for a DNS provider have. */
export async function certbotNames(id: string, registry: Registry): Promise<readonly string[]> {
  const definition = await registry.dns[id]?.load();
  const prefixes = definition ? optionFields(definition.options).flatMap(({ credentials = [] }) => credentials) : [];
  return prefixes.flatMap((prefix) => /^dns_(.+)_$/.exec(prefix)?.[1]?.replaceAll('_', '-') ?? []);
}
