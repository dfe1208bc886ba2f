import { z } from 'zod';
import type { JsonObject } from '../core/json.ts';
import { dns01Options } from './dns01.ts';
import type { WithOptions } from './options.ts';
import { type AdapterKind, dns01Type, type Registry } from './registry.ts';
import { configuration } from './schema.ts';

type Schema = { [key: string]: unknown; properties?: Record<string, Schema>; required?: string[] };

/** JSON Schema (draft 2020-12) of certfleet.yaml for editors, with all adapters' options. */
export async function configurationJsonSchema(registry: Registry): Promise<JsonObject> {
  const schema = convert(configuration);
  const properties = schema.properties!;
  properties['store'] = { ...properties['store'], ...(await choice(registry, 'store')) };
  properties['solvers'] = { ...properties['solvers'], additionalProperties: await choice(registry, 'solver') };
  properties['balancers'] = { ...properties['balancers'], additionalProperties: await choice(registry, 'balancer') };
  properties['deployers'] = { ...properties['deployers'], additionalProperties: await choice(registry, 'deployer') };
  return {
    $id: 'https://certfleet.dev/certfleet.schema.json',
    title: 'certfleet.yaml',
    ...schema,
  } as unknown as JsonObject;
}

async function choice(registry: Registry, kind: AdapterKind): Promise<Schema> {
  const branches: Schema[] = [];
  for (const entry of Object.values(registry[kind])) {
    const definition: WithOptions = await entry.load();
    branches.push(typed(entry.id, entry.title, convert(definition.options)));
  }
  if (kind === 'solver') branches.push(...(await dns01Branches(registry)));
  return {
    type: 'object',
    properties: { type: { enum: [...new Set(branches.map((b) => b.properties!['type']!['const']))] } },
    required: ['type'],
    oneOf: branches,
  };
}

/** One branch for each provider, so that an editor knows its options. */
async function dns01Branches(registry: Registry): Promise<readonly Schema[]> {
  const branches: Schema[] = [];
  for (const entry of Object.values(registry.dns)) {
    const branch = typed(dns01Type, `DNS-01 through ${entry.title}`, convert(dns01Options));
    const provider = { ...branch.properties!['provider'], const: entry.id };
    const options = { ...convert((await entry.load()).options), additionalProperties: false };
    branches.push({ ...branch, properties: { ...branch.properties!, provider, options } });
  }
  return branches;
}

const typed = (id: string, title: string, options: Schema): Schema => ({
  title,
  type: 'object',
  properties: { type: { const: id }, ...options.properties },
  required: ['type', ...(options.required ?? [])],
  additionalProperties: false,
});

/** What a person writes: secrets are text, and may be left out because the environment may have them. */
function convert(schema: z.ZodType): Schema {
  const { $schema: _draft, ...converted } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // JSON Schema's own format of this name is ISO 8601; the pattern beside it is ours.
      if (jsonSchema.format === 'duration') delete jsonSchema.format;
      // `secret` is certfleet's own keyword, which editors do not know.
      if ((jsonSchema as Schema)['secret'] !== true) return;
      delete (jsonSchema as Schema)['secret'];
      jsonSchema.type = 'string';
      jsonSchema.description = 'file:/path (mode 0600), env:NAME, or the value itself';
    },
  }) as Schema;
  const secrets = Object.entries(converted.properties ?? {})
    .filter(([, property]) => property['description'] === 'file:/path (mode 0600), env:NAME, or the value itself')
    .map(([name]) => name);
  if (!converted.required) return converted;
  const required = converted.required.filter((name) => !secrets.includes(name));
  const { required: _required, ...rest } = converted;
  return required.length > 0 ? { ...rest, required } : rest;
}
