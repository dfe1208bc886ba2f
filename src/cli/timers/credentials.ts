import { basename, isAbsolute } from 'node:path';
import { defaultPaths } from '../../config/settings/defaults.ts';
import { fail } from '../../core/errors/errors.ts';
import { shellWord } from '../../core/text/shell-word.ts';
import type { World } from '../../ports/world.ts';
import type { Session } from '../context.ts';
import { listOf } from '../flags/values.ts';
import { type LoadedCredential, loadedIn } from './files.ts';
import { filesAt } from './files-at.ts';

/**
 * Returns the systemd credentials that the unit loads: those of the flags, those that an earlier run wrote, and the
 * store key if it is a credential. Fails with `usage/timer-credential` if the file of that key is unknown.
 */
export async function credentialsOf(
  session: Session,
  { files }: World,
  before: string | undefined,
): Promise<readonly LoadedCredential[]> {
  const { flags } = session.invocation;
  const paths = defaultPaths(session.context.env);
  const loaded = new Map<string, LoadedCredential>();
  const add = (one: LoadedCredential) => loaded.set(one.name, one);
  for (const one of loadedIn(before ?? '')) add(one);
  for (const text of listOf(flags['credential'])) add(credentialIn('--credential', text, false));
  for (const text of listOf(flags['encryptedCredential'])) add(credentialIn('--encrypted-credential', text, true));
  // Credentials added with `systemctl edit` stay there.
  const added = await filesAt(files, `${paths.units[0]}/certfleet.service.d`);
  const isThere = (name: string) => loaded.has(name) || added.some(({ text }) => new Set(namesIn(text)).has(name));
  for (const name of await keysOf(session)) {
    if (isThere(name)) continue;
    const places = [
      { name, path: `${paths.encryptedCredentials}/${name}`, isEncrypted: true },
      { name, path: `${paths.credentials}/${name}`, isEncrypted: false },
    ];
    const found = await firstOf(
      places,
      async ({ path }) => (await files.stat(path).catch(() => undefined)) !== undefined,
    );
    if (!found) throw fail('usage/timer-credential', { name, form: shellWord(`${name}:/PATH`) });
    add(found);
  }
  return [...loaded.values()];
}

/** Refuses a store key that is a credential, because cron passes none. Fails with `usage/timer-impossible`. */
export async function refuseCredentials(session: Session): Promise<void> {
  const [name] = await keysOf(session);
  if (name !== undefined)
    throw fail('usage/timer-impossible', {
      reason: `the store key is the systemd credential ${name}, which cron cannot load`,
      advice: 'Use the systemd timer, or keep the key in a file (storeKey: file:/PATH).',
    });
}

/** Returns the names of the store keys that are credentials. */
async function keysOf(session: Session): Promise<readonly string[]> {
  const { storeKeys = [] } = await session.settings();
  return storeKeys.flatMap((where) => (where.startsWith('credential:') ? [where.slice('credential:'.length)] : []));
}

/** Parses `NAME:/path`, or a path whose last part is the name. */
function credentialIn(flag: string, text: string, isEncrypted: boolean): LoadedCredential {
  const [, typed, path = ''] = /^(?:([^:/]+):)?(.*)$/s.exec(text) ?? [];
  const name = typed ?? basename(path);
  if (!isAbsolute(path) || !/^[A-Za-z0-9_][\w.-]*$/.test(name))
    throw fail('usage/invalid-value', { typed: `${flag} ${text}`, form: 'NAME:/path, the absolute path of the file' });
  return { name, path, isEncrypted };
}

const namesIn = (text: string): readonly string[] =>
  [...text.matchAll(/^\s*(?:Load|Set)Credential(?:Encrypted)?=([^:\s]+)/gm)].map(([, name]) => name!);

async function firstOf<T>(all: readonly T[], isIt: (one: T) => Promise<boolean>): Promise<T | undefined> {
  for (const one of all) if (await isIt(one)) return one;
  return undefined;
}
