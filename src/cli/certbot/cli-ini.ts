import { join } from 'node:path';
import { defaultPaths } from '../../config/defaults.ts';
import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { readCliIni, wordsOfIni } from '../../migrate/certbot/cli-ini.ts';
import { type CertbotWords, readCertbot } from '../../migrate/certbot/words.ts';
import type { Session } from '../context.ts';
import { wholePathOf, withPlaces } from '../flags/values.ts';

/**
 * Returns the words of the command line, preceded by those in certbot's own configuration file. Fails with a `usage/`
 * code.
 */
export async function withCliIni(session: Session): Promise<CertbotWords> {
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
  const { files } = await session.world();
  const bytes = await files.read(path, { named: true });
  if (!bytes && cliIni !== undefined)
    throw fail('usage/file-unreadable', { typed: `--config ${cliIni}`, reason: 'there is no such file' });
  if (!bytes) return typed;
  session.debug(`flags of ${path} count, too`);
  const whole = readCertbot([...iniWords(new TextDecoder().decode(bytes), path, cliIni !== undefined), ...args]);
  // The parser has already done so for a --config-dir that was typed.
  const folder = whole.values.configDir;
  if (folder !== undefined && session.invocation.flags['store'] === undefined) session.useStore(`${folder}/certfleet`);
  // The file may have flags for orders. They do not choose which certificates to renew.
  return typed.verb === 'renew' ? { ...whole, domains: typed.domains, ofOrder: typed.ofOrder } : whole;
}

/**
 * Fails with a `usage/` code if the file has keys that certbot does not know, as certfleet's own configuration does.
 */
function iniWords(text: string, path: string, isNamed: boolean): readonly string[] {
  const hint = 'A --config behind `certbot` is its cli.ini: put certfleet’s own --config before the word `certbot`.';
  try {
    return wordsOfIni(readCliIni(text), ({ key, line }) =>
      fail('usage/certbot-setting', { path, line, key }, isNamed ? { hint } : {}),
    );
  } catch (error) {
    if (isFailure(error)) throw error;
    throw fail('usage/file-unreadable', { typed: path, reason: reasonOf(error) });
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
