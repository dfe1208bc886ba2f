import { accountKey } from '../core/account.ts';
import type { AccountKeyType } from '../core/account-key.ts';
import { contactOf } from '../core/contact.ts';
import { fail, isFailure } from '../core/errors.ts';
import { problemType } from '../core/problem.ts';
import { Secret } from '../core/secret.ts';
import type { AccountIssuer, Issuer } from '../ports/issuer.ts';
import { type AccountChange, type Dependent, dependentsOf } from './account-dependents.ts';
import type { KnownAccount } from './accounts.ts';
import { ask, isLost } from './ask.ts';
import type { Engine } from './engine.ts';
import { readStored, type StoredAccount, writeAccount } from './ledger/account.ts';
import { isDeactivated, settleKey, useKey } from './ledger/account-key.ts';

/** An account at its CA. */
interface Open {
  readonly engine: Engine;
  readonly issuer: Issuer;
  readonly known: KnownAccount;
  readonly stored: StoredAccount;
  readonly account: AccountIssuer;
  readonly signal: AbortSignal;
}

/** Fails with `account/not-open`. */
async function open(engine: Engine, known: KnownAccount, signal: AbortSignal): Promise<Open> {
  const issuer = engine.connect.issuer(known.issuers[0] ?? known.settings.directory, known.settings);
  if (known.stored.document.url === undefined) throw fail('account/not-open', { account: known.name });
  const stored = await settleKey(engine, issuer, known.stored, signal);
  return { engine, issuer, known, stored, account: accountIn(issuer, stored), signal };
}

const accountIn = (issuer: Issuer, { document: { keyPem, url = '' } }: StoredAccount): AccountIssuer =>
  issuer.as({ keyPem: new Secret(keyPem), url });

/** What a change of an account did, for a person. */
export interface ChangedAccount {
  readonly url: string;
  readonly thumbprint: string;
  /** Those that the CA keeps. */
  readonly contacts: readonly string[];
  /** A rollover: an earlier one, which was interrupted, had its effect, so there was nothing left to do. */
  readonly wasDone?: true;
}

/** Tells the CA other addresses. The settings of the issuer are not changed, and count again once they change. */
export async function updateContacts(
  engine: Engine,
  known: KnownAccount,
  emails: readonly string[],
  signal: AbortSignal,
): Promise<ChangedAccount> {
  const opened = await open(engine, known, signal);
  const { account, stored, issuer } = opened;
  const urls = emails.map(contactOf);
  const asker = { engine, issuer, signal };
  const kept = await ask(asker, () => account.updateContacts(urls, signal), { repeats: 1 });
  await rewrite(opened, stored, (document) => ({
    ...document,
    contacts: emails,
    configured: document.configured ?? document.contacts ?? [],
  }));
  return { url: account.accountUrl, thumbprint: account.thumbprint, contacts: kept };
}

/**
 * Replaces the account's key (RFC 8555 §7.3.5). The new key is stored before the request. If the answer is lost, or the
 * process is killed, the next one that needs the account finds out which key the CA knows.
 *
 * Fails with `store/held` while another process orders with this account.
 */
export async function rollover(
  engine: Engine,
  known: KnownAccount,
  type: AccountKeyType | undefined,
  signal: AbortSignal,
): Promise<ChangedAccount> {
  const opened = await open(engine, known, signal);
  const { issuer, account } = opened;
  if (opened.stored.document.keyPem !== known.stored.document.keyPem) return { ...(await done(opened)), wasDone: true };
  if (!(await issuer.directory(signal)).hasKeyChange)
    throw fail('acme/cannot', { issuer: issuer.name, what: 'replace the key of an account' });
  refuseIfBusy(engine, known);
  const { stored, newKey } = await storeNewKey(opened, type);
  const newThumbprint = issuer.as({ keyPem: newKey, url: account.accountUrl }).thumbprint;
  const change = changeOf(opened, 'rollover', newThumbprint);
  for (const dependent of await dependentsOf(engine, known.lineages, change)) await dependent.prepare?.(change, signal);
  try {
    await account.rollover(newKey, signal);
  } catch (error) {
    signal.throwIfAborted();
    // It may have had its effect, or another process was first. The new key stays stored if the CA does not say.
    if (!isFailure(error, 'acme/problem') && !isLost(error)) throw error;
    const settled = await settleKey(engine, issuer, stored, signal);
    if (settled.document.keyPem === stored.document.keyPem) throw error;
    return done({ ...opened, stored: settled });
  }
  return done({ ...opened, stored: await useKey(engine, stored, newKey.reveal(), signal) });
}

/** In this process, too, the account has its new key from now on. */
async function done({ engine, issuer, known, stored }: Open): Promise<ChangedAccount> {
  engine.memory.accounts.delete(accountKey({ directory: stored.document.directory, name: known.name }));
  const { accountUrl, thumbprint } = accountIn(issuer, stored);
  return { url: accountUrl, thumbprint, contacts: stored.document.contacts ?? [] };
}

/** Stores the key for a rollover; that of an earlier try, if there is one of this type. */
async function storeNewKey(
  { engine, stored, signal }: Open,
  type: AccountKeyType | undefined,
): Promise<{ readonly stored: StoredAccount; readonly newKey: Secret }> {
  const fresh = await engine.pki.newAccountKey(type);
  for (let now = stored; ; ) {
    const { newKeys = [], keyPem } = now.document;
    // An earlier try of this process was written, although its answer was a conflict.
    const isStored = newKeys.includes(fresh.reveal());
    const earlier = type === undefined ? newKeys[0] : undefined;
    if (isStored || earlier !== undefined) return { stored: now, newKey: isStored ? fresh : new Secret(earlier ?? '') };
    await writeAccount(engine, { ...now.document, newKeys: [...newKeys, fresh.reveal()] }, now, signal);
    const read = await readStored(engine, now.key, signal);
    if (read?.document.keyPem !== keyPem) throw fail('account/changed', { url: now.document.url ?? '' });
    now = read;
  }
}

/** Closes the account for ever (RFC 8555 §7.3.6). Fails with `store/held` while a process orders with it. */
export async function deactivate(engine: Engine, known: KnownAccount, signal: AbortSignal): Promise<ChangedAccount> {
  const opened = await open(engine, known, signal);
  const { issuer, account, stored } = opened;
  refuseIfBusy(engine, known);
  const change = changeOf(opened, 'deactivate', undefined);
  for (const dependent of await dependentsOf(engine, known.lineages, change)) await dependent.prepare?.(change, signal);
  try {
    await ask({ engine, issuer, signal }, () => account.deactivate(signal), { repeats: 2 });
  } catch (error) {
    // A CA refuses every request from an account that is closed already, perhaps by a request whose answer was lost.
    const { keyPem } = stored.document;
    const isClosed =
      problemType(error) === 'unauthorized' && (await isDeactivated(issuer, keyPem, signal).catch(() => false));
    if (!isClosed) throw error;
  }
  const deactivatedAt = engine.clock.now().toISOString();
  await rewrite(opened, stored, (document) => ({ ...document, deactivatedAt }));
  return done(opened);
}

/** What depends on an account, before anything is changed. */
export const dependents = (
  engine: Engine,
  known: KnownAccount,
  what: AccountChange['what'],
): Promise<readonly Dependent[]> => {
  const { url = '', directory } = known.stored.document;
  const account = { directory, name: known.name };
  const change = { what, account, url, thumbprint: known.thumbprint, newThumbprint: undefined };
  return dependentsOf(engine, known.lineages, change);
};

const changeOf = (
  { known, account }: Open,
  what: AccountChange['what'],
  newThumbprint: string | undefined,
): AccountChange => ({
  ...{ what, newThumbprint, url: account.accountUrl, thumbprint: account.thumbprint },
  account: { directory: known.stored.document.directory, name: known.name },
});

/** An order under way would fail: its challenges are answered with the thumbprint of the present key. */
function refuseIfBusy({ processes }: Engine, { lineages }: KnownAccount): void {
  const busy = lineages.find(
    ({ work }) =>
      work?.lease && work.step !== 'deploy' && work.step !== 'close' && processes.look(work.lease.holder) !== 'dead',
  );
  const pid = busy?.work?.lease?.holder.pid;
  if (busy) throw fail('store/held', { holder: `pid ${pid}`, certificate: busy.name });
}

async function rewrite(
  { engine, signal }: Open,
  stored: StoredAccount,
  change: (document: StoredAccount['document']) => StoredAccount['document'],
): Promise<void> {
  await writeAccount(engine, change(stored.document), stored, signal);
}
