import type { z } from 'zod';
import type { OptionInfo } from './registry.ts';

/** One option of an adapter, derived from its zod schema. */
export interface OptionField extends OptionInfo {
  /** The type that the schema accepts, so that text from a flag or the environment can be converted. */
  readonly takes: 'string' | 'number' | 'boolean' | 'array' | 'other';
  readonly schema: z.ZodType;
  readonly description: string;
  readonly examples: readonly unknown[];
  readonly defaultValue: unknown;
  /** The option's other names, in the environment and in credentials files: those of lego, acme.sh and certbot. */
  readonly aliases: readonly string[];
  /** Other options, without which this one has no effect. */
  readonly needs: readonly string[];
  /** If this option names a credentials file, the prefixes of the keys in that file. */
  readonly credentials: readonly string[] | undefined;
  /** Whether the platform gives each process a new value, so that the option is not stored with a certificate. */
  readonly ofThisProcess: boolean;
  /** Whether only the configuration file may set it: it runs a program, or names a file or what else is on the machine. */
  readonly local: boolean;
  /** Whether it says where secrets are sent. */
  readonly endpoint: boolean;
}

type Definition = {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly defaultValue?: unknown;
  /** Of a union. */
  readonly options?: readonly z.ZodType[];
  /** Of a list. */
  readonly element?: z.ZodType;
  /** Of an enum. */
  readonly entries?: Readonly<Record<string, unknown>>;
  /** Of a literal. */
  readonly values?: readonly unknown[];
};
export const definitionOf = (schema: z.ZodType): Definition =>
  (schema as unknown as { _zod: { def: Definition } })._zod.def;

/** Yields the schemas inside an optional, default or transformed schema, outermost first. */
function* layers(schema: z.ZodType): Generator<z.ZodType> {
  for (let layer: z.ZodType | undefined = schema; layer; ) {
    yield layer;
    const definition = definitionOf(layer);
    layer = definition.innerType ?? definition.in;
  }
}

/** Returns the schema without optional, default and transform, which describes what a person writes. */
export const innermost = (schema: z.ZodType): z.ZodType => [...layers(schema)].at(-1)!;

/** Returns the options of an adapter's definition, in the order of the definition. */
export const optionFields = (options: z.ZodObject): readonly OptionField[] =>
  Object.entries(options.shape as Record<string, z.ZodType>).map(([name, schema]) => {
    const all = [...layers(schema)];
    const meta: Record<string, unknown> = Object.assign({}, ...all.toReversed().map((layer) => layer.meta() ?? {}));
    const kind = definitionOf(all.at(-1)!).type;
    const fallback = all
      .map(definitionOf)
      .find((definition) => definition.type === 'default' || definition.type === 'prefault')?.defaultValue;
    return {
      name,
      title: text(meta['title']) || text(meta['description']) || name,
      description: text(meta['title']) && text(meta['description']),
      secret: meta['secret'] === true,
      required: !schema.safeParse(undefined).success,
      takes: kind === 'enum' || kind === 'literal' ? 'string' : isTaken(kind) ? kind : 'other',
      schema,
      examples: Array.isArray(meta['examples']) ? meta['examples'] : [],
      // The schema's default is in milliseconds, but a person writes `2m`.
      defaultValue: meta['format'] === 'duration' && typeof fallback === 'number' ? durationText(fallback) : fallback,
      aliases: texts(meta['aliases']),
      needs: texts(meta['needs']),
      ofThisProcess: meta['ofThisProcess'] === true,
      local: meta['local'] === true,
      endpoint: meta['endpoint'] === true,
      credentials: Array.isArray(meta['credentials']) ? texts(meta['credentials']) : undefined,
    };
  });

/** Returns the shortest way to write a duration: `2m`, `8s`, `1500ms`. */
const durationText = (ms: number): string =>
  ms > 0 && ms % 60_000 === 0 ? `${ms / 60_000}m` : ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
const isTaken = (kind: string): kind is 'string' | 'number' | 'boolean' | 'array' =>
  kind === 'string' || kind === 'number' || kind === 'boolean' || kind === 'array';

/** Returns the keys that an object may have at a path below a schema, or undefined if any are allowed. */
export function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] | undefined {
  const inner = innermost(schema);
  const definition = definitionOf(inner) as Definition & {
    readonly shape?: Record<string, z.ZodType>;
    readonly valueType?: z.ZodType;
  };
  const [first, ...rest] = path;
  // Of several alternatives, only a group has keys.
  if (definition.options) return definition.options.flatMap((one) => knownKeys(one, path) ?? []);
  if (first === undefined) return definition.shape && Object.keys(definition.shape);
  const next = definition.shape?.[String(first)] ?? definition.element ?? definition.valueType;
  return next && knownKeys(next, rest);
}
