import { type Command, commands, type Flag, globalFlags } from '../src/cli/commands/commands.ts';
import { exitMeanings } from '../src/cli/output/exit-codes.ts';
import { defaultPaths } from '../src/config/settings/defaults.ts';
import { homepage, version } from '../src/core/errors/version.ts';

/** The manual page certfleet(1), made from the commands like their reference. */
export function manPage(): string {
  const paths = defaultPaths({});
  return `${[
    `.\\" Made by \`npm run build\` from src/cli/commands/commands.ts.`,
    `.TH CERTFLEET 1 "" ${quoted(`certfleet ${version}`)} "certfleet"`,
    '.SH NAME',
    text('certfleet - get, renew and deliver HTTPS certificates from ACME CAs'),
    '.SH SYNOPSIS',
    `.B certfleet\n.I command\n.RI [ flags ]`,
    '.SH DESCRIPTION',
    text(
      'Gets certificates from Let’s Encrypt and other ACME CAs, renews them when the CA suggests, and delivers them to files, servers and load balancers. Results go to stdout, progress to stderr.',
    ),
    '.SH COMMANDS',
    ...commands.map(commandText),
    '.SH FLAGS OF EVERY COMMAND',
    ...globalFlags.map(flagText),
    '.SH EXIT STATUS',
    ...Object.entries(exitMeanings).map(([code, meaning]) => `.TP\n.B ${code}\n${text(meaning)}`),
    '.SH ENVIRONMENT',
    item('CERTFLEET_DEBUG', 'if it is 1, the same as --verbose'),
    item(
      'CERTFLEET_CODE_CACHE',
      'absolute path of the folder for what makes the next run faster, or `off`; default: /var/cache/certfleet for root, else certfleet in $XDG_CACHE_HOME or ~/.cache',
    ),
    item('NO_COLOR', 'no colours on a terminal'),
    text(
      'Options of DNS providers and other adapters have variables of their own; `certfleet providers ID` lists them.',
      '.PP\n',
    ),
    '.SH FILES',
    item(paths.configuration, 'the configuration; optional'),
    item(paths.store, 'the store: state, keys and certificates'),
    '.SH SEE ALSO',
    text(`The guides and the reference at ${homepage}.`),
  ].join('\n')}\n`;
}

function commandText({ name, summary, description, arguments: argument, flags, examples = [] }: Command): string {
  return [
    `.SS ${quoted(`certfleet ${name}${argument ? ` ${argument.text}` : ''}`)}`,
    text(`${sentence(summary)}. ${description ?? ''}`.trim()),
    ...(argument ? [item(argument.text, argument.description)] : []),
    ...flags.map(flagText),
    ...examples.flatMap(({ line, why }) => [
      text(`${sentence(why)}:`, '.PP\n'),
      `.nf\n.RS\n${escaped(line)}\n.RE\n.fi`,
    ]),
  ].join('\n');
}

const flagText = ({ flags, description, list, repeat }: Flag): string =>
  item(flags, `${description}${repeat ? ' (repeatable)' : list ? ' (repeatable, or with commas)' : ''}`);

const item = (term: string, meaning: string): string => `.TP\n.B ${quoted(term)}\n${text(meaning)}`;

const sentence = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}`;

/** A paragraph. What stands between backticks is bold. */
const text = (words: string, before = ''): string =>
  before + escaped(words.replaceAll('\n', ' ')).replaceAll(/\\\(ga(.*?)\\\(ga/g, '\\fB$1\\fR');

const quoted = (words: string): string => `"${escaped(words).replaceAll('"', '\\(dq')}"`;

/** The text for roff: a backslash, a hyphen, and a dot at the start of a line mean something there. */
const escaped = (words: string): string =>
  words
    .replaceAll('\\', '\\e')
    .replaceAll('`', '\\(ga')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll(/^(?=\.)/gm, '\\&')
    .replaceAll(
      /[^\x00-\x7f]/gu,
      (letter) => `\\[u${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
    );
