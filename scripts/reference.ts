import type { z } from 'zod';
import { commandGroups, commands, type Flag, globalFlags } from '../src/cli/commands.ts';
import { exampleText } from '../src/cli/example.ts';
import { exitMeanings, exitPrecedence } from '../src/cli/exit-codes.ts';
import { explanationOf } from '../src/cli/explain.ts';
import { dns01Options } from '../src/config/dns01.ts';
import { innermost, type OptionField, optionFields } from '../src/config/fields.ts';
import { knownIssuers } from '../src/config/issuers.ts';
import type { WithOptions } from '../src/config/options.ts';
import { type AdapterKind, environmentName, type Registry } from '../src/config/registry.ts';
import { configuration } from '../src/config/schema.ts';
import { type ErrorCode, errorTable } from '../src/core/error-table.ts';
import type { EventName } from '../src/core/event.ts';
import type { LineageStatus } from '../src/core/status.ts';

const madeBy = '<!-- Made by `npm run gen`. Do not edit. -->\n';

/** All pages of docs/reference but the JSON schema. */
export async function referencePages(registry: Registry): Promise<readonly (readonly [string, string])[]> {
  return [
    ['configuration.md', configurationPage()],
    ['dns-providers.md', await adapterPage(registry, 'dns', 'DNS providers', dnsIntroduction)],
    ['solvers.md', await adapterPage(registry, 'solver', 'Solvers', solverIntroduction())],
    ['deployers.md', await adapterPage(registry, 'deployer', 'Deployers', deployerIntroduction)],
    [
      'stores.md',
      await adapterPage(
        registry,
        'store',
        'Stores',
        'Where state, keys and certificates are kept: `store:` in the configuration.',
      ),
    ],
    ['cli.md', commandPage()],
    ['errors.md', errorPage()],
    ['events.md', eventPage()],
    ['exit-codes.md', exitCodePage()],
  ];
}

/** Between backticks `<` stands as it is; elsewhere `<name>` would be an HTML tag, and vanish. */
const cell = (text: string): string =>
  text
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll(/`[^`]*`|</g, (part) => (part === '<' ? '\\<' : part));
const code = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows.map((row) => row.map(cell))].map((row) => `| ${row.join(' | ')} |`).join('\n');

const isEmpty = (value: unknown): boolean =>
  value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

function optionTable(options: z.ZodObject, adapter?: string): string {
  const rows = (within: z.ZodObject, prefix: string): readonly (readonly string[])[] =>
    optionFields(within).flatMap((field) => [
      [
        code(`${prefix}${field.name}`),
        [field.title === field.name ? '' : field.title, field.description].filter((text) => text !== '').join('. '),
        field.required ? 'yes' : 'no',
        isEmpty(field.defaultValue) ? '' : code(field.defaultValue),
        valuesText(field),
        // Only whole options have a variable, no parts of one.
        ...(adapter === undefined ? [] : [prefix === '' ? code(environmentName(adapter, field.name)) : '']),
      ],
      ...(definitionOf(field.schema).shape ? rows(innermost(field.schema) as z.ZodObject, `${field.name}.`) : []),
    ]);
  const all = rows(options, '');
  return all.length === 0
    ? 'It has no options.'
    : table(['option', 'meaning', 'needed', 'default', 'values', ...(adapter === undefined ? [] : ['variable'])], all);
}

interface Definition {
  readonly type: string;
  readonly shape?: object;
  readonly entries?: Readonly<Record<string, string | number>>;
}
const definitionOf = (schema: z.ZodType): Definition =>
  (innermost(schema) as unknown as { _zod: { def: Definition } })._zod.def;

/** Every value where there are few; else where they begin and end, or what one looks like. */
function valuesText(field: OptionField): string {
  if (field.secret) return '`file:/path`, `env:NAME`';
  const { type, entries } = definitionOf(field.schema);
  if (entries) return Object.values(entries).map(code).join(', ');
  if (type === 'boolean') return '`true`, `false`';
  const examples = field.examples.map(code).join(', ');
  if (examples !== '' || type !== 'number') return examples === '' ? '' : `e.g. ${examples}`;
  const { minValue, maxValue } = innermost(field.schema) as z.ZodNumber;
  // Without a limit of its own, a whole number ends where JavaScript's do.
  const isEnd = maxValue === null || maxValue >= Number.MAX_SAFE_INTEGER;
  return isEnd ? `${minValue} or more` : `${minValue} to ${maxValue}`;
}

async function adapterPage(
  registry: Registry,
  kind: AdapterKind,
  title: string,
  introduction: string,
): Promise<string> {
  const parts = [madeBy, `# ${title}\n`, `${introduction}\n`];
  for (const entry of Object.values(registry[kind])) {
    const definition = (await entry.load()) as WithOptions & { notes?: string; homepage?: string; apiDocs?: string };
    const links = [
      definition.homepage && `[home page](${definition.homepage})`,
      definition.apiDocs && `[API](${definition.apiDocs})`,
      `since ${entry.since}`,
    ].filter(Boolean);
    parts.push(
      `## ${entry.id}\n`,
      `${entry.title} · ${links.join(' · ')}\n`,
      `${optionTable(definition.options, entry.id)}\n`,
    );
    if (definition.notes) parts.push(`${definition.notes}\n`);
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

const dnsIntroduction = `A DNS provider changes TXT values in a zone. On the command line: \`--dns ID\`; in the configuration it stands in a solver:

\`\`\`yaml
solvers:
  dns: { type: dns01, provider: rfc2136, options: { server: "ns1.example.com:53", keyName: acme, secret: "file:/run/secrets/tsig" } }
\`\`\`

An option that is left out is read from the environment variable in the last column, and has its default where that is not set
either. Secrets are best kept in a file of mode 0600.`;

const solverIntroduction =
  (): string => `A solver makes a challenge answerable. On the command line \`--http standalone\` is \`http01-responder\`,
\`--http webroot:FOLDER\` is \`http01-webroot\`, and \`--dns PROVIDER\` is \`dns01\`; any solver that is declared in the
configuration can be named too. Without either flag it is the only declared solver, else \`standalone\`.

## dns01

Carries the TXT record through a [DNS provider](dns-providers.md): finds the zone by SOA, follows CNAMEs, and waits until every
authoritative server answers with it.

${optionTable(dns01Options)}`;

const deployerIntroduction = `A deployer carries a certificate to a target. On the command line: \`--deploy files:FOLDER\`, or the name of one that is
declared in the configuration.`;

function configurationPage(): string {
  const sections = Object.entries(configuration.shape).map(([key, schema]) => {
    const field = optionFields(configuration).find(({ name }) => name === key)!;
    const inner = objectWithin(schema as z.ZodType);
    const rows = inner ? `\n\n${optionTable(inner)}` : '';
    const fallback = inner || isEmpty(field.defaultValue) ? '' : ` Default: ${code(field.defaultValue)}.`;
    return `## ${key}\n\n${field.title}.${fallback}${adapterLinks[key] ?? ''}${rows}\n`;
  });
  return `${madeBy}
# certfleet.yaml

Read from \`/etc/certfleet/certfleet.yaml\`, or from where \`--config\` says. \`certfleet config check\` lists the
problems with their lines: first unknown keys and wrong values, then, once these are fixed, what does not fit together. Editors complete and check it with [certfleet.schema.json](certfleet.schema.json):
\`# yaml-language-server: $schema=…/certfleet.schema.json\`. Durations are \`500ms\`, \`8s\`, \`2m\`, \`6h\`, \`30d\`.

\`\`\`yaml
${exampleText.trimEnd()}
\`\`\`

${sections.join('\n')}
## Short names of CAs

${table(
  ['directory', 'CA', 'URL', 'with --staging'],
  Object.entries(knownIssuers).map(([name, issuer]) => [
    code(name),
    `${issuer.title}${issuer.needsAccountBinding ? ' (requires external account binding, which this version does not have)' : ''}`,
    issuer.directory,
    issuer.testDirectory ?? 'none',
  ]),
)}
`;
}

const adapterLinks: Readonly<Record<string, string>> = {
  store: ' `type` is one of [stores](stores.md); its options stand beside it.',
  solvers: ' `type` is one of [solvers](solvers.md); its options stand beside it.',
  deployers: ' `type` is one of [deployers](deployers.md); its options stand beside it.',
};

/** The strict object inside a record, list, optional or default; nothing for adapters, which have pages of their own. */
function objectWithin(schema: z.ZodType): z.ZodObject | undefined {
  const definition = (schema as unknown as { _zod: { def: Record<string, unknown> } })._zod.def;
  const next = definition['innerType'] ?? definition['valueType'] ?? definition['element'] ?? definition['in'];
  if (next) return objectWithin(next as z.ZodType);
  return definition['type'] === 'object' && !('type' in (definition['shape'] as object))
    ? (schema as z.ZodObject)
    : undefined;
}

function commandPage(): string {
  const flagTable = (flags: readonly Flag[]) =>
    table(
      ['flag', 'meaning'],
      flags.map((flag) => [
        [code(flag.flags), ...(flag.aliases ?? []).map(code)].join(' '),
        `${flag.description}${flag.repeat ? ' (repeatable)' : flag.list ? ' (repeatable, or with commas)' : ''}`,
      ]),
    );
  const sections = commands.map((command) => {
    const usage = `certfleet ${command.name}${command.flags.length > 0 ? ' [flags]' : ''}${command.arguments ? ` ${command.arguments.text}` : ''}`;
    return [
      `## ${command.name}\n`,
      `\`${usage}\` — ${command.summary}.\n`,
      command.description ? `${command.description}\n` : '',
      command.arguments ? `${code(command.arguments.text)}: ${command.arguments.description}.\n` : '',
      command.flags.length > 0 ? `${flagTable(command.flags)}\n` : '',
      command.examples
        ? `\`\`\`sh\n${command.examples.map(({ line, why }) => `# ${why}\n${line}`).join('\n')}\n\`\`\`\n`
        : '',
    ]
      .filter((part) => part !== '')
      .join('\n');
  });
  return `${madeBy}
# Command line

Results go to stdout, progress to stderr. \`--json\` prints [events](events.md); see also the [exit codes](exit-codes.md).
Groups: ${Object.entries(commandGroups)
    .map(([name, what]) => `\`${name}\` (${what})`)
    .join(', ')}.

## Flags of every command

${flagTable(globalFlags)}

\`certfleet --version\` prints the version, \`certfleet help issue\` explains one command.

${sections.join('\n')}
## Environment

${table(
  ['variable', 'meaning'],
  [
    [
      '`CERTFLEET_<ADAPTER>_<OPTION>`',
      'an option of an adapter that is not configured, for instance `CERTFLEET_RFC2136_SECRET`',
    ],
    ['`NO_COLOR`', 'no colours on a terminal'],
    ['`CERTFLEET_DEBUG=1`', 'the same as `--verbose`'],
    ['`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`', 'proxy for requests to the CA'],
  ],
)}
`;
}

function errorPage(): string {
  const sections = (Object.keys(errorTable) as ErrorCode[]).map((name) =>
    [`<a id="${name}"></a>`, `### ${name}`, ...explanationOf(name)].join('\n\n'),
  );
  return `${madeBy}
# Errors

Each error has a code that never changes its meaning. \`{words}\` stand for what the message fills in. \`certfleet explain CODE\`
prints an entry.

${sections.join('\n\n')}
`;
}

const eventMeanings: Readonly<Record<EventName, string>> = {
  'run.started': 'A command began. `data.command` is its name.',
  'run.finished':
    'It ended. `data.exitCode`, and `data.outcomes`: one object per certificate with `certificate`, `result` (`issued`, `renewed`, `deployed`, `unchanged`, `pending`, `failed`), `message`, `notAfter`, `next`, `failing` (`unchanged` because it failed before and waits), `code` and `hint`. Of `delete`: `data.keptBy` (targets that have it still), `data.notAfter`, `data.left` (what could not be removed), `data.isDeclared`. After an error that ended the whole run: `data.code`, `data.hint`, `data.docs`.',
  'store.made': 'A new store was made: by `issue`, or by `renew` where it is declared. `data.path`.',
  'certificate.changed':
    '`issue` was given another value for a setting of a stored certificate. `data`: `setting`, `from`, `to`; secrets are hidden.',
  'certificate.started': 'Work on a certificate began.',
  'certificate.step':
    'It went on to the next step. `data.step`: `lease`, `key`, `order`, `challenges`, `validate`, `finalize`, `deploy`, `close`.',
  'certificate.waiting': 'It waits; the message says for what.',
  'certificate.issued': 'A new version is in the store. `data`: `serial` (hex), `notAfter`, `version` (its id).',
  'certificate.deployed': 'Targets have it and use it. `data.targets`.',
  'certificate.pending': 'A target could not take it yet. `data`: `target`, `code`.',
  'certificate.failed': 'It failed this time. `data`: `code`, `retryAt`; the whole error is in `run.finished`.',
  'preflight.finding': 'What a look before the order found. `data`: `verdict`, `identifier`.',
  'renewal.scheduled': 'When it will be renewed. `data`: `at`, `source` (`ari`, `lifetime`), `explanationUrl`.',
  'sweep.cleaned': 'Something that a dead process had left was removed.',
  'sweep.failed': 'It could not be removed; it is tried again.',
  'deploy.alarm':
    'A target or endpoint still has the old one after `deployTimeout`. Level `alarm`. `data`: `target`, `since`.',
  log: 'A line of an adapter.',
};

const stateMeanings: Readonly<Record<LineageStatus['state'] | 'interrupted' | 'test' | 'undeclared', string>> = {
  valid: 'There is a current certificate, every target has it, and it is not due.',
  due: 'Its renewal time has passed; the next `renew` renews it.',
  pending: 'It is valid, but a target or endpoint does not have it yet; each `renew` tries again.',
  working: 'A process is working on it now; `work` says at which step.',
  interrupted: 'Work on it was stopped or killed; the next `renew` goes on with it.',
  failing:
    'The last try failed; `failure` says why, and when `renew` tries again. An older certificate may still be valid.',
  missing: 'None has been issued yet.',
  expired:
    'It has expired; the next `renew` renews it. Where there is a `failure`, the last try failed, as in `failing`.',
  undeclared: 'It is in the store, but declared nowhere any more: it is never renewed.',
  test: 'A test certificate (`NAME~staging`): it is never renewed.',
  corrupt: 'Its document in the store cannot be read; `failure` says why.',
};

const eventPage = (): string => `${madeBy}
# Events (\`--json\`)

One JSON object per line on stdout. \`v\` is the version of this format: within a version, fields are only added. Ignore events that
you do not know.

${table(
  ['field', 'meaning'],
  [
    ['`v`', '1'],
    ['`time`', 'RFC 3339, UTC'],
    ['`level`', '`debug` (with `--verbose` only), `info`, `warn`, `error`, or `alarm` (somebody should look now)'],
    ['`event`', 'one of the names below'],
    ['`certificate`', 'the certificate it is about, where it is about one'],
    ['`message`', 'one sentence; never a secret'],
    ['`data`', 'more, by event'],
  ],
)}

${table(
  ['event', 'meaning'],
  Object.entries(eventMeanings).map(([name, meaning]) => [code(name), meaning]),
)}

\`status\`, \`show\`, \`providers\` and \`config check\` print objects of their own, also with \`v\`: \`"object": "certificate"\` (one per
line), \`"adapter"\`, \`"issuer"\`, and \`"problem"\` with \`file\`, \`line\` and \`message\`. A certificate's \`state\` is one of these:

${table(
  ['state', 'meaning'],
  Object.entries(stateMeanings).map(([name, meaning]) => [code(name), meaning]),
)}

\`heldUntil\` is there while the CA has asked to wait: no command asks it before, with \`--force\` neither.

An event looks like this:

\`\`\`json
{"v":1,"time":"2026-11-24T10:00:00.000Z","level":"info","event":"certificate.issued","certificate":"www.example.com","message":"issued, valid until 2027-02-22"}
\`\`\`
`;

const exitCodePage = (): string => `${madeBy}
# Exit codes

${table(
  ['code', 'meaning'],
  Object.entries(exitMeanings).map(([number, meaning]) => [number, meaning]),
)}

When certificates of one run end differently, the code is the first of these that occurred: ${exitPrecedence.join(', ')}.
What stops everything comes first, then what a person must fix, then what may heal by itself.
`;
