import { join } from 'node:path';
import { defaultPaths } from '../../config/settings/defaults.ts';
import { atPlace, fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { remedyOf } from '../../core/trust/untrusted-code.ts';
import { type CliIniLine, readCliIni, wordsOfIni } from '../../migrate/certbot/cli-ini.ts';
import { type CertbotWords, readCertbot } from '../../migrate/certbot/words.ts';
import type { Untrusted } from '../../ports/files.ts';
import type { Session } from '../context.ts';
import { wholePathOf, withPlaces } from '../flags/values.ts';

/** The content of a certbot command line and of certbot's own configuration file. */
interface WithCliIni {
  readonly words: CertbotWords;
  /** Returns the error with the line of the file that has the wrong value, if the value is not from the command line. */
  placed(error: unknown): unknown;
}

/**
 * Returns the words of the command line, preceded by those in certbot's own configuration file. Fails with a `usage/`
 * code.
 */
export async function withCliIni(session: Session): Promise<WithCliIni> {
  const { args } = session.invocation;
  const typed = readCertbot(args);
  if (typed.verb === 'renew') refuseOfOrder(typed, session);
  const [how, other] = new Set(typed.authenticators);
  if (other !== undefined)
    throw fail('usage/flags-exclude', {
      one: pluginFlag(how!),
      other: pluginFlag(other),
      reason: 'both choose how to answer challenges',
    });
  const { env } = session.context;
  const { cliIni, configDir } = typed.values;
  const path =
    cliIni === undefined
      ? join(configDir === undefined ? defaultPaths(env).certbot : wholePathOf('', configDir, env), 'cli.ini')
      : wholePathOf('--config ', cliIni, env);
  const bytes = await readIni(path, cliIni, session);
  if (!bytes) return { words: typed, placed: (error) => error };
  session.debug(`reading flags from ${path}, too`);
  const lines = linesOf(new TextDecoder().decode(bytes), path);
  const ofFile = iniWords(lines, path, cliIni !== undefined);
  const placed = (error: unknown) => placedIn(error, { path, lines, args });
  let whole: CertbotWords;
  try {
    whole = readCertbot([...ofFile, ...args]);
  } catch (error) {
    throw placed(error);
  }
  // The parser has already done so for a --config-dir that was typed.
  const folder = whole.values.configDir;
  if (folder !== undefined && session.invocation.flags['store'] === undefined) session.useStore(`${folder}/certfleet`);
  // The file may have flags for orders. They do not choose which certificates to renew.
  const words = typed.verb === 'renew' ? { ...whole, domains: typed.domains, ofOrder: typed.ofOrder } : whole;
  return { words, placed };
}

/**
 * The file names hooks, which run as this user, so no other user may be able to change it or replace it. Returns
 * undefined if it does not exist and was not named.
 */
async function readIni(path: string, named: string | undefined, session: Session): Promise<Uint8Array | undefined> {
  const { files } = await session.world();
  const unreadable = (reason: string) =>
    fail('usage/file-unreadable', { typed: named === undefined ? path : `--config ${named}`, reason });
  const trusted = (found: Untrusted) => {
    const remedy = remedyOf(found);
    const hint = `It can name commands that certfleet runs as this user. Check its contents, then ${remedy}.`;
    return fail('config/untrusted', { file: path, reason: found.reason, remedy }, { hint });
  };
  try {
    // Where there is no file, it does not matter who could create one.
    if (named === undefined && !(await files.stat(path))) return undefined;
    const bytes = await files.read(path, { named: true, trusted, isWayTrusted: true });
    if (bytes || named === undefined) return bytes;
  } catch (error) {
    throw isFailure(error) ? error : unreadable(reasonOf(error));
  }
  throw unreadable('there is no such file');
}

interface InFile {
  readonly path: string;
  readonly lines: readonly CliIniLine[];
  /** The words of the command line. */
  readonly args: readonly string[];
}

/**
 * Finds the line by what the message repeats. Values are translated before they are checked, so an error often does not
 * know which flag of certbot it is about, but it repeats the value or the flag.
 */
function placedIn(error: unknown, { path, lines, args }: InFile): unknown {
  if (!isFailure(error, 'usage/', 'identifier/') || error.message.startsWith(`${path}:`)) return error;
  const isTyped = (text: string) =>
    args.some((word) => word === text || word.endsWith(`=${text}`) || word.startsWith(`${text}=`));
  const repeats = (text: string) => !isTyped(text) && isWordIn(error.message, text);
  const named = lines.findLast(({ key }) => repeats(`--${key}`));
  if (named && isFailure(error, 'usage/secret-visible'))
    return fail('usage/not-applicable', {
      typed: `${path}:${named.line}: ${named.key}`,
      reason: 'certfleet takes the place of a secret, not the secret itself',
      advice: `Move the secret to a file that only this user can read, and write \`${named.key} = file:/path\`.`,
    });
  const repeated = lines.findLast(
    ({ value }) => value !== 'true' && value.split(',').some((one) => repeats(one.trim())),
  );
  const found = repeated ?? named;
  return found ? atPlace(error, `${path}:${found.line}`) : error;
}

/** Reports whether a text is in a message as a whole word. A message repeats only the beginning of a long one. */
function isWordIn(message: string, text: string): boolean {
  const begin = text.slice(0, 100);
  const isWhole = begin.length === text.length;
  for (let at = message.indexOf(begin); begin !== '' && at >= 0; at = message.indexOf(begin, at + 1)) {
    const [before = ' ', after = ' '] = [message[at - 1], message[at + begin.length]];
    if (/[\s"=:]/.test(before) && (!isWhole || /[\s":;,]/.test(after))) return true;
  }
  return false;
}

/**
 * Fails with a `usage/` code if the file has keys that certbot does not know, as certfleet's own configuration does.
 */
function iniWords(lines: readonly CliIniLine[], path: string, isNamed: boolean): readonly string[] {
  const hint =
    'A --config after `certbot` names certbot’s cli.ini: put certfleet’s own --config before the word `certbot`.';
  return wordsOfIni(lines, ({ key, line }) =>
    fail('usage/certbot-setting', { path, line, key }, isNamed ? { hint } : {}),
  );
}

function linesOf(text: string, path: string): readonly CliIniLine[] {
  try {
    return readCliIni(text);
  } catch (error) {
    throw fail(
      'usage/file-unreadable',
      { typed: path, reason: reasonOf(error) },
      { hint: 'Correct or remove the line.' },
    );
  }
}

/** Refuses flags that change a certificate's settings unless the line names the certificate. */
function refuseOfOrder({ ofOrder: [flag], values: { name }, domains }: CertbotWords, session: Session) {
  if (flag === undefined || name !== undefined || domains.length > 0) return;
  throw fail('usage/not-applicable', {
    typed: flag,
    reason: '`certbot renew` without a certificate name keeps the settings of every certificate',
    advice: `Add -d with the names of one certificate, or change its settings with \`${withPlaces('certfleet certbot', session)} reconfigure --cert-name NAME\`.`,
  });
}

/** Returns certbot's flag for a plugin, such as `--webroot`. */
const pluginFlag = (name: string): string => (/^[a-z0-9-]+$/.test(name) ? `--${name}` : `-a ${name}`);
