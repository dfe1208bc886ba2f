import { join } from 'node:path';
import { defaultPaths } from '../../config/settings/defaults.ts';
import { fail } from '../../core/errors/errors.ts';
import { shellWord } from '../../core/text/shell-word.ts';
import { remedyOf } from '../../core/trust/untrusted-code.ts';
import type { CertbotWords } from '../../migrate/certbot/words.ts';
import type { Session } from '../context.ts';
import { wholePathOf, withPlaces } from '../flags/values.ts';
import { storedFleet } from './stored.ts';

export const certbotFolder = ({ configDir }: CertbotWords['values'], { context: { env } }: Session): string =>
  configDir === undefined ? defaultPaths(env).certbot : wholePathOf('', configDir, env);

const importOf = (folder: string, session: Session): string =>
  withPlaces(`certfleet import certbot ${shellWord(folder)} --in-place`, session);

/**
 * Returns the folders of certbot's `renewal-hooks`. certbot runs their programs for every certificate, so certfleet
 * stores them for `renew`.
 */
export async function directoryHooks(
  { verb, values, leavesFolders }: CertbotWords,
  session: Session,
): Promise<{ readonly hookFolders?: readonly string[]; readonly leftHookFolders?: readonly string[] }> {
  if (!['certonly', 'run', 'renew'].includes(verb)) return {};
  const { allHookFolders, hookFolders } = await import('../../migrate/certbot/hooks.ts');
  if (leavesFolders) return { leftHookFolders: allHookFolders(certbotFolder(values, session)) };
  const { files } = await session.world();
  const folders = await hookFolders(files, certbotFolder(values, session), (foreign) =>
    fail(
      'config/untrusted-code',
      { path: foreign.path, reason: foreign.reason, remedy: remedyOf(foreign) },
      { hint: `Check its contents, then ${remedyOf(foreign)}, or skip renewal-hooks with --no-directory-hooks.` },
    ),
  );
  const all = Object.values(folders);
  if (all.length === 0) return {};
  session.noteWhole(`The programs in ${all.join(', ')} run, too.`);
  return { hookFolders: all };
}

/**
 * Refuses a command that would find no certificates in the store, although certbot's folder has some that were not
 * imported.
 */
export async function refuseUntaken({ values }: CertbotWords, session: Session): Promise<void> {
  const { certificates, storeIsDeclared } = await session.settings();
  if (storeIsDeclared === true && certificates.length > 0) return;
  const folder = certbotFolder(values, session);
  const { files } = await session.world();
  const names = (await files.list(join(folder, 'renewal')).catch(() => undefined)) ?? [];
  if (!names.some((name) => name.endsWith('.conf'))) return;
  if (((await (await storedFleet(session))?.status([], session.signal)) ?? []).length > 0) return;
  throw fail('usage/certbot-not-taken-over', {
    ...{ what: 'certificates', folder },
    command: importOf(folder, session),
  });
}

/** Refuses a certificate that certbot manages in the folder, because certfleet would order it a second time. */
export async function refuseCertbots(folder: string, name: string, session: Session): Promise<void> {
  const { files } = await session.world();
  if (!(await files.stat(join(folder, 'renewal', `${name}.conf`)).catch(() => undefined))) return;
  throw fail('usage/certbot-not-taken-over', {
    ...{ what: `a certificate ${name}`, folder },
    command: importOf(folder, session),
  });
}
