import { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import { shellWord } from '../core/text/shell-word.ts';
import { keepFromHooks } from '../lib/processes/hook-environment.ts';
import { type StoreKey, storeKeyOf } from '../stores/encrypted.ts';
import type { ComposeContext } from './context.ts';

/**
 * Reads the store keys from the places that `storeKey` names: `file:/path`, `env:NAME`, or `credential:NAME`, which
 * systemd passes to the unit. Fails with `store/key-unusable`.
 */
export function readStoreKeys(
  references: readonly string[],
  context: Pick<ComposeContext, 'world' | 'env'>,
): Promise<readonly StoreKey[]> {
  return Promise.all(references.map((reference) => readKey(reference, context)));
}

const unusable = (reason: string, advice: string, cause?: unknown) =>
  fail('store/key-unusable', { reason, advice }, { cause });

async function readKey(reference: string, context: Pick<ComposeContext, 'world' | 'env'>): Promise<StoreKey> {
  const { env } = context;
  const [, kind, name = ''] = /^(\w+):(.*)$/s.exec(reference) ?? [];
  if (kind === 'file') return fromFile(name, { isPrivate: true }, context);
  if (kind === 'credential') {
    const folder = env['CREDENTIALS_DIRECTORY'];
    if (!folder)
      throw unusable(
        `systemd has passed no credential ${name}`,
        `Add \`LoadCredential=${name}:/path\` or \`LoadCredentialEncrypted=${name}:/path\` to the unit, or name a file: file:/path.`,
      );
    // Only systemd writes there, and for a unit with `User=` it opens the file to that user with an ACL.
    return fromFile(`${folder}/${name}`, { isPrivate: false }, context);
  }
  keepFromHooks(name);
  const text = env[name];
  if (!text) throw unusable(`the environment variable ${name} is not set`, 'Set it, or name a file: file:/path.');
  return keyIn(Buffer.from(text), `the environment variable ${name}`);
}

async function fromFile(
  path: string,
  { isPrivate }: { readonly isPrivate: boolean },
  { world }: Pick<ComposeContext, 'world'>,
): Promise<StoreKey> {
  const readable = (reason: string) => unusable(reason, `Let only its owner read it: chmod 600 ${shellWord(path)}`);
  try {
    const untrusted = isPrivate ? await world.files.untrusted(path) : undefined;
    if (untrusted)
      throw unusable(
        `other users could know it or change it: ${untrusted.reason}`,
        'Put the key into a file of root, or of the user that runs certfleet, in a folder that only they can write.',
      );
    const bytes = await world.files.read(path, {
      named: true,
      ...present({ readable: isPrivate ? readable : undefined }),
    });
    if (bytes) return keyIn(bytes, path);
  } catch (cause) {
    if (isFailure(cause)) throw cause;
    throw unusable(`${path}: ${reasonOf(cause)}`, 'Make it readable for the user that runs certfleet.', cause);
  }
  throw unusable(`there is no file ${path}`, `Make a key with \`certfleet store key ${shellWord(path)}\`.`);
}

/** Returns the key in 32 raw bytes, or in text: base64 or hex. */
function keyIn(content: Uint8Array, where: string): StoreKey {
  if (content.length === keyLength) return storeKeyOf(content);
  const text = Buffer.from(content).toString('latin1').trim();
  const bytes = Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64');
  if (/^([0-9a-f]{64}|[\w+/-]{43}=?)$/i.test(text) && bytes.length === keyLength) return storeKeyOf(bytes);
  throw unusable(
    `${where} has no key of ${keyLength} bytes, as they are or in base64 or hex`,
    'Make a key with `certfleet store key FILE`.',
  );
}

const keyLength = 32;
