import { createPrivateKey } from 'node:crypto';
import { Secret } from '../core/errors/secret.ts';

/**
 * Returns the private key in a JSON Web Key (RFC 7517), as PEM. Throws if it is invalid. The error does not repeat the
 * text.
 */
export function keyFromJwk(text: string): Secret {
  let key: Parameters<typeof createPrivateKey>[0];
  try {
    key = { key: JSON.parse(text), format: 'jwk' } as never;
  } catch {
    throw new Error('it is not JSON');
  }
  try {
    return new Secret(createPrivateKey(key).export({ type: 'pkcs8', format: 'pem' }).toString());
  } catch {
    throw new Error('it contains no private key');
  }
}
