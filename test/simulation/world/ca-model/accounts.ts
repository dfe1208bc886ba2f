import type { AccountInfo, AccountRequest } from '../../../../src/ports/issuer.ts';
import { publicKeyOf } from './fake-pem.ts';
import { refuse } from './refusal.ts';
import { type Account, type Ca, newUrl } from './state.ts';

/** Accounts by key (RFC 8555 §7.3). Let's Encrypt keeps no contacts. */

export function openAccount(ca: Ca, request: AccountRequest): AccountInfo {
  const { accounts, accountsByKey } = ca.state;
  const publicKey = publicKeyOf(request.keyPem.reveal());
  const known = accountsByKey.get(publicKey);
  if (known?.status === 'deactivated')
    throw refuse(403, 'unauthorized', 'An account with the provided public key exists but is deactivated');
  if (known) return { url: known.url, status: 'valid', contacts: [] };
  if (request.onlyExisting) throw refuse(400, 'accountDoesNotExist', 'No account exists with the provided key');
  if (!request.agreeToTerms) throw refuse(400, 'malformed', 'must agree to terms of service');
  const url = newUrl(ca, 'acct');
  const account: Account = { id: ca.state.lastNumber, url, publicKey, status: 'valid' };
  accounts.set(url, account);
  accountsByKey.set(publicKey, account);
  return { url, status: 'valid', contacts: [] };
}

/** Returns the account that signs a request, as every signed request begins. */
export function authenticated({ state }: Ca, url: string, publicKey: string): Account {
  const account = state.accounts.get(url);
  if (!account) throw refuse(400, 'accountDoesNotExist', `Unable to validate JWS :: Account "${url}" not found`);
  if (account.status !== 'valid')
    throw refuse(403, 'unauthorized', `Unable to validate JWS :: Account is not valid, has status "${account.status}"`);
  if (account.publicKey !== publicKey)
    throw refuse(400, 'malformed', 'Unable to validate JWS :: JWS verification error');
  return account;
}

/** Replaces an account's key (RFC 8555 §7.3.5). */
export function rollover({ state }: Ca, account: Account, newPublicKey: string): void {
  if (account.publicKey === newPublicKey)
    throw refuse(400, 'malformed', 'New key specified by rollover request is the same as the old key');
  if (state.accountsByKey.has(newPublicKey))
    throw refuse(409, 'conflict', 'New key is already in use for a different account');
  state.accountsByKey.delete(account.publicKey);
  account.publicKey = newPublicKey;
  state.accountsByKey.set(newPublicKey, account);
}
