import { Command as Commander, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type CertfleetError, fail } from '../core/errors/errors.ts';
import { version } from '../core/errors/version.ts';
import { didYouMean } from '../core/text/nearest.ts';
import { wordHere } from '../migrate/other-clients.ts';
import { type Command, commandGroups, commands, type Flag, globalFlags } from './commands/commands.ts';
import type { FlagValue, Invocation, Output } from './context.ts';

/** The parsed command line: a command to run, or the exit code if help was printed. */
export type Typed = { readonly command: Command; readonly invocation: Invocation } | { readonly exitCode: number };

/** Parses the arguments (without node and script). Fails with `usage/invalid`. */
export function parseArguments(
  given: readonly string[],
  streams: { readonly stdout: Output; readonly stderr: Output },
): Typed {
  const argv = withoutBareStore(given);
  const isJson = argv.includes('--json');
  const output = isJson ? { stdout: asJson(streams.stdout), stderr: { write: () => {} } } : streams;
  let typed: Typed | undefined;
  const program = configure(new Commander('certfleet'), output)
    .description('Gets, renews and delivers HTTPS certificates from Let’s Encrypt and other ACME CAs.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError(true);
  for (const flag of globalFlags) addFlag(program, flag);
  program.addHelpText('after', helpAfter);
  const groups = new Map<string, Commander>();
  const isAbout = aboutWhich(argv);
  for (const command of commands) {
    const [first, second] = command.name.split(' ') as [string, string?];
    let parent = program;
    if (second !== undefined) {
      parent = groups.get(first) ?? group(program, first, output);
      groups.set(first, parent);
    }
    const added = configure(parent.command(second ?? first, { isDefault: command.isDefault === true }), output)
      .summary(command.summary)
      .description(sentence(command.summary) + (command.description ? `\n\n${command.description}` : ''))
      .configureHelp({ showGlobalOptions: true })
      .action(() => {
        typed = { command, invocation: { args: added.args, flags: collectFlags(command, added) } };
      });
    if (!isAbout(command)) continue;
    for (const [at, text] of (command.arguments?.text.split(' ') ?? []).entries())
      added.argument(text, at === 0 ? command.arguments?.description : '');
    for (const flag of command.flags) addFlag(added, flag);
    if (command.examples) added.addHelpText('after', `\nExamples:\n${examples(command.examples)}`);
  }
  const [help, asked] = argv;
  // Commander would print the whole help, without naming the problem.
  if (help === 'help' && asked !== undefined && !program.commands.some((command) => command.name() === asked))
    throw fail('usage/unknown-command', {
      typed: asked,
      advice: didYouMean(
        asked,
        program.commands.map((command) => command.name()),
      ),
    });
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { exitCode: 0 };
    // Without a command, the help went to stderr. A script must notice the mistake.
    if (error.code === 'commander.help') {
      if (isJson) throw fail('usage/command-missing', { commands: commandsOf(argv).join(', ') });
      return { exitCode: 2 };
    }
    throw asUsage(error);
  }
  // Most likely an empty shell variable.
  if (typed && 'invocation' in typed && typed.invocation.args.some((arg) => arg.trim() === ''))
    throw fail('usage/argument-empty', { command: typed.command.name });
  return typed ?? { exitCode: 2 };
}

/**
 * Tells which commands the arguments can be about. Adding the hundreds of flags of all the others takes longer than
 * parsing. A help text lists commands with what they take, so it needs them all.
 */
function aboutWhich(argv: readonly string[]): (command: Command) => boolean {
  const typed = commands.filter(({ name }) => name.split(' ').every((word) => argv.includes(word)));
  const isHelp = argv.some((word) => word === 'help' || /^-\w*h|^--h/.test(word));
  return typed.length === 0 || isHelp ? () => true : (command) => typed.includes(command);
}

/** `doctor --store` looks at the store: there, the flag of all commands needs no value. */
function withoutBareStore(argv: readonly string[]): readonly string[] {
  const isBare = (word: string, at: number) => word === '--store' && (argv[at + 1] ?? '-').startsWith('-');
  return argv.includes('doctor') ? argv.filter((word, at) => !isBare(word, at)) : argv;
}

/** Prints help and version as one line of JSON. */
const asJson = (stdout: Output): Output => ({
  ...stdout,
  write: (text) => stdout.write(`${JSON.stringify({ v: 1, object: 'text', text })}\n`),
});

/** Returns the commands to choose from. `store` alone is a group. */
function commandsOf(argv: readonly string[]): readonly string[] {
  const group = argv.find((word) => Object.hasOwn(commandGroups, word));
  const names = commands.map(({ name }) => name).filter((name) => group === undefined || name.startsWith(`${group} `));
  return names.map((name) => `certfleet ${name}`);
}

/** Returns Commander's sentence, or advice for an option of another client. */
function asUsage({ message }: CommanderError): CertfleetError {
  const sentence = message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
  const [, what, typed, rest = ''] = /^unknown (command|option) '([^'=]+)[^']*'(.*)/.exec(sentence) ?? [];
  if (typed === undefined) return fail('usage/invalid', { what: sentence });
  const owner = commands.find(({ flags }) =>
    flags.some((flag) => [...flag.flags.split(/[ ,]+/), ...(flag.aliases ?? [])].includes(typed)),
  );
  const here = wordHere(typed) ?? (owner && `it is an option of \`certfleet ${owner.name}\``);
  const advice = here === undefined ? rest : `; ${here}`;
  return what === 'command'
    ? fail('usage/unknown-command', { typed, advice })
    : fail('usage/unknown-option', { typed, advice });
}

const configure = (
  command: Commander,
  { stdout, stderr }: { readonly stdout: Output; readonly stderr: Output },
): Commander =>
  command.exitOverride().configureOutput({
    writeOut: (text) => stdout.write(text),
    writeErr: (text) => stderr.write(text),
    // main prints errors.
    outputError: () => {},
    getOutHelpWidth: () => stdout.columns ?? 80,
    getErrHelpWidth: () => stderr.columns ?? 80,
  });

const group = (program: Commander, name: string, output: Parameters<typeof configure>[1]): Commander => {
  const summary = commandGroups[name] ?? '';
  return configure(program.command(name).summary(summary).description(sentence(summary)), output);
};

function addFlag(command: Commander, flag: Flag): void {
  const read = (value: string, before: readonly string[] = []): FlagValue => {
    // Most likely an empty shell variable. As a path, it would mean the current folder.
    if (value.trim() === '') throw new InvalidArgumentError('It must not be empty.');
    if (flag.list)
      return [
        ...before,
        ...value
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      ];
    return flag.repeat ? [...before, value] : value;
  };
  const make = (flags: string) => {
    const option = new Option(flags, flag.description);
    return option.required ? option.argParser(read as (value: string, previous: unknown) => unknown) : option;
  };
  command.addOption(make(flag.flags));
  const value = /<.*>$/.exec(flag.flags)?.[0] ?? '';
  for (const alias of flag.aliases ?? []) command.addOption(make(`${alias} ${value}`).hideHelp());
}

/** Returns flags by the camel-case form of their first long name, with aliases merged into it. */
function collectFlags(command: Command, parsed: Commander): Record<string, FlagValue | undefined> {
  const values = parsed.optsWithGlobals() as Record<string, FlagValue | undefined>;
  const collected: Record<string, FlagValue | undefined> = {};
  for (const flag of [...globalFlags, ...command.flags]) {
    const names = [flag.flags.replace(/^-\w, /, '').split(' ')[0]!, ...(flag.aliases ?? [])].map(camelCase);
    const given = names.map((name) => values[name]).filter((value) => value !== undefined);
    if (given.length > 0) collected[names[0]!] = Array.isArray(given[0]) ? given.flat().map(String) : given[0];
  }
  return collected;
}

const camelCase = (flag: string): string =>
  flag.replace(/^--/, '').replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
const examples = (list: NonNullable<Command['examples']>): string =>
  list.map(({ line, why }) => `  # ${why}\n  ${line}`).join('\n');

const helpAfter = `
Start here:
  # get a test certificate first (port 80 of this machine must be free)
  certfleet issue -d www.example.com --agree-tos --staging
  # see all certificates and what comes next
  certfleet status

Exit codes: 0 done or nothing due, 1 bug, 2 usage or configuration,
3 preflight refused, 4 CA, 5 DNS, load balancer or solver,
6 deployment pending, 7 store, 8 schedule too slow, 9 output not written,
130 and 143 stopped by a signal.`;
