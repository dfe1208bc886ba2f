import { innermost, type OptionField, optionFields } from '../config/fields.ts';
import { type KnownIssuer, knownIssuers } from '../config/issuers.ts';
import type { WithOptions } from '../config/options.ts';
import {
  type AdapterEntry,
  type AdapterInfo,
  type AdapterKind,
  dns01Type,
  environmentName,
  forwardRuleType,
  kindTitles,
} from '../config/registry.ts';
import { fail } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { Run } from './context.ts';
import { formatTable } from './table.ts';
import { fill, wrap } from './text.ts';

const titles: Readonly<Record<AdapterKind, string>> = {
  dns: 'DNS providers (--dns ID)',
  solver: 'Solvers (`type` of a solver in the configuration)',
  balancer: 'Load balancers (`type` of a balancer in the configuration)',
  deployer: 'Deployers (`type` of a deployer in the configuration)',
  store: 'Stores (`type` of the store in the configuration)',
};

type Definition = WithOptions & { readonly apiDocs?: string; readonly notes?: string };

/** The engine's own solver, which is not in the registry. */
const dns01: AdapterEntry<Definition> = {
  id: dns01Type,
  title: 'DNS-01 through one of the DNS providers',
  since: '0.1.0',
  options: [],
  load: async () => ({
    id: dns01Type,
    options: (await import('../config/dns01.ts')).dns01Options,
    notes:
      'Finds the zone, follows CNAMEs, and waits until every authoritative server answers with the record. ' +
      '`certfleet providers` lists the DNS providers, and `certfleet providers ID` shows the options of one. ' +
      'On the command line, use `--dns ID`.',
  }),
};

/** The engine's solver for load balancers. */
const forwardRule: AdapterEntry<Definition> = {
  id: forwardRuleType,
  title: 'HTTP-01 through a forward rule of one of the load balancers',
  since: '0.1.0',
  options: [],
  load: async () => ({
    id: forwardRuleType,
    options: (await import('../config/forward-rule.ts')).forwardRuleOptions,
    notes:
      'Adds a rule to the balancer that sends the challenges of the names to this node, waits until it works, and ' +
      'removes it when the order is done. `certfleet providers` lists the load balancers.',
  }),
};

/** `certfleet providers [id]`. Lists from the registry; loads only the adapters that it shows with their options. */
export const providers: Run = async (session) => {
  const registry = session.context.registry ?? (await import('../generated/registry.ts')).registry;
  const wanted = session.invocation.args[0];
  const isWanted = (id: string) => wanted === undefined || id === wanted;
  const width = session.context.stdout.columns ?? Number.POSITIVE_INFINITY;
  const adapters = (Object.keys(titles) as AdapterKind[]).flatMap((kind) =>
    [...Object.values<AdapterEntry<Definition>>(registry[kind]), ...(kind === 'solver' ? [dns01, forwardRule] : [])]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((entry) => ({ kind, entry })),
  );
  const found = adapters.filter(({ entry }) => isWanted(entry.id));
  const issuers = Object.entries(knownIssuers).filter(([name]) => isWanted(name));
  if (wanted !== undefined && found.length + issuers.length === 0) {
    const usable = Object.keys(knownIssuers).filter((name) => !knownIssuers[name]!.needsAccountBinding);
    const known = [...new Set([...adapters.map(({ entry }) => entry.id), ...usable])];
    throw fail('usage/invalid', {
      what: `there is no adapter or CA "${wanted}"${didYouMean(wanted, known) || `; available: ${known.join(', ')}`}`,
    });
  }
  if (session.json || wanted !== undefined) {
    for (const { kind, entry } of found) {
      const described = await describe(kind, entry);
      session.printJson({ object: 'adapter', kind, ...described });
      session.printWhole(adapterText(kind, described, width));
    }
    for (const [name, issuer] of issuers) {
      session.printJson({ object: 'issuer', name, ...issuer });
      session.printWhole(issuerText(name, issuer));
    }
    return 0;
  }
  const list = (title: string, rows: readonly (readonly [string, string])[]) =>
    session.printWhole(
      `${fill(title, session.context.stdout.columns)}${formatTable(
        ['', '', ''],
        rows.map((row) => ['', ...row]),
        width,
      )}\n`,
    );
  for (const kind of Object.keys(titles) as AdapterKind[])
    list(
      titles[kind],
      found.filter((adapter) => adapter.kind === kind).map(({ entry }) => [entry.id, entry.title]),
    );
  list(
    'CAs (--issuer NAME, or any ACME directory URL)',
    issuers.filter(([, issuer]) => !issuer.needsAccountBinding).map(([name, issuer]) => [name, issuer.title]),
  );
  session.print('`certfleet providers ID` shows one of them with all its options.');
  return 0;
};

interface Described extends Omit<AdapterInfo, 'options'> {
  readonly apiDocs?: string | undefined;
  readonly notes?: string | undefined;
  readonly options: readonly (Pick<OptionField, 'name' | 'title' | 'secret' | 'required' | 'examples'> & {
    readonly description: string;
    readonly values?: readonly string[];
    readonly default?: unknown;
    /** The environment variable that is read if the option is not given. */
    readonly environment?: string;
    /** Variables of other clients that are read after it. */
    readonly aliases?: readonly string[];
  })[];
}

/** An adapter with everything from its definition. */
async function describe(kind: AdapterKind, { load, ...info }: AdapterEntry<Definition>): Promise<Described> {
  const { options, apiDocs, notes } = await load();
  return {
    ...info,
    apiDocs,
    notes,
    options: optionFields(options).map((field) => {
      const { name, title, description, secret, required, examples, defaultValue, aliases } = field;
      const values = valuesOf(field);
      return {
        ...{ name, title, description, secret, required, examples },
        ...(values.length > 0 ? { values } : {}),
        ...(defaultValue === undefined ? {} : { default: defaultValue }),
        ...(aliases.length === 0 ? {} : { aliases }),
        ...(kind === 'solver' && info.id === dns01Type ? {} : { environment: environmentName(info.id, name) }),
      };
    }),
  };
}

/** The allowed values of an option, if it is an enumeration. */
function valuesOf({ schema }: OptionField): readonly string[] {
  const { options = [] } = innermost(schema) as { readonly options?: readonly unknown[] };
  return options.filter((value) => typeof value === 'string');
}

function adapterText(kind: AdapterKind, adapter: Described, width: number): string {
  const { id, title, since, homepage, apiDocs, notes } = adapter;
  const rows = adapter.options.map((option) => [
    `  ${option.name}`,
    option.required ? 'required' : '',
    [
      [option.title, option.description].filter((text) => text !== '').join('. '),
      ...remarksOf(option),
      ...(option.environment === undefined
        ? []
        : [`Environment: ${[option.environment, ...(option.aliases ?? [])].join(', ')}`]),
    ].join('\n'),
  ]);
  return [
    `${id}: ${title} (${kindTitles[kind]}, since ${since})`,
    rows.length === 0 ? '  It has no options.' : formatTable(['  OPTION', '', 'MEANING'], rows, width),
    ...(notes === undefined ? [] : [notesText(notes, width)]),
    [homepage, apiDocs].flatMap((url) => (url === undefined ? [] : [`See ${url}\n`])).join(''),
  ].join('\n\n');
}

function remarksOf({ secret, values, default: fallback, examples }: Described['options'][number]): readonly string[] {
  if (secret) return ['Write file:/path or env:NAME.'];
  const written = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const remarks = [
    ...(values === undefined ? [] : [`One of ${values.join(', ')}.`]),
    ...(fallback === undefined || written(fallback) === '{}' ? [] : [`Default: ${written(fallback)}.`]),
    ...(examples.length === 0 ? [] : [`For example ${examples.map(written).join(' or ')}.`]),
  ];
  return remarks.length === 0 ? [] : [remarks.join(' ')];
}

/**
 * The notes of the reference as plain text: paragraphs are wrapped, lists stay lists, code is indented, and a link is
 * followed by its target.
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
    .join('');
}

/** `[the guide](../guides/x.md#part)` becomes `the guide: docs/guides/x.md`. */
const withPlainLinks = (text: string): string =>
  text.replaceAll(/\[([^\]]+)\]\(([^)#]*)[^)]*\)/g, (_link, words: string, target: string) =>
    [words, target.replace(/^\.\.\//, 'docs/')].filter((part) => part !== '').join(': '),
  );

function issuerText(name: string, { title, directory, testDirectory, needsAccountBinding }: KnownIssuer): string {
  return [
    `${name}: ${title} (CA)\n`,
    `  Directory       ${directory}`,
    `  With --staging  ${testDirectory ?? 'refused: it has no test directory'}`,
    ...(needsAccountBinding
      ? ['\nIt requires external account binding, which this version does not support yet.']
      : []),
    '',
  ].join('\n');
}
