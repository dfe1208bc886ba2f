import { fail } from '../core/errors/errors.ts';
import type { Signer } from './jws.ts';
import type { Requests, SignedAsk } from './requests.ts';

/**
 * Replaces an account's key (RFC 8555 §7.3.5). The request is signed twice: inside by the new key, to prove possession
 * of it, and outside by the present key.
 */
export async function replaceKey(
  requests: Requests,
  keyChange: string | undefined,
  { url, newKey }: { readonly url: string; readonly newKey: Signer },
  ask: SignedAsk,
): Promise<void> {
  if (keyChange === undefined)
    throw fail('acme/cannot', { issuer: requests.name, what: 'replace the key of an account' });
  const inside = newKey.sign({ url: keyChange }, JSON.stringify({ account: url, oldKey: ask.signer.jwk }));
  await requests.change(keyChange, JSON.parse(inside), ask);
}
