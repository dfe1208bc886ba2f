import { problemType } from '../../core/ca/problem.ts';
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
 * After a rollover whose end is not known: asks the CA whether it knows one of the new keys, and if so makes that one
 * the account's key. A new key that the CA does not know stays in the document, because a request with it may still be
 * on its way from another process; unless the CA takes no keys of its kind, which ends the rollover to it.
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
 * Whether the account has got another key than the one that `used` signs with: another process has replaced it, or one was
 * killed while it did. The CA refuses everything that is signed with the old key, as `malformed` or `unauthorized`.
 */
export async function hasNewKey({ engine, issuer, wanted, signal }: Asker, used: AccountIssuer): Promise<boolean> {
  const found = await readAccount(engine, wanted.issuer.settings, signal);
  if (found?.document.url !== used.accountUrl) return false;
  const { document } = await settleKey(engine, issuer, found, signal);
  const { thumbprint } = issuer.as({ keyPem: new Secret(document.keyPem), url: used.accountUrl });
  return thumbprint !== used.thumbprint;
}

/**
 * Whether the CA says that it has this account, so what answers is the CA. Fails with `accountDoesNotExist` if it has
 * not.
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

/** Whether the CA knows this key as that of the account, or takes no such keys. */
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
 * Whether the CA says that the account of this key is closed. It refuses every request from such an account as
 * `unauthorized`, but other requests, too; only looking up the account by its key tells them apart.
 */
export async function isDeactivated(issuer: Issuer, keyPem: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await lookUp(issuer, keyPem, signal)).status !== 'valid';
  } catch (error) {
    if (problemType(error) === 'unauthorized') return true;
    throw error;
  }
}

/** The account of a key, which is never opened by this. */
export const lookUp = (issuer: Issuer, keyPem: string, signal: AbortSignal): Promise<AccountInfo> =>
  issuer.openAccount({ keyPem: new Secret(keyPem), contacts: [], agreeToTerms: true, onlyExisting: true }, signal);

/** Makes one of the new keys the account's key. The old one is worth nothing any more, and goes. */
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
