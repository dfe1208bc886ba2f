import { z } from 'zod';
import type { JsonObject } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { dns01Options } from './dns01.ts';
import { optionFields } from './fields.ts';
import { forwardRuleOptions } from './forward-rule.ts';
import type { WithOptions } from './options.ts';
import { type AdapterKind, dns01Type, forwardRuleType, type Registry } from './registry.ts';
import { configuration } from './schema.ts';

type Schema = { [key: string]: unknown; properties?: Record<string, Schema>; required?: string[] };

/** Returns the JSON Schema (draft 2020-12) of certfleet.yaml for editors, with all adapters' options. */
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
    $defs: { reference, ...dns01Shared() },
  } as unknown as JsonObject;
}

/** The references that may replace the value of any adapter option. */
const reference: Schema = {
  type: 'string',
  pattern: '^(file:/|env:[A-Za-z_])',
  description: 'file:/path, with the value in the file, or env:NAME, with the value in an environment variable',
};

async function choice(registry: Registry, kind: AdapterKind): Promise<Schema> {
  const branches: Schema[] = [];
  for (const entry of Object.values(registry[kind])) {
    const definition: WithOptions = await entry.load();
    const options = convertOptions(definition.options);
    branches.push(typed(entry.id, entry.title, options));
  }
  if (kind === 'solver')
    branches.push(
      ...(await dns01Branches(registry)),
      typed(forwardRuleType, 'HTTP-01 through a forward rule of a load balancer', convert(forwardRuleOptions)),
    );
  return {
    type: 'object',
    properties: { type: { enum: [...new Set(branches.map((b) => b.properties!['type']!['const']))] } },
    required: ['type'],
    oneOf: branches,
  };
}

/** Returns the options of `dns01` that do not depend on the provider, for each branch to refer to: `dns01-timeout`. */
function dns01Shared(): Record<string, Schema> {
  const { provider: _provider, options: _options, ...shared } = convert(dns01Options).properties!;
  return Object.fromEntries(Object.entries(shared).map(([name, schema]) => [`dns01-${name}`, schema]));
}

/** Returns one branch for each provider, so that an editor knows its options. */
async function dns01Branches(registry: Registry): Promise<readonly Schema[]> {
  const { properties, ...rest } = convert(dns01Options);
  const shared = Object.fromEntries(
    Object.keys(dns01Shared()).map((name) => [name.slice('dns01-'.length), { $ref: `#/$defs/${name}` }]),
  );
  const branches: Schema[] = [];
  for (const entry of Object.values(registry.dns)) {
    const provider = { ...properties!['provider'], const: entry.id };
    const options = { ...convertOptions((await entry.load()).options), additionalProperties: false };
    const all = { provider, options, ...shared };
    branches.push(typed(dns01Type, `DNS-01 through ${entry.title}`, { ...rest, properties: all }));
  }
  const module: Schema = {
    type: 'string',
    title: 'The file with the DNS provider, of your own',
    examples: ['./mine.js'],
  };
  const options: Schema = { type: 'object', title: 'The provider’s own options' };
  branches.push(
    typed(dns01Type, 'DNS-01 through a provider of your own', {
      properties: { module, options, ...shared },
      required: ['module'],
    }),
  );
  return branches;
}

const typed = (id: string, title: string, options: Schema): Schema => ({
  title,
  type: 'object',
  properties: { type: { const: id }, ...options.properties },
  required: ['type', ...(options.required ?? [])],
  additionalProperties: false,
});

/**
 * Returns the schema of an adapter's options as a person writes them. Each may be a reference, and secrets may be
 * omitted, because the environment may have them. A credentials file may have all of them.
 */
function convertOptions(options: z.ZodObject): Schema {
  const { required, ...converted } = convert(options);
  const fields = optionFields(options);
  const properties: Record<string, Schema> = {};
  for (const { name, secret } of fields) {
    const schema = converted.properties![name]!;
    properties[name] = secret || takesAnyText(schema) ? schema : orReference(schema);
  }
  const mustBe = fields.some((field) => field.credentials !== undefined)
    ? []
    : (required ?? []).filter((name) => !fields.some((field) => field.name === name && field.secret));
  return { ...converted, properties, ...present({ required: mustBe.length > 0 ? mustBe : undefined }) };
}

function orReference({ title, description, examples, default: fallback, ...rest }: Schema): Schema {
  const about = { title, description, examples, default: fallback };
  const kinds = Object.keys(rest).join() === 'anyOf' ? (rest['anyOf'] as Schema[]) : [rest];
  const said = Object.fromEntries(Object.entries(about).filter(([, value]) => value !== undefined));
  return { ...said, anyOf: [...kinds, { $ref: '#/$defs/reference' }] };
}

const takesAnyText = ({ type, pattern, enum: values, const: only, maxLength, format }: Schema): boolean =>
  type === 'string' && [pattern, values, only, maxLength, format].every((limit) => limit === undefined);

function convert(schema: z.ZodType): Schema {
  const { $schema: _draft, ...converted } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // JSON Schema's own format with this name is ISO 8601, while the pattern beside it is certfleet's.
      if (jsonSchema.format === 'duration') delete jsonSchema.format;
      // Removes certfleet's own keywords, which editors do not know.
      const own = jsonSchema as Schema;
      const isSecret = own['secret'] === true;
      for (const keyword of ['secret', 'aliases', 'needs', 'credentials', 'ofThisProcess']) delete own[keyword];
      if (!isSecret) return;
      jsonSchema.type = 'string';
      jsonSchema.description = 'file:/path (mode 0600), env:NAME, or the value itself';
    },
  }) as Schema;
  return converted;
}
