import { problemType } from '../../core/ca/problem-advice.ts';
import { isFailure } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { AccountInfo, AccountIssuer, Issuer } from '../../ports/issuer.ts';
import type { Engine } from '../engine.ts';
import { readAccount, readStored, type StoredAccount, writeAccount } from './account.ts';

interface Asker {
  readonly engine: Pick<Engine, 'store'>;
  readonly issuer: Issuer;
  readonly wanted: StoredSpec;
  readonly signal: AbortSignal;
}

/**
 * Resolves a rollover whose outcome is unknown: asks the CA whether it knows one of the new keys, and if so makes that
 * key the account's key. A new key that the CA does not know stays in the document, because another process's request
 * with it may still be in flight. If the CA does not accept keys of its type, the rollover to it ends.
 *
 * @returns the account as it is now
 */
export async function settleKey(
  engine: Pick<Engine, 'store'>,
  issuer: Issuer,
  found: StoredAccount,
  signal: AbortSignal,
): Promise<StoredAccount> {
  const useless: string[] = [];
  for (const keyPem of found.document.newKeys ?? []) {
    const answer = await askFor(issuer, found, keyPem, signal);
    if (answer === 'known') return useKey(engine, found, keyPem, signal);
    if (answer === 'useless') useless.push(keyPem);
  }
  if (useless.length === 0) return found;
  const { newKeys = [], rolloverAt, ...document } = found.document;
  const left = newKeys.filter((one) => !useless.includes(one));
  const isOver = rolloverAt === undefined || left[0] !== newKeys[0];
  const now = {
    ...document,
    ...present({ newKeys: left.length === 0 ? undefined : left, rolloverAt: isOver ? undefined : rolloverAt }),
  };
  await writeAccount(engine, now, found, signal);
  return (await readStored(engine, found.key, signal)) ?? found;
}

/**
 * Reports whether the account's key is no longer the one that `used` signs with: another process has replaced it, or
 * was killed while doing so. The CA refuses everything that is signed with the old key, as `malformed` or
 * `unauthorized`.
 */
export async function hasNewKey({ engine, issuer, wanted, signal }: Asker, used: AccountIssuer): Promise<boolean> {
  const found = await readAccount(engine, wanted.issuer.settings, signal);
  if (found?.document.url !== used.accountUrl) return false;
  const { document } = await settleKey(engine, issuer, found, signal);
  const { thumbprint } = issuer.as({ keyPem: new Secret(document.keyPem), url: used.accountUrl });
  return thumbprint !== used.thumbprint;
}

/**
 * Reports whether the CA confirms that it has this account, which proves that the CA itself is responding. Fails with
 * `accountDoesNotExist` if it does not have the account.
 */
export async function isKnown({ engine, issuer, wanted, signal }: Asker, used: AccountIssuer): Promise<boolean> {
  const found = await readAccount(engine, wanted.issuer.settings, signal);
  if (!found) return false;
  try {
    return (await lookUp(issuer, found.document.keyPem, signal)).url === used.accountUrl;
  } catch (error) {
    if (signal.aborted || problemType(error) === 'accountDoesNotExist') throw error;
    return false;
  }
}

/** Finds out whether the CA knows this key as the account's, or does not accept keys of its type. */
async function askFor(
  issuer: Issuer,
  found: StoredAccount,
  keyPem: string,
  signal: AbortSignal,
): Promise<'known' | 'unknown' | 'useless'> {
  try {
    const { url } = await lookUp(issuer, keyPem, signal);
    return url === found.document.url ? 'known' : 'unknown';
  } catch (error) {
    if (!isFailure(error, 'acme/problem')) throw error;
    return ['badSignatureAlgorithm', 'badPublicKey'].includes(problemType(error) ?? '') ? 'useless' : 'unknown';
  }
}

/**
 * Reports whether the CA says that this key's account is closed. The CA refuses every request from such an account as
 * `unauthorized`, but it also refuses other requests that way; only a lookup of the account by its key tells them
 * apart.
 */
export async function isDeactivated(issuer: Issuer, keyPem: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await lookUp(issuer, keyPem, signal)).status !== 'valid';
  } catch (error) {
    if (problemType(error) === 'unauthorized') return true;
    throw error;
  }
}

/** Looks up a key's account. This never opens one. */
export const lookUp = (issuer: Issuer, keyPem: string, signal: AbortSignal): Promise<AccountInfo> =>
  issuer.openAccount({ keyPem: new Secret(keyPem), contacts: [], agreeToTerms: true, onlyExisting: true }, signal);

/** Makes one of the new keys the account's key. The old key is useless now, so it is deleted. */
export async function useKey(
  engine: Pick<Engine, 'store'>,
  found: StoredAccount,
  keyPem: string,
  signal: AbortSignal,
): Promise<StoredAccount> {
  for (let now: StoredAccount | undefined = found; now; now = await readStored(engine, found.key, signal)) {
    if (now.document.keyPem === keyPem) return now;
    const { newKeys: _settled, rolloverAt: _over, ...document } = now.document;
    await writeAccount(engine, { ...document, keyPem }, now, signal);
  }
  return found;
}
