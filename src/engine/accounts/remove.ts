import { problemType } from '../../core/ca/problem-advice.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import { accountKey } from '../../core/spec/account.ts';
import { shortList } from '../../core/text/short-list.ts';
import type { Issuer } from '../../ports/issuer.ts';
import type { Engine } from '../engine.ts';
import { writeAccount } from '../ledger/account.ts';
import { lookUp } from '../ledger/account-key.ts';
import type { KnownAccount } from './accounts.ts';
import type { ChangedAccount } from './change.ts';

/**
 * Removes an account that no certificate uses and that is closed, or was never opened at the CA. The CA is first asked
 * whether it knows the key, because the response to an earlier request may have been lost. A process that opens the
 * account meanwhile stores it again.
 *
 * Fails with `account/stays`, `store/conflict`, `acme/…`.
 *
 * @param force do not ask the CA, which may no longer exist
 */
export async function removeAccount(
  engine: Engine,
  { stored, lineages, name, thumbprint, issuers, settings }: KnownAccount,
  force: boolean,
  signal: AbortSignal,
): Promise<ChangedAccount> {
  const { document, key, revision } = stored;
  const stays = (reason: string, advice: string) => fail('account/stays', { account: name, reason, advice });
  const isClosed = document.deactivatedAt !== undefined;
  const close = 'To close it at the CA, run `certfleet account deactivate`.';
  if (document.url !== undefined && !isClosed) throw stays('it is open', close);
  if (lineages.length > 0)
    throw stays(
      `certificates of this store use it: ${shortList(lineages.map((one) => one.name))}`,
      'Remove them first (`certfleet delete NAME`), or give them another account (`certfleet issue NAME --account NAME`).',
    );
  if (!isClosed && !force) {
    const issuer = engine.connect.issuer(issuers[0] ?? settings.directory, settings);
    const url = await knownAs(issuer, document.keyPem, signal).catch((error: unknown) => {
      if (!isFailure(error, 'acme/directory-unreachable', 'acme/unreachable')) throw error;
      throw stays(
        `the CA cannot say whether it knows the key: ${error.message}`,
        'Try again later. If the CA is gone, --force removes the account without asking.',
      );
    });
    if (url !== undefined) {
      await writeAccount(engine, { ...document, url }, stored, signal);
      throw stays(`the CA has opened it, as ${url}`, close);
    }
  }
  await engine.store.delete(key, { ifRevision: revision, signal });
  engine.memory.accounts.delete(accountKey({ directory: document.directory, name }));
  return { url: document.url ?? '', thumbprint, contacts: [] };
}

/** Returns the URL of this key's account, or undefined if there is none. */
async function knownAs(issuer: Issuer, keyPem: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await lookUp(issuer, keyPem, signal)).url;
  } catch (error) {
    if (problemType(error) === 'accountDoesNotExist' || isFailure(error, ...ofOutsiders)) return undefined;
    throw error;
  }
}

/** How a CA that serves only customers responds to a key that it does not know. */
const ofOutsiders = ['acme/external-account-required', 'acme/external-account-refused'] as const;
