import { problemType } from '../../core/ca/problem-advice.ts';
import { asFailure, fail, isFailure } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { contactOf } from '../../core/names/contact.ts';
import { accountKey, accountOf } from '../../core/spec/account.ts';
import { type AccountKeyType, keyTypeOfAccount } from '../../core/spec/account-key.ts';
import { present } from '../../core/text/present.ts';
import type { AccountIssuer, Issuer } from '../../ports/issuer.ts';
import type { Engine } from '../engine.ts';
import { refuseHeld } from '../leases/lease.ts';
import { readStored, type StoredAccount, writeAccount } from '../ledger/account.ts';
import { isDeactivated, settleKey, useKey } from '../ledger/account-key.ts';
import { ask, isLost } from '../run/ask.ts';
import { readLineage } from '../run/stored-lineage.ts';
import type { KnownAccount } from './accounts.ts';
import { type AccountChange, type Dependent, dependentsOf } from './dependents.ts';

/** An account at its CA. */
interface Open {
  readonly engine: Engine;
  readonly issuer: Issuer;
  readonly known: KnownAccount;
  readonly stored: StoredAccount;
  readonly account: AccountIssuer;
  readonly signal: AbortSignal;
}

/** Opens a stored account for a change. Fails with `account/not-open`. */
async function open(engine: Engine, known: KnownAccount, signal: AbortSignal): Promise<Open> {
  const issuer = engine.connect.issuer(known.issuers[0] ?? known.settings.directory, known.settings);
  if (known.stored.document.url === undefined) throw fail('account/not-open', { account: known.name });
  const stored = await settleKey(engine, issuer, known.stored, signal);
  return { engine, issuer, known, stored, account: accountIn(issuer, stored), signal };
}

/** Refuses a closed account, which cannot change. Fails with `acme/account-deactivated`. */
function refuseClosed({ issuer, stored, known }: Open): void {
  const { deactivatedAt, url = '' } = stored.document;
  if (deactivatedAt === undefined) return;
  const error = fail('acme/account-deactivated', { account: url, issuer: issuer.name });
  throw asFailure(error, known.lineages[0]?.name ?? 'NAME');
}

const accountIn = (issuer: Issuer, { document: { keyPem, url = '' } }: StoredAccount): AccountIssuer =>
  issuer.as({ keyPem: new Secret(keyPem), url });

/** The result of a change to an account, for display. */
export interface ChangedAccount {
  readonly url: string;
  readonly thumbprint: string;
  /** The contacts that the CA has. */
  readonly contacts: readonly string[];
  /** Set if an earlier, interrupted rollover had already taken effect, so nothing was left to do. */
  readonly wasDone?: true;
}

/** Sends the CA other addresses. The issuer's settings stay as they are, and apply again once they change. */
export async function updateContacts(
  engine: Engine,
  known: KnownAccount,
  emails: readonly string[],
  signal: AbortSignal,
): Promise<ChangedAccount> {
  const opened = await open(engine, known, signal);
  refuseClosed(opened);
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
 * Replaces the account's key (RFC 8555 §7.3.5). The new key is stored before the request. If the response is lost, or
 * the process is killed, the next process that needs the account finds out which key the CA knows. Until the rollover
 * ends, certificates whose proxies answer with the key's thumbprint are not ordered. Another call continues the
 * rollover.
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
  refuseClosed(opened);
  const { issuer, account } = opened;
  if (hasEnded(opened)) return { ...(await done(opened)), wasDone: true };
  if (!(await issuer.directory(signal)).hasKeyChange)
    throw fail('acme/cannot', { issuer: issuer.name, what: 'replace the key of an account' });
  await refuseIfBusy(opened);
  const { stored, newKey } = await beginRollover(opened, type);
  // An order that read the account earlier holds its lease by now.
  await refuseIfBusy(opened);
  const newThumbprint = issuer.as({ keyPem: newKey, url: account.accountUrl }).thumbprint;
  const change = changeOf(opened, 'rollover', newThumbprint);
  for (const dependent of await dependentsOf(engine, known.lineages, change)) await dependent.prepare?.(change, signal);
  if (!isRollingTo(newKey, await readStored(engine, stored.key, signal)))
    throw fail('account/changed', { url: account.accountUrl });
  try {
    await account.rollover(newKey, signal);
  } catch (error) {
    signal.throwIfAborted();
    // The request may have taken effect, or another process was first. The new key stays stored if the CA does not say.
    if (!isFailure(error, 'acme/problem') && !isLost(error)) throw error;
    const settled = await settleKey(engine, issuer, stored, signal);
    if (settled.document.keyPem === stored.document.keyPem) throw error;
    return done({ ...opened, stored: settled });
  }
  return done({ ...opened, stored: await useKey(engine, stored, newKey.reveal(), signal) });
}

/**
 * Abandons a rollover in progress: the account keeps its key, unless the CA already has the new one. The new key stays
 * stored, because a process that was frozen may still send it.
 */
export async function giveUpRollover(
  engine: Engine,
  known: KnownAccount,
  signal: AbortSignal,
): Promise<ChangedAccount> {
  const opened = await open(engine, known, signal);
  let { stored } = opened;
  while (stored.document.rolloverAt !== undefined) {
    const { rolloverAt: _over, ...document } = stored.document;
    await writeAccount(engine, document, stored, signal);
    stored = (await readStored(engine, stored.key, signal)) ?? { ...stored, document };
  }
  const now = { ...opened, stored };
  return { ...(await done(now)), ...present({ wasDone: hasEnded(now) ? true : undefined }) };
}

/** Reports whether an earlier rollover turned out to have taken effect. */
const hasEnded = ({ stored, known }: Open): boolean => stored.document.keyPem !== known.stored.document.keyPem;

const isRollingTo = (newKey: Secret, stored: StoredAccount | undefined): boolean =>
  stored?.document.rolloverAt !== undefined && stored.document.newKeys?.[0] === newKey.reveal();

/** Ends a change. This process also uses the account's new key from now on. */
async function done({ engine, issuer, known, stored }: Open): Promise<ChangedAccount> {
  engine.memory.accounts.delete(accountKey({ directory: stored.document.directory, name: known.name }));
  const { accountUrl, thumbprint } = accountIn(issuer, stored);
  return { url: accountUrl, thumbprint, contacts: stored.document.contacts ?? [] };
}

/**
 * Journals that a rollover is in progress, and its key. The key of a rollover that is in progress is reused, unless
 * another type is wanted now, and so is that of an abandoned one.
 */
async function beginRollover(
  { engine, stored, signal }: Open,
  type: AccountKeyType | undefined,
): Promise<{ readonly stored: StoredAccount; readonly newKey: Secret }> {
  const isOfType = (keyPem: string, wanted: AccountKeyType) =>
    engine.pki.keyType(new Secret(keyPem)) === keyTypeOfAccount[wanted];
  let fresh: Secret | undefined;
  for (let now = stored; ; ) {
    const { newKeys = [], keyPem, rolloverAt } = now.document;
    const [first] = rolloverAt === undefined ? [] : newKeys;
    const isMeant = first !== undefined && (type === undefined || isOfType(first, type));
    const earlier = isMeant ? first : newKeys.find((one) => isOfType(one, type ?? 'ES256'));
    if (earlier === undefined) fresh ??= await engine.pki.newAccountKey(type);
    const newKey = earlier === undefined ? (fresh as Secret) : new Secret(earlier);
    if (isRollingTo(newKey, now)) return { stored: now, newKey };
    const others = newKeys.filter((one) => one !== newKey.reveal());
    const startedAt = rolloverAt ?? engine.clock.now().toISOString();
    const rolling = { ...now.document, newKeys: [newKey.reveal(), ...others], rolloverAt: startedAt };
    await writeAccount(engine, rolling, now, signal);
    const read = await readStored(engine, now.key, signal);
    if (read?.document.keyPem !== keyPem) throw fail('account/changed', { url: now.document.url ?? '' });
    now = read;
  }
}

/** Deactivates the account for ever (RFC 8555 §7.3.6). Fails with `store/held` while a process orders with it. */
export async function deactivate(engine: Engine, known: KnownAccount, signal: AbortSignal): Promise<ChangedAccount> {
  const opened = await open(engine, known, signal);
  const { issuer, account, stored } = opened;
  await refuseIfBusy(opened);
  const change = changeOf(opened, 'deactivate', undefined);
  for (const dependent of await dependentsOf(engine, known.lineages, change)) await dependent.prepare?.(change, signal);
  try {
    await ask({ engine, issuer, signal }, () => account.deactivate(signal), { repeats: 2 });
  } catch (error) {
    // A CA refuses every request from an account that is already closed, perhaps by a request whose response was lost.
    const { keyPem } = stored.document;
    const isClosed =
      problemType(error) === 'unauthorized' && (await isDeactivated(issuer, keyPem, signal).catch(() => false));
    if (!isClosed) throw error;
  }
  const deactivatedAt = engine.clock.now().toISOString();
  await rewrite(opened, stored, ({ rolloverAt: _over, ...document }) => ({ ...document, deactivatedAt }));
  return done(opened);
}

/** Returns what depends on an account, before anything is changed. */
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

/**
 * Fails with `store/held` while a process orders with the account. That order would fail, because its challenges are
 * answered with the current key's thumbprint.
 */
async function refuseIfBusy({ engine, known, signal }: Open): Promise<void> {
  const { directory } = known.stored.document;
  const id = accountKey({ directory, name: known.name });
  for await (const page of engine.store.scan('lineage', signal))
    for (const entry of page) {
      if (entry.corrupt) continue;
      const lineage = readLineage(engine, entry);
      const step = lineage.work?.step;
      if (step === 'deploy' || step === 'close' || accountKey(accountOf(lineage.spec.issuer.settings)) !== id) continue;
      await refuseHeld(engine, lineage, signal);
    }
}

async function rewrite(
  { engine, signal }: Open,
  stored: StoredAccount,
  change: (document: StoredAccount['document']) => StoredAccount['document'],
): Promise<void> {
  await writeAccount(engine, change(stored.document), stored, signal);
}
