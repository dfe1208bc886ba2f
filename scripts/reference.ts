import type { z } from 'zod';
import { commandGroups, commands, type Flag, globalFlags } from '../src/cli/commands/commands.ts';
import { exampleText } from '../src/cli/commands/look/example.ts';
import { explanationOf } from '../src/cli/commands/look/explain.ts';
import { exitMeanings, exitPrecedence } from '../src/cli/output/exit-codes.ts';
import type { WithOptions } from '../src/config/options/options.ts';
import { innermost, type OptionField, optionFields } from '../src/config/registry/option-fields.ts';
import { type AdapterKind, environmentName, type Registry } from '../src/config/registry/registry.ts';
import { configuration } from '../src/config/settings/schema.ts';
import { knownIssuers } from '../src/core/ca/known-issuers.ts';
import { type ErrorCode, errorTable } from '../src/core/errors/error-table.ts';
import type { Language } from '../src/core/errors/wording.ts';
import type { EventName } from '../src/core/plan/event.ts';
import type { LineageStatus } from '../src/core/plan/status.ts';
import { certbotPage } from './certbot-page.ts';
import { dnsProviderTable } from './dns-provider-table.ts';
import { code, table } from './markdown.ts';

const madeBy = '<!-- Made by `npm run gen`. Do not edit. -->\n';

/** All pages of docs/reference except the JSON schema. */
export async function referencePages(registry: Registry): Promise<readonly (readonly [string, string])[]> {
  return [
    ['configuration.md', configurationPage()],
    ['dns-providers.md', await adapterPage(registry, 'dns', 'DNS providers', await dnsIntroduction(registry))],
    ['solvers.md', await adapterPage(registry, 'solver', 'Solvers', await solverIntroduction(registry))],
    ['balancers.md', await adapterPage(registry, 'balancer', 'Load balancers', balancerIntroduction)],
    ['deployers.md', await adapterPage(registry, 'deployer', 'Deployers', deployerIntroduction)],
    ['notifiers.md', await adapterPage(registry, 'notifier', 'Notifiers', notifierIntroduction)],
    [
      'stores.md',
      await adapterPage(
        registry,
        'store',
        'Stores',
        'A store holds state, keys and certificates: `store:` in the configuration.',
      ),
    ],
    ['cli.md', commandPage()],
    ['certbot.md', certbotPage(madeBy)],
    ['errors.md', errorPage('en')],
    ['errors.zh-CN.md', errorPage('zh')],
    ['events.md', eventPage()],
    ['exit-codes.md', exitCodePage()],
  ];
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

function optionTable(options: z.ZodObject, adapter?: string): string {
  const rows = (within: z.ZodObject, prefix: string): readonly (readonly string[])[] =>
    optionFields(within).flatMap((field) => [
      [
        code(`${prefix}${field.name}`),
        [field.title === field.name ? '' : field.title, field.description, prefixes(field)]
          .filter((text) => text !== '')
          .reduce((all, text) => (all === '' ? text : `${all.replace(/\.$/, '')}. ${text}`), ''),
        field.required ? 'yes' : 'no',
        isEmpty(field.defaultValue) ? '' : code(field.defaultValue),
        valuesText(field),
        // Only options have a variable, not their parts.
        ...(adapter === undefined ? [] : [prefix === '' ? variables(adapter, field) : '']),
      ],
      ...(definitionOf(field.schema).shape ? rows(innermost(field.schema) as z.ZodObject, `${field.name}.`) : []),
    ]);
  const all = rows(options, '');
  return all.length === 0
    ? 'It has no options.'
    : table(
        ['option', 'meaning', 'required', 'default', 'values', ...(adapter === undefined ? [] : ['variable'])],
        all,
      );
}

/** How certbot's plugin begins the keys in its file. */
const prefixes = ({ credentials = [] }: OptionField): string =>
  credentials.length === 0 ? '' : `Its keys may begin with ${credentials.map(code).join(' or ')}.`;

const variables = (adapter: string, { name, aliases }: OptionField): string =>
  [environmentName(adapter, name), ...aliases].map(code).join(', ');

interface Definition {
  readonly type: string;
  readonly shape?: object;
  readonly entries?: Readonly<Record<string, string | number>>;
}
const definitionOf = (schema: z.ZodType): Definition =>
  (innermost(schema) as unknown as { _zod: { def: Definition } })._zod.def;

/** All values if there are few, else their limits or an example. */
function valuesText(field: OptionField): string {
  if (field.secret) return '`file:/path`, `env:NAME`';
  const { type, entries } = definitionOf(field.schema);
  if (entries) return Object.values(entries).map(code).join(', ');
  if (type === 'boolean') return '`true`, `false`';
  const examples = field.examples.map(code).join(', ');
  if (examples !== '' || type !== 'number') return examples === '' ? '' : `e.g. ${examples}`;
  const { minValue, maxValue } = innermost(field.schema) as z.ZodNumber;
  // The default limits are JavaScript's.
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
    // The introduction has them.
    if ('through' in entry) continue;
    const definition = (await entry.load()) as WithOptions & {
      notes?: string;
      homepage?: string;
      apiDocs?: string;
      tested?: string;
    };
    const links = [
      definition.homepage && `[home page](${definition.homepage})`,
      definition.apiDocs && `[API](${definition.apiDocs})`,
      `since ${entry.since}`,
      definition.tested && `tested: ${definition.tested}`,
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

const optionSection = `## Options of adapters

Each solver, DNS provider, load balancer, deployer, notifier and store has options of its own, which are listed on its page. An option
that is left out is read from the first environment variable in the last column that is set; if none is, the default applies.
The variables after the first are those of other clients; a secret is read from them only if no secret of the adapter is given
in another way.

Every option may also be written as \`env:NAME\` (the value is in that variable) or \`file:/path\` (it is in that file). Keep
secrets in a file with mode 0600.

If an adapter has the option \`credentials\`, it names a file (mode 0600) with options that are not given here:

| form | example |
| --- | --- |
| certbot’s INI | \`dns_example_api_token = …\` |
| \`KEY=VALUE\` | \`EXAMPLE_TOKEN=…\`, also with \`export\`, quotes and comments |
| profiles (AWS, Alibaba Cloud) | \`[default]\`, then \`aws_access_key_id = …\`; the option \`profile\` chooses one |
| JSON | one object: \`{ "apiToken": "…" }\` |

Its keys are the names of the options in any spelling (\`apiToken\`, \`api_token\`), or those of the variables. Errors name the
file and the key, never a value.
`;

const dnsIntroduction = async (
  registry: Registry,
): Promise<string> => `A DNS provider changes TXT values in a zone. On the command line: \`--dns ID\`; in the configuration, a solver names it:

\`\`\`yaml
solvers:
  dns: { type: dns01, provider: rfc2136, options: { server: "ns1.example.com:53", keyName: acme, secret: "file:/run/secrets/tsig" } }
\`\`\`

For a service that is not here, there are bridges ([acmesh](#acmesh), [http-request](#http-request), and the
[\`command\` solver](solvers.md#command)), or [a file of your own](../guides/write-a-dns-provider.md#a-file-of-your-own):
\`module: ./mine.js\` in place of \`provider\`, and on the command line \`--dns ./mine.js\`.

An option that is left out is read from the environment variables in the last column; if none is set, the default applies.
Keep secrets in a file with mode 0600. See [Options of adapters](configuration.md#options-of-adapters).

${await dnsProviderTable(registry)}`;

const solverIntroduction = async ({
  solver,
}: Registry): Promise<string> => `A solver makes a challenge answerable. On the command line, \`--http standalone\` is \`http01-responder\`,
\`--http webroot:FOLDER\` is \`http01-webroot\`, and \`--dns PROVIDER\` is \`dns01\`; both flags also accept the name of a declared
solver. Without them, the only declared solver is used, else \`standalone\`.

## dns01

Adds the TXT record through a [DNS provider](dns-providers.md): finds the zone by SOA, follows CNAMEs, and waits until every
authoritative server returns the record.

${optionTable((await solver['dns01']!.load()).options)}

## http01-forward-rule

Adds a rule to a [load balancer](balancers.md) that sends the challenges of the names to this node, waits until it works, and
removes it when the order is done; see [Behind a load balancer](../guides/behind-a-load-balancer.md).

${optionTable((await solver['http01-forward-rule']!.load()).options)}`;

const balancerIntroduction = `A load balancer whose forward rules certfleet changes: a [solver](solvers.md) of type \`http01-forward-rule\` names it in
\`balancer\`, and so does a [deployer](deployers.md) that gives it a certificate.`;

const deployerIntroduction = `A deployer brings certificates to a target. On the command line: \`--deploy files:FOLDER\`, or the name of a declared
deployer.`;

const notifierIntroduction = `A notifier sends alarms to people: \`alarms:\` in the configuration names one or several, and each gets every alarm.
\`certfleet alarms test NAME\` sends a test message.`;

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

## Several files

What stands in the files \`*.yaml\` of the folder \`certfleet.d/\` beside \`certfleet.yaml\` is part of the configuration. The
folder of another file has that file's name: \`prod.d/\` for \`prod.yaml\`. Each file has the same form as
\`certfleet.yaml\`. Files are read in the order of their names; hidden ones are left out. Certificates are added, and so
are the names in \`issuers\`, \`solvers\`, \`balancers\`, \`deployers\` and \`alarms\`; the same name in two files is an error.
Any other setting may be in only one file. A solver in one file can be used by a certificate in another. Paths of
modules are relative to the folder of \`certfleet.yaml\`. As with \`/etc/certfleet/certfleet.yaml\` itself, a file in
\`/etc/certfleet/certfleet.d/\` that other users can change is refused.

\`certfleet run\` reads all of them again when one changes, appears or goes.

${sections.join('\n')}
${optionSection}
## Short names of CAs

${table(
  ['directory', 'CA', 'URL', 'with --staging'],
  Object.entries(knownIssuers).map(([name, issuer]) => [
    code(name),
    `${issuer.title}${issuer.needsAccountBinding ? ' (needs external account binding)' : ''}`,
    issuer.directory,
    issuer.testDirectory ?? 'none',
  ]),
)}
`;
}

const adapterLinks: Readonly<Record<string, string>> = {
  store: ' `type` is one of [stores](stores.md); its options follow in the same group.',
  solvers: ' `type` is one of [solvers](solvers.md); its options follow in the same group.',
  balancers: ' `type` is one of [load balancers](balancers.md); its options follow in the same group.',
  deployers: ' `type` is one of [deployers](deployers.md); its options follow in the same group.',
  alarms: ' `type` is one of [notifiers](notifiers.md); its options follow in the same group.',
};

/** The strict object inside a record, list, optional or default; nothing for adapters, which have their own pages. */
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

\`certfleet --version\` prints the version; \`certfleet help issue\` explains a command.

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
    [
      '`CERTFLEET_CODE_CACHE`',
      'absolute path of the folder for what makes the next run faster (compiled code, and which certificates are not due), or `off`. Default: `/var/cache/certfleet` for root, else `certfleet` in `$XDG_CACHE_HOME` or `~/.cache`. A folder that other users can write is not used',
    ],
    [
      '`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`',
      'proxy for HTTP requests, and the hosts that need none: names with all below them, addresses, CIDR blocks (`10.0.0.0/8`, `fd00::/8`), each also with `:port`',
    ],
  ],
)}
`;
}

const errorIntroductions = {
  en: `# Errors

Each error has a code, whose meaning never changes. \`{words}\` in braces are filled in by the message. \`certfleet explain CODE\`
prints an entry. With \`--lang zh\`, or if LC_ALL, LC_MESSAGES or LANG says so, errors are in Chinese; what a CA, a cloud or
another program says stays as it is. [简体中文](errors.zh-CN.md)`,
  zh: `# 错误

每个错误都有一个错误码，含义不会变。花括号里的 \`{words}\` 由错误信息填写。\`certfleet explain CODE\` 打印其中一条。用 \`--lang zh\`，或者由环境变量
LC_ALL、LC_MESSAGES、LANG 指定时，错误以中文显示；CA、云服务商和其他程序自己的文字保持原样。[English](errors.md)`,
} as const;

function errorPage(language: Language): string {
  const sections = (Object.keys(errorTable) as ErrorCode[]).map((name) =>
    [`<a id="${name}"></a>`, `### ${name}`, ...explanationOf(name, language)].join('\n\n'),
  );
  return `${madeBy}
${errorIntroductions[language]}

${sections.join('\n\n')}
`;
}

const eventMeanings: Readonly<Record<EventName, string>> = {
  'run.started': 'A command began. `data.command` is its name.',
  'run.ready':
    '`certfleet run` has read all certificates, and takes care of them from now on, or answers challenges in the role of a responder.',
  'run.planned':
    'The certificates that a run has to order or deliver were counted, before it works on the first. `data.certificates`. What is found to be due only on a closer look is not counted. If the CA’s rate limits make some wait: `data.waiting` (each one’s `certificate`, `at` and `quota`, which is what the limit allows, in words) and `data.allBy` (the last of these times).',
  'run.finished':
    'A command ended. `data.exitCode`, and `data.outcomes`: one object per certificate with `certificate`, `result` (`issued`, `renewed`, `deployed`, `unchanged`, `pending`, `failed`), `message`, `notAfter`, `next` (when `renew` renews it, or tries again what failed; absent while it is still being rolled out, because each `renew` looks again), `failing` (`unchanged` because it failed before and waits), `limited` (`unchanged` because it waits for a rate limit: `until`, `quota`), `paused` (`unchanged` because a person has paused it), `settingsStay` (a change of its settings failed, so settings and certificate are those of before), `byHand` (a person must add its TXT records, so `renew` does not renew it), `dropped` (names that it lacks: `identifier` and `reason`), `settling` (which targets and endpoints are still rolling it out, in words), `left` (what it has left outside, because its removal was refused: `what`, `code`, `reason`), `refusedHooks` (its hooks that do not run, because other users can change their programs: `what`, `code`, `reason`, `hint`), `code`, `hint`, `params` (what message and hint are made of) and `cause` (the failure on which this one reports, whose message is the parameter that `params` lacks: `code`, `params`). Message and hint are English, whatever the language. For `delete`: `data.keptBy` (targets that still have it), `data.kept` (what a target keeps and how to remove it, by target), `data.notAfter`, `data.left` (what could not be removed), `data.unsure` (what a later sweep looks for once more, because the provider lists records late), `data.isDeclared`. After an error that ended the whole run: `data.code`, `data.params`, `data.cause`, `data.hint`, `data.docs`.',
  'store.made':
    'A new store was made: by `issue`, by `renew` if the configuration declares it and certificates, by `run` if it declares either. Level `warn` if it is in a volume that goes with the container. `data.path`.',
  'configuration.read': '`certfleet run` uses the configuration as it is now. `data.certificates`.',
  'configuration.refused':
    '`certfleet run` goes on with the configuration of before, because the one that is there now is not valid. Level `error`. `data`: `code`, `hint`.',
  'secrets.changed':
    'Files with secrets or roots that `certfleet run` has read have changed, so it tries again what failed. `data.files`.',
  'certificate.changed':
    '`issue` changed a setting of a stored certificate. `data`: `setting`, `from`, `to`; secrets are hidden.',
  'certificate.started': 'Work on a certificate began.',
  'certificate.step':
    'The next step began. `data.step`: `lease`, `key`, `order`, `challenges`, `validate`, `finalize`, `deploy`, `close`.',
  'certificate.waiting': 'Work on a certificate is waiting; the message says for what.',
  'certificate.issued': 'The store has a new version. `data`: `serial` (hex), `notAfter`, `version` (its id).',
  'certificate.deployed':
    'Targets use the new version. `data.targets`, `data.places` (how many places, such as the domains of a CDN, a target has, by target), and `data.node` if only the targets of this node got it, which lacked what was current already.',
  'certificate.pending':
    'A target does not use the new version yet. `data`: `target`, `code`, `params`, `cause`, `node` if only this node lacks it, and for a target with many places `places`: `total`, `lacking`, and in `named` the first 20 of these, each with `place`, `state` and `reason`. While the target is rolling the version out, which is no failure, the code is `deploy/settling` and the level is `info`.',
  'certificate.failed':
    'A try failed. `data`: `code`, `params`, `cause`, `retryAt`; the whole error is in `run.finished`.',
  'certificate.revoked':
    'The CA has revoked a version, or had before. `data`: `serial`, `reason`, `before` (it had been revoked already).',
  'certificate.rolled-back': 'A person went back to the previous version. `data`: `from`, `to` (ids of versions).',
  'certificate.exported':
    'The current version was exported with its private key. `data`: `version`, `format` (`pem`, `pkcs12`), `to`.',
  'certificate.paused':
    'A person has paused it: it is neither ordered nor delivered until it is resumed. `data.by` is who.',
  'certificate.resumed': 'A person has ended its pause. `data.by` is who.',
  'preflight.finding': 'The result of a check before the order. `data`: `verdict`, `identifier`.',
  'renewal.scheduled': 'The renewal time was set. `data`: `at`, `source` (`ari`, `lifetime`), `explanationUrl`.',
  'renewal.early':
    '`renew --next-run` renews a certificate before its renewal time. Level `warn` if that is outside the CA’s window, so that the CA’s rate limits count it; then `data`: `start`, `end` of the window.',
  'schedule.too-slow':
    'The interval of `renew --next-run` is too long for a certificate. `data`: `intervalMs`, `lifetimeMs`, `longestMs` (an interval that would do).',
  'sweep.cleaned': 'Something that a dead process left was removed.',
  'sweep.unsure': 'What a dead process left may not be in the DNS provider’s list yet. It is looked for again.',
  'sweep.failed': 'Something that a dead process left could not be removed; the next pass tries again.',
  'deploy.alarm':
    'A target or endpoint still has the old version after `deployTimeout`. Level `alarm`. `data`: `target`, `since`, and `node` if only this node lacks it.',
  'node.missing':
    'A node that shares the store has missed three of its usual runs, or `certfleet run` gives no sign of life there. Level `alarm`, once until it comes back. `data`: `node`, `since`, `what` (`renew`, `node` for `certfleet run`, `responder`).',
  'node.forgotten':
    'A missing node was forgotten: it was not seen for 7 days, and the alarm is a day old. `data`: `node`, `lastSeen`.',
  'alarm.raised':
    'Something is worth waking a person for (`certfleet alarms` lists what is open). Level `alarm`, or `info` if a `deploy.alarm` or `node.missing` has told it already. `data`: `key` (the same until it is resolved), `kind` (`failing`, `expiring`, `target`, `endpoint`, `paused`, `ca-incident`, `limited`, `configuration`, `node-missing`, `store`), `since`, `hint`, and where they are known `node`, `code` and `url`. `run` raises alarms always, `renew` if the configuration has `alarms`.',
  'alarm.repeated': 'An alarm has been open for another day. Level `alarm`. `data` as in `alarm.raised`.',
  'alarm.resolved': 'Two looks have found that the cause of an alarm is over. `data` as in `alarm.raised`.',
  'alarm.unsent': 'A notifier could not send alarms, and is tried again. Level `warn`. `data`: `notifier`, `code`.',
  'hook.ran': 'A pre-hook or post-hook has run. `data.hook`.',
  'hook.failed':
    'A pre-hook or post-hook failed, which stops nothing. `data.hook`. Level `alarm` for a post-hook, because what it starts may not run.',
  log: 'A message of an adapter.',
};

const stateMeanings: Readonly<Record<LineageStatus['state'] | 'interrupted' | 'test' | 'undeclared', string>> = {
  valid: 'The certificate is valid and not due, and every target has it.',
  due: 'The renewal time has passed; the next `renew` renews it.',
  pending:
    'The certificate is valid, but a target or endpoint does not have it yet; each `renew` tries again. `lackingAt` names the nodes whose own targets lack it; each delivers it at its next `renew`.',
  working: 'A process is working on it now; `work` names the step.',
  interrupted: 'A process that worked on it was stopped or killed; the next `renew` continues.',
  failing:
    'The last try failed; `failure` says why, and when `renew` tries again. An older certificate may still be valid.',
  missing: 'It has not been issued yet.',
  expired: 'It has expired; the next `renew` renews it. If there is a `failure`, the last try failed, as in `failing`.',
  paused:
    'A person has paused it: it is neither ordered, renewed nor delivered until `certfleet resume`. `paused` says who, when and why, also where another state comes first, such as `expired`.',
  revoked:
    'Its certificate was revoked with `certfleet revoke`; `revoked` says when, why, and whether `renew` replaces it.',
  undeclared: 'The store has it, but the configuration no longer declares it: it is never renewed.',
  test: 'A test certificate (`NAME~staging`), which is never renewed.',
  corrupt: 'Its document in the store cannot be read; `failure` says why.',
};

const eventPage = (): string => `${madeBy}
# Events (\`--json\`)

One JSON object per line on stdout. \`v\` is the version of this format; within a version, fields are only added. Ignore unknown
events.

${table(
  ['field', 'meaning'],
  [
    ['`v`', '1'],
    ['`time`', 'RFC 3339, UTC'],
    ['`level`', '`debug` (with `--verbose` only), `info`, `warn`, `error`, or `alarm` (a person should act now)'],
    ['`event`', 'one of the names below'],
    ['`certificate`', 'the certificate, if the event is about one'],
    ['`message`', 'one sentence, without secrets'],
    ['`data`', 'details that depend on the event'],
  ],
)}

${table(
  ['event', 'meaning'],
  Object.entries(eventMeanings).map(([name, meaning]) => [code(name), meaning]),
)}

\`status\`, \`show\`, \`plan\`, \`limits\`, \`providers\`, \`doctor\`, \`dns test\`, \`balancer test\` and \`config check\` print objects instead, also with \`v\`, one per line:
\`"object": "certificate"\`, \`"history"\` (of \`show --history\`: the \`runs\` that did something, the latest first), \`"alarm"\` (of \`alarms\`), \`"alarms"\` (of \`status\`, if any are \`open\`: how many), \`"node"\` (of \`status\`: what each node of the store lacks), \`"plan"\` (what happens to a certificate: \`steps\`) and \`"orders"\` (\`days\`) of \`plan\`, \`"limits"\` (\`buckets\` of a CA), \`"adapter"\`, \`"issuer"\`, \`"dns-test-step"\` and \`"dns-test"\`, \`"balancer-test-step"\` and \`"balancer-test"\`, \`"path"\` and \`"target"\` of \`doctor\`, and \`"problem"\` with \`file\`,
\`line\` and \`message\`. A certificate's \`state\` is one of these:

${table(
  ['state', 'meaning'],
  Object.entries(stateMeanings).map(([name, meaning]) => [code(name), meaning]),
)}

While the CA has asked to wait, \`heldUntil\` says until when; no command asks it earlier, even with \`--force\`. \`rateLimit\` says until when a rate limit makes the certificate wait (\`until\`), and what that limit allows (\`quota\`).

An \`"alarm"\` has \`key\` and \`kind\` (as in \`alarm.raised\`), \`certificate\` or \`node\` if it is about one, \`message\`, \`hint\`, \`since\`, \`toldAt\` (when it was last sent, or was found if it is still to be sent: two messages are at least five minutes apart), and where they are known \`code\` and \`url\` (a page to open). \`expiring\` means that a certificate is overdue: it has expired, or a third of the time between its planned renewal and its expiry is over. For one that only a person can renew, the alarm comes at the planned renewal. \`certfleet_certificates_overdue\` and the heartbeat go by the same rule, without that exception. \`certfleet_alarms_open\` counts each open alarm at one node.

An entry of \`runs\` has \`id\`, \`trigger\` (\`issue\`, \`renew\`, \`run\`, \`dry-run\`, \`revoke\`, \`rollback\`, \`export\`, \`import\`, \`sweep\`, \`delete\`, \`account\`), \`forced\`, \`node\`, \`process\` (\`command\`, or \`daemon\` for \`certfleet run\`), \`startedAt\`, \`endedAt\`, \`ms\`, \`result\` (\`done\`, \`pending\`, \`failed\`, \`stopped\`), \`did\` (\`issued\`, \`renewed\`, \`delivered\`, \`revoked\`, \`rolled-back\`, \`exported\`, \`imported\`, \`cleaned\`), \`version\`, \`steps\` (each with \`step\` and \`ms\`), \`targets\` (\`target\`, \`node\`, \`result\`: \`delivered\` or \`pending\`, \`code\`, \`params\`, \`cause\`, \`message\`), \`moreTargets\`, \`continued\` (an earlier run: \`startedAt\`, \`step\`, \`cutOff\` if its process was killed or lost its lease), \`message\`, \`code\`, \`params\` and \`cause\` (what the message of the code is made of), \`caSays\`, \`count\` and \`since\` (how many runs failed in this way, and since when). Old entries lose texts and steps first, so that all fit into 16 kB.

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
What stops everything comes first, then what a person must fix, then what may heal by itself. 8 comes last, because nothing
is wrong yet; its message is printed beside the others.
`;
