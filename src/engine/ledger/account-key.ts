import { isFailure } from '../../core/errors.ts';
import { problemType } from '../../core/problem.ts';
import { Secret } from '../../core/secret.ts';
import type { Issuer } from '../../ports/issuer.ts';
import type { Engine } from '../engine.ts';
import { readStored, type StoredAccount, writeAccount } from './account.ts';

/**
 * After a rollover whose end is not known: asks the CA whether it knows one of the new keys, and if so makes that one
 * the account's key. A new key that the CA does not know stays in the document, because a request with it may still be
 * on its way from another process.
 *
 * @returns the account as it is now
 */
export async function settleKey(
  engine: Pick<Engine, 'store'>,
  issuer: Issuer,
  found: StoredAccount,
  signal: AbortSignal,
): Promise<StoredAccount> {
  for (const keyPem of found.document.newKeys ?? [])
    if (await knows(issuer, found, keyPem, signal)) return useKey(engine, found, keyPem, signal);
  return found;
}

/** Whether the CA knows this key as that of the account. */
async function knows(issuer: Issuer, found: StoredAccount, keyPem: string, signal: AbortSignal): Promise<boolean> {
  const request = { keyPem: new Secret(keyPem), contacts: [], agreeToTerms: true, onlyExisting: true };
  try {
    const { url } = await issuer.openAccount(request, signal);
    return url === found.document.url;
  } catch (error) {
    if (isFailure(error, 'acme/problem') && problemType(error) === 'accountDoesNotExist') return false;
    throw error;
  }
}

/** Makes one of the new keys the account's key. The old one is worth nothing any more, and goes. */
export async function useKey(
  engine: Pick<Engine, 'store'>,
  found: StoredAccount,
  keyPem: string,
  signal: AbortSignal,
): Promise<StoredAccount> {
  for (let now: StoredAccount | undefined = found; now; now = await readStored(engine, found.key, signal)) {
    if (now.document.keyPem === keyPem) return now;
    const { newKeys: _settled, ...document } = now.document;
    await writeAccount(engine, { ...document, keyPem }, now, signal);
  }
  return found;
}
