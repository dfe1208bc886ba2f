import { knownIssuers } from '../../core/ca/known-issuers.ts';
import {
  type ConnectionField,
  type ConnectionSection,
  type ConnectionType,
  issuerType,
  type KnownType,
  type TypeOption,
} from '../../core/spec/connection.ts';
import { mapText } from '../../core/spec/connection-options.ts';
import type { Settings } from '../../core/spec/spec.ts';
import { isFields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { z } from '../../define.ts';
import { externalAccount } from '../options/external-account.ts';
import { definitionOf, innermost, type OptionField, optionFields } from '../registry/option-fields.ts';
import { type AdapterKind, adapterEntry, type Registry, throughOf } from '../registry/registry.ts';
import { issuer } from './schema.ts';

/** The kind of the adapters of a section. Issuers are none. */
export const kindOf: Readonly<Record<ConnectionSection, Exclude<AdapterKind, 'dns' | 'store'> | undefined>> = {
  issuers: undefined,
  balancers: 'balancer',
  solvers: 'solver',
  deployers: 'deployer',
  alarms: 'notifier',
};

/** Returns all types of connections of a section, by title. */
export async function knownTypes(section: ConnectionSection, registry: Registry): Promise<readonly KnownType[]> {
  const kind = kindOf[section];
  const ids = kind === undefined ? [issuerType] : Object.keys(registry[kind]);
  const choices = ids.flatMap((type) =>
    section === 'solvers' && throughOf(registry, { type }) === 'dns'
      ? Object.keys(registry.dns).map((provider) => ({ type, provider }))
      : [{ type }],
  );
  const types = await Promise.all(choices.map((one) => knownType(section, one, registry)));
  return types.filter((one) => one !== undefined).sort((a, b) => a.title.localeCompare(b.title, 'en'));
}

/** Returns the type of a connection; undefined if there is none like that. Loads nothing else. */
export async function knownType(
  section: ConnectionSection,
  { type, provider }: Pick<ConnectionType, 'type' | 'provider'>,
  registry: Registry,
): Promise<KnownType | undefined> {
  const kind = kindOf[section];
  if (kind === undefined) return type === issuerType ? ofIssuers() : undefined;
  const definition = await adapterEntry(registry, kind, type)?.load();
  if (!definition) return undefined;
  const isThroughDns = section === 'solvers' && throughOf(registry, { type }) === 'dns';
  if (!isThroughDns) return ofAdapter(section, definition);
  // A path would be a module of the operator's.
  const found = provider === undefined || !Object.hasOwn(registry.dns, provider) ? undefined : registry.dns[provider];
  return found && throughDns(definition, await found.load());
}

/**
 * Returns the types that may be declared outside the file.
 *
 * @param settings whose balancers an option may name
 */
export async function offeredTypes(
  section: ConnectionSection,
  { balancers }: Pick<Settings, 'balancers'>,
  registry: Registry,
): Promise<readonly ConnectionType[]> {
  const all = await knownTypes(section, registry);
  return all
    .filter(({ isOffered }) => isOffered)
    .map(({ isOffered: _is, options, ...type }) => {
      const fields = options.flatMap(({ isLocal, takes, ...field }) =>
        isLocal || takes === 'other' ? [] : [{ ...field, takes } satisfies ConnectionField],
      );
      const names = Object.keys(balancers);
      const chosen = fields.map((field) =>
        field.name === 'balancer' ? ({ ...field, takes: 'choice', choices: names } as const) : field,
      );
      return { ...type, fields: chosen };
    });
}

/** What a form must know of an adapter. */
interface Defined {
  readonly id: string;
  readonly title: string;
  readonly homepage?: string;
  readonly options: z.ZodObject;
  readonly onlyInFile?: true;
}

function ofAdapter(section: ConnectionSection, definition: Defined): KnownType {
  const { id, title, homepage } = definition;
  const options = optionsIn(definition.options);
  return {
    ...{ section, type: id, title, options },
    ...present({ homepage }),
    isOffered: !definition.onlyInFile && !isLocalItself(options),
  };
}

/** Reports whether an adapter is nothing without options that only the file may set. */
const isLocalItself = (options: readonly TypeOption[]): boolean =>
  options.some(({ isLocal, isRequired, default: usual }) => isLocal && (isRequired || usual !== undefined)) ||
  (options.length > 0 && options.every(({ isLocal }) => isLocal));

/** Returns the type of a solver with a DNS provider. Its options are those of the provider and the solver. */
function throughDns(solver: Defined, dns: Defined): KnownType {
  const own = optionsIn(solver.options).filter(({ name }) => name !== 'provider' && name !== 'options');
  const { options, type: provider, ...type } = ofAdapter('solvers', dns);
  const ofProvider = options.map((one) => ({ ...one, name: `options.${one.name}` }));
  return { ...type, type: solver.id, provider, options: [...ofProvider, ...own] };
}

function ofIssuers(): KnownType {
  const own = optionsIn(issuer)
    .filter(({ name }) => !name.startsWith('eab.'))
    .map((one) => (one.name === 'directory' ? { ...one, choices: Object.keys(knownIssuers) } : one));
  // An account is bound only if both are given.
  const bound = optionsIn(externalAccount.options).map((one) => ({
    ...one,
    ...{ name: `eab.${one.name}`, isRequired: false },
  }));
  return { section: 'issuers', type: issuerType, title: 'ACME', options: [...own, ...bound], isOffered: true };
}

/** Returns the options of a schema, with those in its groups. */
function optionsIn(schema: z.ZodObject): readonly TypeOption[] {
  return optionFields(schema).flatMap((field) => {
    const groups = groupsOf(innermost(field.schema));
    if (groups.length === 0) return [optionOf(field)];
    const nested = groups.flatMap(optionsIn).map((one) => ({
      ...one,
      name: `${field.name}.${one.name}`,
      // Of several groups, one is enough.
      isRequired: one.isRequired && field.required && groups.length === 1,
      isLocal: one.isLocal || field.local,
    }));
    return [...new Map(nested.map((one) => [one.name, one])).values()];
  });
}

/** Returns the group that a value must be, or the groups that it may be. */
function groupsOf(schema: z.ZodType): readonly z.ZodObject[] {
  const { type, options = [] } = definitionOf(schema);
  if (type === 'object') return [schema as z.ZodObject];
  const inner = type === 'union' ? options.map(innermost) : [];
  return inner.every((one) => definitionOf(one).type === 'object') ? (inner as unknown as readonly z.ZodObject[]) : [];
}

function optionOf(field: OptionField): TypeOption {
  const { name, title, description, defaultValue } = field;
  const [example] = field.examples;
  const takes = field.secret ? 'text' : takesOf(field);
  const choices = choicesOf(innermost(field.schema));
  const isEmpty = typeof defaultValue === 'object' && Object.keys(defaultValue ?? {}).length === 0;
  return {
    ...{ name, title, takes },
    ...present({
      description: description || undefined,
      example: isFields(example) && takes === 'map' ? mapText(example) : textOf(example),
      choices,
      default: isEmpty ? undefined : textOf(defaultValue),
    }),
    ...{ isRequired: field.required, isSecret: field.secret, isEndpoint: field.endpoint, isLocal: field.local },
  };
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string'
    ? value
    : Array.isArray(value) && value.every((one) => typeof one === 'string')
      ? value.join(', ')
      : JSON.stringify(value);

function choicesOf(schema: z.ZodType): readonly string[] | undefined {
  const { type, entries, options = [], values } = definitionOf(schema);
  if (type === 'union') {
    // A list, or a word in its place.
    const words = options.flatMap((one) => choicesOf(innermost(one)) ?? []);
    return words.length > 0 ? words : undefined;
  }
  if (type === 'literal' && values) return values.map(String);
  return type === 'enum' && entries ? Object.values(entries).map(String) : undefined;
}

/** Returns what a form offers for an option. */
function takesOf({ schema }: OptionField): TypeOption['takes'] {
  const kinds = kindsOf(innermost(schema));
  if (kinds.has('array')) return 'list';
  if (kinds.has('record')) return kinds.has('string') ? 'json' : 'map';
  if (kinds.has('string')) return 'text';
  const [kind] = kinds.size === 1 ? kinds : [];
  if (kind === 'enum') return 'choice';
  return kind === 'number' || kind === 'boolean' ? kind : 'other';
}

function kindsOf(schema: z.ZodType): ReadonlySet<string> {
  const { type, options = [], element } = definitionOf(schema);
  if (type === 'union') return new Set(options.flatMap((one) => [...kindsOf(innermost(one))]));
  // A list of groups has no field.
  if (type === 'array' && element && ![...kindsOf(innermost(element))].every(isPlain)) return new Set(['other']);
  return new Set([type === 'int' ? 'number' : type]);
}

const isPlain = (kind: string): boolean => ['string', 'number', 'enum', 'literal'].includes(kind);
