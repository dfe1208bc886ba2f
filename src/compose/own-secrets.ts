import { openValue } from '../config/options/secret-references.ts';
import { Secret } from '../core/errors/secret.ts';
import { type ComposeContext, secretsFrom } from './context.ts';

/**
 * Reads a secret that certfleet itself uses, and no adapter: `file:/path`, `env:NAME` or the value itself. Fails with
 * `config/credential-missing`, `config/secret-unreadable`.
 */
export async function readOwnSecret(
  option: string,
  value: string,
  { world, env }: Pick<ComposeContext, 'world' | 'env'>,
): Promise<Secret> {
  const place = { ...secretsFrom(env), files: world.files, what: 'certfleet.yaml', option, secret: true };
  return new Secret(String(await openValue(value, { ...place, warn: (message) => world.log.warn(message) })).trim());
}
