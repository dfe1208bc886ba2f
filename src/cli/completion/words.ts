import type { Registry } from '../../config/registry/registry.ts';
import { knownIssuers } from '../../core/ca/known-issuers.ts';
import { errorTable } from '../../core/errors/error-table.ts';
import { certbotOptions, certbotVerbs, type ValueKind } from '../../migrate/certbot/flag-table.ts';
import { certbotNames } from '../../migrate/certbot/plugins.ts';
import { importers } from '../../migrate/importers.ts';
import type { Command, Flag } from '../commands/commands.ts';
import type { WholeCommandLine } from '../commands/machine.ts';

/** The candidates for one place: a path, the name of a certificate, or one of the words. */
export type Candidates = 'file' | 'folder' | 'certificate' | readonly string[];

export interface CompletedFlag {
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined for a switch; empty for a value that cannot be guessed. */
  readonly value: Candidates | undefined;
}

export interface CompletedCommand {
  /** `''` for the program itself, `dns` for a group, `dns test` for a command in a group. */
  readonly name: string;
  readonly flags: readonly CompletedFlag[];
  /** What may follow: commands with their summaries, or arguments, the last of which may be repeated. */
  readonly next:
    | { readonly words: readonly Described[] }
    | { readonly args: readonly Candidates[]; readonly isList: boolean };
}

interface Described {
  readonly word: string;
  readonly summary: string;
}

export const shells = ['bash', 'zsh', 'fish'] as const;

/** Returns everything that the shells complete, derived from the commands. */
export async function completed(
  { commands, commandGroups, globalFlags }: WholeCommandLine,
  registry: Registry,
): Promise<readonly CompletedCommand[]> {
  const words = placeholders(registry);
  const candidatesFor = (placeholder: string): Candidates => words[placeholder.replaceAll(/[<>[\].]/g, '')] ?? [];
  const flagOf = ({ flags, description, values }: Flag): CompletedFlag => {
    const [, value] = / (<.*>)$/.exec(flags) ?? [];
    const names = flags.replace(/ <.*$/, '').split(', ');
    return { names, description, value: value === undefined ? undefined : (values ?? candidatesFor(value)) };
  };
  const common = [...globalFlags.map(flagOf), { names: ['-h', '--help'], description: 'print help', value: undefined }];
  const top = commands.filter(({ name }) => !name.includes(' ')).map(describedAs((name) => name));
  const groups = Object.entries(commandGroups).map(([word, summary]) => ({ word, summary }));
  return [
    {
      name: '',
      flags: [...common, { names: ['-V', '--version'], description: 'print the version', value: undefined }],
      next: { words: [...top, ...groups, { word: 'help', summary: 'print the help of a command' }] },
    },
    { name: 'help', flags: [], next: { args: [[...top, ...groups].map(({ word }) => word)], isList: false } },
    ...groups.map(({ word }) => ({
      name: word,
      flags: common,
      next: {
        words: commands
          .filter(({ name }) => name.startsWith(`${word} `))
          .map(describedAs((name) => name.slice(word.length + 1))),
      },
    })),
    ...commands
      .filter(({ name }) => name !== 'certbot')
      .map(({ name, flags, arguments: { text } = { text: '' } }) => ({
        name,
        flags: [...flags.map(flagOf), ...common],
        next: { args: text === '' ? [] : text.split(' ').map(candidatesFor), isList: text.includes('...') },
      })),
    {
      name: 'certbot',
      flags: [...(await flagsOfCertbot(registry)), ...common],
      next: { args: [verbsOfCertbot], isList: false },
    },
  ];
}

const verbsOfCertbot = Object.keys(certbotVerbs).filter((verb) => certbotVerbs[verb]?.refused !== true);

/** Returns certbot's own flags, and those of its plugins for DNS providers. */
async function flagsOfCertbot(registry: Registry): Promise<readonly CompletedFlag[]> {
  const names = await Promise.all(Object.keys(registry.dns).map((id) => certbotNames(id, registry)));
  const plugins = names.flat().map((name) => `dns-${name}`);
  const description = 'as with certbot';
  const candidatesOf = (kind: ValueKind): Candidates => {
    if (kind === 'text') return [];
    if (kind === 'ca') return Object.keys(knownIssuers);
    return kind === 'plugin' ? ['standalone', 'webroot', 'manual', ...plugins] : kind;
  };
  return [
    ...certbotOptions()
      .filter(({ refused }) => refused !== true)
      .flatMap(({ flags, value: kind }) => {
        const value = kind === undefined ? undefined : candidatesOf(kind);
        return flags.split(' ').map((flag) => ({ names: [flag], description, value }));
      }),
    ...plugins.flatMap((plugin) => [
      { names: [`--${plugin}`], description, value: undefined },
      { names: [`--${plugin}-credentials`], description, value: 'file' as const },
      { names: [`--${plugin}-propagation-seconds`], description, value: [] },
    ]),
  ];
}

const describedAs =
  (short: (name: string) => string) =>
  ({ name, summary }: Pick<Command, 'name' | 'summary'>): Described => ({ word: short(name), summary });

/** Returns the candidates for each placeholder in the help, such as `<file>`. */
function placeholders(registry: Registry): Readonly<Record<string, Candidates>> {
  const ids = [...new Set(Object.values(registry).flatMap((adapters) => Object.keys(adapters)))];
  return {
    file: 'file',
    path: 'file',
    folder: 'folder',
    name: 'certificate',
    provider: Object.keys(registry.dns),
    ca: Object.keys(knownIssuers),
    how: ['standalone', 'webroot:'],
    target: ['files:', 'none'],
    word: ids.sort(),
    code: Object.keys(errorTable),
    shell: shells,
    client: Object.keys(importers),
  };
}
