import { z } from 'zod';
import type { JsonObject } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { SolverDefinition } from '../../define.ts';
import type { WithOptions } from '../options/options.ts';
import { optionFields } from '../registry/option-fields.ts';
import type { AdapterKind, Registry } from '../registry/registry.ts';
import { configuration } from '../settings/schema.ts';

type AnyDefinition = WithOptions & Pick<Partial<SolverDefinition>, 'through'>;

type Schema = { [key: string]: unknown; properties?: Record<string, Schema>; required?: string[] };

/** Returns the JSON Schema (draft 2020-12) of certfleet.yaml for editors, with all adapters' options. */
export async function configurationJsonSchema(registry: Registry): Promise<JsonObject> {
  const schema = convert(configuration);
  const properties = schema.properties!;
  properties['store'] = { ...properties['store'], ...(await choice(registry, 'store')) };
  properties['solvers'] = { ...properties['solvers'], additionalProperties: await choice(registry, 'solver') };
  properties['balancers'] = { ...properties['balancers'], additionalProperties: await choice(registry, 'balancer') };
  properties['deployers'] = { ...properties['deployers'], additionalProperties: await choice(registry, 'deployer') };
  properties['alarms'] = { ...properties['alarms'], additionalProperties: await choice(registry, 'notifier') };
  return {
    $id: 'https://certfleet.dev/certfleet.schema.json',
    title: 'certfleet.yaml',
    ...schema,
    $defs: { reference, ...(await dnsShared(registry)) },
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
  const ofEngine: Schema[] = [];
  for (const entry of Object.values(registry[kind])) {
    const definition: AnyDefinition = await entry.load();
    const { through } = definition;
    if (through === 'dns') ofEngine.push(...(await dnsBranches(definition, registry)));
    else if (through) ofEngine.push(typed(entry.id, entry.title, convert(definition.options)));
    else branches.push(typed(entry.id, entry.title, convertOptions(definition.options)));
  }
  branches.push(...ofEngine);
  return {
    type: 'object',
    properties: { type: { enum: [...new Set(branches.map((b) => b.properties!['type']!['const']))] } },
    required: ['type'],
    oneOf: branches,
  };
}

/**
 * Returns the options of the solvers over DNS that do not depend on the provider, for each branch to refer to:
 * `dns01-timeout`.
 */
async function dnsShared(registry: Registry): Promise<Record<string, Schema>> {
  const overDns = Object.values(registry.solver).filter(({ through }) => through === 'dns');
  const all = await Promise.all(overDns.map(async ({ load }) => Object.entries(sharedOf(await load()))));
  return Object.fromEntries(all.flat());
}

function sharedOf({ id, options }: AnyDefinition): Record<string, Schema> {
  const { provider: _provider, options: _options, ...shared } = convert(options).properties!;
  return Object.fromEntries(Object.entries(shared).map(([name, schema]) => [`${id}-${name}`, schema]));
}

/** Returns one branch for each provider, so that an editor knows its options. */
async function dnsBranches(definition: AnyDefinition, registry: Registry): Promise<readonly Schema[]> {
  const { id } = definition;
  const { properties, ...rest } = convert(definition.options);
  const shared = Object.fromEntries(
    Object.keys(sharedOf(definition)).map((name) => [name.slice(id.length + 1), { $ref: `#/$defs/${name}` }]),
  );
  const branches: Schema[] = [];
  for (const entry of Object.values(registry.dns)) {
    const provider = { ...properties!['provider'], const: entry.id };
    const options = { ...convertOptions((await entry.load()).options), additionalProperties: false };
    const all = { provider, options, ...shared };
    branches.push(typed(id, `DNS-01 through ${entry.title}`, { ...rest, properties: all }));
  }
  const module: Schema = {
    type: 'string',
    title: 'The file with the DNS provider, of your own',
    examples: ['./mine.js'],
  };
  const options: Schema = { type: 'object', title: 'The provider’s own options' };
  branches.push(
    typed(id, 'DNS-01 through a provider of your own', {
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

const ownKeywords = ['secret', 'aliases', 'needs', 'credentials', 'ofThisProcess', 'local', 'endpoint'];

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
      for (const keyword of ownKeywords) delete own[keyword];
      if (!isSecret) return;
      jsonSchema.type = 'string';
      jsonSchema.description = 'file:/path (mode 0600), env:NAME, or the value itself';
    },
  }) as Schema;
  return converted;
}
