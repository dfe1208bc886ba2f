import { isIniKey, snakeCase, writtenKeys } from '../../../config/options/credentials-file.ts';
import type { WithOptions } from '../../../config/options/options.ts';
import { innermost, type OptionField, optionFields } from '../../../config/registry/option-fields.ts';
import {
  type AdapterEntry,
  type AdapterInfo,
  type AdapterKind,
  environmentName,
  kindTitles,
  type Registry,
} from '../../../config/registry/registry.ts';
import { present } from '../../../core/text/present.ts';
import { spanText } from '../../../core/text/span.ts';
import type { DnsProviderTraits } from '../../../ports/dns-provider.ts';
import { formatTable } from '../../output/table.ts';
import { wrap } from '../../output/text.ts';

/** The part of a definition that a page needs. Only DNS providers have traits. */
export type Definition = WithOptions & {
  readonly title?: string;
  readonly names?: readonly string[];
  readonly apiDocs?: string;
  readonly notes?: string;
  readonly traits?: DnsProviderTraits;
  readonly tested?: string;
  readonly through?: Registry['solver'][string]['through'];
};

/** An adapter with all details from its definition. */
export interface Described extends Omit<AdapterInfo, 'options'> {
  readonly apiDocs?: string | undefined;
  readonly notes?: string | undefined;
  readonly traits?: DnsProviderTraits | undefined;
  readonly tested?: string | undefined;
  readonly options: readonly DescribedOption[];
  /** The part of certfleet.yaml that uses the adapter. */
  readonly example?: string;
}

type DescribedOption = Pick<OptionField, 'name' | 'title' | 'secret' | 'required' | 'examples'> & {
  readonly description: string;
  readonly values?: readonly string[];
  readonly default?: unknown;
  /** The environment variable that provides the option if the configuration does not. */
  readonly environment?: string;
  /** Variables of other clients, read after `environment`. */
  readonly aliases?: readonly string[];
  /** The option's keys in the `credentials` file, as other clients write them. */
  readonly keys?: readonly string[];
};

export async function describe(kind: AdapterKind, { load, ...info }: AdapterEntry<Definition>): Promise<Described> {
  const definition = await load();
  const { options, apiDocs, notes, traits, tested, title } = definition;
  const fields = optionFields(options);
  const prefixes = fields.find((field) => field.credentials !== undefined)?.credentials;
  return {
    ...info,
    ...present({ title }),
    apiDocs,
    notes,
    traits,
    tested,
    options: fields.map((field) => {
      const { name, title, description, secret, required, examples, defaultValue } = field;
      const values = valuesOf(field);
      const aliases = field.aliases.filter((alias) => !isIniKey(alias));
      return {
        ...{ name, title, description, secret, required, examples },
        ...present({
          values: values.length > 0 ? values : undefined,
          default: defaultValue,
          aliases: aliases.length === 0 ? undefined : aliases,
          environment: definition.through === undefined ? environmentName(definition.id, name) : undefined,
          keys: prefixes === undefined || !mayBeInFile(field) ? undefined : writtenKeys(field, prefixes),
        }),
      };
    }),
    ...present({ example: kind === 'dns' ? dnsExample(info.id, definition.id, fields) : undefined }),
  };
}

/** Reports whether a credentials file may contain the option, as `config/options/options.ts` decides. */
const mayBeInFile = ({ name, secret, takes, credentials }: OptionField): boolean =>
  credentials === undefined && name !== 'profile' && (secret || (takes !== 'array' && takes !== 'other'));

/** Returns the allowed values of an option that is an enumeration. */
function valuesOf({ schema }: OptionField): readonly string[] {
  const { options = [] } = innermost(schema) as { readonly options?: readonly unknown[] };
  return options.filter((value) => typeof value === 'string');
}

/**
 * Returns the smallest example that works: the required options, and the credentials in a file if the provider reads
 * one.
 */
function dnsExample(provider: string, id: string, fields: readonly OptionField[]): string {
  const file = fields.find((field) => field.credentials !== undefined);
  const written = fields.flatMap((field) => {
    const { name, secret, required, examples, credentials } = field;
    if (credentials !== undefined) return [`${name}: /etc/certfleet/${id}.ini`];
    if (!required || (secret && file !== undefined)) return [];
    if (secret) return [`${name}: "file:/etc/certfleet/${id}-${snakeCase(name).replaceAll('_', '-')}"`];
    return [`${name}: ${JSON.stringify(examples[0] ?? valuesOf(field)[0] ?? '…')}`];
  });
  return `solvers:
  dns:
    type: dns01
    provider: ${provider}${written.length === 0 ? '' : `\n    options:\n${written.map((line) => `      ${line}`).join('\n')}`}
certificates:
  - { name: example, identifiers: [example.com, "*.example.com"], issuer: letsencrypt, solver: dns }
`;
}

export function adapterText(kind: AdapterKind, adapter: Described, width: number): string {
  const { id, title, since, homepage, apiDocs, notes, traits, tested, example } = adapter;
  const rows = adapter.options.map((option) => [
    `  ${option.name}`,
    option.required ? 'required' : '',
    [
      [option.title, option.description]
        .filter((text) => text !== '')
        .map((text) => text.replace(/\.$/, ''))
        .join('. '),
      ...remarksOf(option),
      ...(option.environment === undefined
        ? []
        : [`Environment: ${[option.environment, ...(option.aliases ?? [])].join(', ')}`]),
      ...(option.keys === undefined ? [] : [`In a file of credentials: ${option.keys.join(', ')}`]),
    ].join('\n'),
  ]);
  const links = [homepage, apiDocs].flatMap((url) => (url === undefined ? [] : [`See ${url}\n`])).join('');
  return [
    `${id}: ${title} (${kindTitles[kind]}${since === '' ? '' : `, since ${since}`})`,
    rows.length === 0 ? '  It has no options.' : formatTable(['  OPTION', '', 'MEANING'], rows, width),
    ...(notes === undefined ? [] : [notesText(notes, width)]),
    ...(traits === undefined ? [] : [wrap(traitsText(traits, tested), width)]),
    ...(example === undefined
      ? []
      : [
          `In certfleet.yaml:\n\n${example.replaceAll(/^(?=.)/gm, '    ').trimEnd()}`,
          `To try it without a certificate:\n\n    certfleet dns test ${id} example.com`,
        ]),
    links,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Describes for a person what is known about the service. */
function traitsText(traits: DnsProviderTraits, tested: string | undefined): string {
  const { minTtl, visibleMs, perMinute } = traits;
  return [
    minTtl > 0 ? `The shortest TTL is ${minTtl} s.` : '',
    visibleMs === undefined
      ? ''
      : `A value is visible after at most ${visibleMs < 120_000 ? `${Math.ceil(visibleMs / 1_000)} s` : spanText(visibleMs)}.`,
    perMinute === undefined ? '' : `The service takes ${perMinute} changes a minute.`,
    tested === undefined
      ? ''
      : tested === 'documents only'
        ? 'It was written from documents, and not tried with the service itself.'
        : `Tested with ${tested}.`,
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}

function remarksOf({ secret, values, default: fallback, examples }: DescribedOption): readonly string[] {
  if (secret) return ['A secret: write file:/path or env:NAME.'];
  const written = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const remarks = [
    ...(values === undefined ? [] : [`One of ${values.join(', ')}.`]),
    ...(fallback === undefined || written(fallback) === '{}' ? [] : [`Default: ${written(fallback)}.`]),
    ...(examples.length === 0 ? [] : [`For example ${examples.map(written).join(' or ')}.`]),
  ];
  return remarks.length === 0 ? [] : [remarks.join(' ')];
}

/**
 * Returns the reference's notes as plain text: wraps paragraphs, keeps lists, indents code, and puts a link's target
 * after its text.
 */
function notesText(notes: string, width: number): string {
  const fill = (text: string) => {
    const indent = text.startsWith('- ') ? '  ' : '';
    return wrap(text, width - indent.length, indent);
  };
  return notes
    .split(/^(```[\s\S]*?^```)$/m)
    .map((part) => {
      if (part.startsWith('```'))
        return part
          .replaceAll(/^```.*\n?/gm, '')
          .replaceAll(/^(?=.)/gm, '    ')
          .trimEnd();
      const lines = withPlainLinks(part)
        .replaceAll(/(?<!\n)\n(?!\n|- |$)\s*/g, ' ')
        .split('\n');
      return lines.map(fill).join('\n');
    })
    .join('')
    .trimEnd();
}

/** Turns `[the guide](../guides/x.md#part)` into `the guide: docs/guides/x.md`. */
const withPlainLinks = (text: string): string =>
  text
    .replaceAll(/<(https?:[^>\s]+)>/g, '$1')
    .replaceAll(/\[([^\]]+)\]\(([^)#]*)[^)]*\)/g, (_link, words: string, target: string) =>
      [words, target.replace(/^\.\.\//, 'docs/')].filter((part) => part !== '').join(': '),
    );
