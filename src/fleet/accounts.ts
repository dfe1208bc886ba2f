import { fail } from '../core/errors/errors.ts';
import { type AccountStatus, type KnownAccount, knownAccounts, statusOf } from '../engine/accounts/accounts.ts';
import type { ChangedAccount } from '../engine/accounts/change.ts';
import type { AccountRequest } from '../fleet.ts';
import type { OpenFleet } from './opened.ts';

export const accountsOf = async (fleet: OpenFleet, signal: AbortSignal): Promise<readonly AccountStatus[]> =>
  (await known(fleet, signal)).map((one) => statusOf(fleet.engine, one));

export async function dependentsOf(
  fleet: OpenFleet,
  id: string,
  what: 'rollover' | 'deactivate',
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { dependents } = await import('../engine/accounts/change.ts');
  const found = await dependents(fleet.engine, await knownById(fleet, id, signal), what);
  return found.map((one) => one.what);
}

export async function changeAccount(
  fleet: OpenFleet,
  request: AccountRequest,
  signal: AbortSignal,
): Promise<ChangedAccount> {
  const { engine } = fleet;
  const account = await knownById(fleet, request.id, signal);
  if (request.what === 'remove')
    return (await import('../engine/accounts/remove.ts')).removeAccount(engine, account, request.force, signal);
  const { updateContacts, rollover, giveUpRollover, deactivate } = await import('../engine/accounts/change.ts');
  if (request.what === 'update') return updateContacts(engine, account, request.emails, signal);
  if (request.what === 'rollover') return rollover(engine, account, request.keyType, signal);
  if (request.what === 'rollover-abort') return giveUpRollover(engine, account, signal);
  return deactivate(engine, account, signal);
}

const known = ({ engine, settings }: OpenFleet, signal: AbortSignal): Promise<readonly KnownAccount[]> =>
  knownAccounts(engine, settings.issuers, signal);

async function knownById(fleet: OpenFleet, id: string, signal: AbortSignal): Promise<KnownAccount> {
  const found = (await known(fleet, signal)).find(({ stored }) => stored.key.name === id);
  if (!found) throw fail('account/not-found', { which: ` ${id}`, advice: 'See `certfleet account list`.' });
  return found;
}
