import { describe, expect, it } from 'vitest';
import { type CommandLine, commandLine } from '../../test/support/command-line.ts';
import { commandGroups, commands } from './commands/commands.ts';
import { valid } from './commands/look/test-statuses.ts';

/** A value for each required argument. */
const argumentsOf = (text = ''): readonly string[] =>
  text.split(' ').flatMap((word) => (/^<shell>/.test(word) ? ['bash'] : word.startsWith('<') ? ['abc'] : []));

/** What prints an object for each thing, and here there is none. */
const lists: ReadonlySet<string> = new Set([
  'doctor abc',
  'caa abc',
  'account list',
  'limits',
  'alarms',
  'alarms list',
  'audit',
  'token',
  'token list',
  'user',
  'user list',
]);

const files = { '/c.yaml': 'store: { type: file, path: /x }\n' };
const fleet = { status: [valid] };
const lines: [argv: string, more?: CommandLine][] = [
  ...commands.flatMap(({ name, arguments: its }): [string][] => [
    [[name, ...argumentsOf(its?.text)].join(' ')],
    [`${name} --no-such-flag`],
    [`${name} --help`],
  ]),
  ...Object.keys(commandGroups).map((group): [string] => [group]),
  [''],
  ['--version'],
  ['nothing'],
  ['config check --config /c.yaml', { files }],
  ['config check --config /c.yaml', { files: { '/c.yaml': 'isuers: {}\n' } }],
  ['config check --config /c.yaml', { files: { '/c.yaml': '' } }],
  ['config check --config /none'],
  ['completion names'],
  ['completion tcsh'],
  ['certbot certificates'],
  ['certbot certonly'],
];

describe('--json', () => {
  it.each(lines)('prints JSON, and nothing else: certfleet %s', async (argv, more = {}) => {
    const words = argv.split(' ').filter((word) => word !== '');
    const done = await commandLine({ fleet, ...more }).run(...words, '--json');
    const printed = done.stdout.split('\n');
    expect(printed.pop()).toBe('');
    if (!lists.has(argv)) expect(printed.length).toBeGreaterThan(0);
    for (const line of printed) expect(JSON.parse(line)).toMatchObject({ v: 1 });
    expect(done.stderr).toBe('');
  });
});
