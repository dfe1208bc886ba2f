import { problemType } from '../../../core/ca/problem-advice.ts';
import { type CertfleetError, fail, isFailure, reasonOf } from '../../../core/errors/errors.ts';
import { Secret } from '../../../core/errors/secret.ts';
import type { Lineage } from '../../../core/lineage/lineage.ts';
import { holdsBack, rolloverText } from '../../../core/lineage/rollover.ts';
import { accountKey, accountOf } from '../../../core/spec/account.ts';
import { canonical } from '../../../core/spec/same-spec.ts';
import type { IssuerSettings } from '../../../core/spec/spec.ts';
import type { AccountIssuer, Issuer } from '../../../ports/issuer.ts';
import { type Customer, contactsOf, readOrCreate, registerStored } from '../../accounts/register.ts';
import { report } from '../../engine.ts';
import {
  type AccountDocument,
  newAccountDocument,
  readAccount,
  rolloverOf,
  writeAccount,
} from '../../ledger/account.ts';
import { hasNewKey, isDeactivated } from '../../ledger/account-key.ts';
import { ask } from '../../run/ask.ts';

/**
 * Step 0: opens the account at a CA. The key is stored before newAccount, and the URL afterwards; after a crash in
 * between, the key finds the account. If two processes do this at once, both use the key that was stored first.
 */
export async function openAccount(customer: Customer): Promise<AccountIssuer> {
  const { engine, signal } = customer;
  const { accounts } = engine.memory;
  const key = keyOf(customer);
  for (;;) {
    const known = accounts.get(key);
    if (!known) return remember(customer, readOrRegister(customer));
    try {
      return await known;
    } catch (error) {
      signal.throwIfAborted();
      // After a Retry-After, no certificate of this run asks again (RFC 8555 §6.6).
      if (isFailure(error) && error.retryAt && error.retryAt > engine.clock.now()) throw error;
      // Another certificate's try failed, perhaps because it was stopped; try again for this one.
      if (accounts.get(key) === known) accounts.delete(key);
    }
  }
}

/**
 * Opens the account for an order that proxies answer, with the stored key rather than one that this process remembers.
 * Called while the lease is held, which a rollover notices after journalling itself: so either the rollover waits for
 * this order, or this call fails with `account/rolling`.
 */
export async function openForProxies(customer: Customer, lineage: Lineage): Promise<AccountIssuer> {
  const { engine, issuer, wanted, signal } = customer;
  const account = await openAccount(customer);
  const rollover = await rolloverOf(engine, wanted, signal);
  if (rollover && holdsBack(rollover, lineage, engine.clock.now()))
    throw fail('account/rolling', { certificate: lineage.name, reason: rolloverText(rollover) });
  const stored = await readAccount(engine, wanted.issuer.settings, signal);
  const { keyPem = '', url = '' } = stored?.document ?? {};
  if (url !== account.accountUrl || issuer.as({ keyPem: new Secret(keyPem), url }).thumbprint === account.thumbprint)
    return account;
  engine.memory.accounts.delete(keyOf(customer));
  return openAccount(customer);
}

const keyOf = ({ wanted }: Customer): string => accountKey(accountOf(wanted.issuer.settings));

function remember(customer: Customer, opening: Promise<AccountIssuer>): Promise<AccountIssuer> {
  customer.engine.memory.accounts.set(keyOf(customer), opening);
  return opening;
}

async function readOrRegister(customer: Customer): Promise<AccountIssuer> {
  const { engine, issuer, signal } = customer;
  const { settings } = customer.wanted.issuer;
  const found = await readOrCreate(customer);
  const { document } = found;
  const keyPem = new Secret(document.keyPem);
  if (document.url === undefined) return issuer.as({ keyPem, url: await registerStored(customer, found) });
  const account = issuer.as({ keyPem, url: document.url });
  if (hasNewContacts(document, settings) && (await updateContacts(customer, account))) {
    const { configured: _before, ...rest } = document;
    await writeAccount(engine, { ...rest, contacts: settings.email }, found, signal);
  }
  return account;
}

/** Updates the contacts at the CA. The account works in any case: a refused address must never stop a renewal. */
async function updateContacts(customer: Customer, account: AccountIssuer): Promise<boolean> {
  const { engine, issuer, wanted, signal } = customer;
  try {
    await ask(customer, () => account.updateContacts(contactsOf(wanted.issuer.settings), signal));
    return true;
  } catch (error) {
    signal.throwIfAborted();
    const message = `could not update the contacts at ${issuer.name}: ${reasonOf(error)}`;
    report(engine, { level: 'warn', event: 'log', message });
    return false;
  }
}

/** Reports whether the CA should get other addresses. If none is configured, the account keeps the ones it has. */
const hasNewContacts = ({ contacts = [], configured = contacts }: AccountDocument, { email }: IssuerSettings) =>
  email.length > 0 && canonical([...configured].sort()) !== canonical([...email].sort());

/**
 * Registers the same key again, because the CA does not know the account (a test CA was reset). With the same key,
 * challenge answers that depend on its thumbprint stay valid.
 */
export const reopenAccount = (customer: Customer, refused: AccountIssuer): Promise<AccountIssuer> =>
  openInstead(customer, refused, async ({ url = '', ...rest }) => {
    warnOfAnother(customer, `${customer.issuer.name} no longer knows the account ${url}; opening another with its key`);
    return rest;
  });

/** Warns before another account is opened: once the document has another URL, no later run can tell. */
const warnOfAnother = ({ engine }: Customer, what: string): void =>
  report(engine, {
    level: 'warn',
    event: 'log',
    message: `${what}. CAA records and records of dns-persist-01 that name the old one no longer fit; \`certfleet account show\` shows the new one.`,
  });

/**
 * Returns the same account with its new key, after the CA refused a request, or undefined if the key is not the reason.
 */
export const accountWithNewKey = async (
  customer: Customer,
  refused: AccountIssuer,
): Promise<AccountIssuer | undefined> =>
  (await hasNewKey(customer, refused)) ? openInstead(customer, refused, async (same) => same) : undefined;

/**
 * Returns the account to use after the CA refused a request as `unauthorized`, or undefined if the account is not the
 * reason. A deactivated account cannot be reactivated (RFC 8555 §7.3.6), so a new key and account replace it, if a
 * person or the issuer's settings allow that.
 */
export async function accountInsteadOf(
  customer: Customer,
  refused: AccountIssuer,
  mayOpen: boolean,
): Promise<AccountIssuer | undefined> {
  const { engine, issuer, wanted, signal } = customer;
  const { settings } = wanted.issuer;
  const document = (await readAccount(engine, settings, signal))?.document;
  // Another process may already have replaced it.
  if (document?.url === refused.accountUrl) {
    if (!(await isDeactivated(issuer, document.keyPem, signal))) return undefined;
    if (!mayOpen && !settings.newAccount) throw deactivated(refused.accountUrl, issuer);
  }
  return openInstead(customer, refused, async ({ keyPem, url = '', replaced = [] }) => {
    warnOfAnother(customer, `the account ${url} at ${issuer.name} is deactivated; opening a new one`);
    const fresh = await engine.pki.newAccountKey(settings.accountKey);
    return { ...newAccountDocument(settings, fresh), replaced: [...replaced, { keyPem, url }] };
  });
}

const deactivated = (account: string, issuer: Issuer): CertfleetError =>
  fail('acme/account-deactivated', { account, issuer: issuer.name }, { problem: { account } });

/** Replaces a refused account. Many orders may be refused at once; the first one opens the new account for all. */
async function openInstead(
  customer: Customer,
  refused: AccountIssuer,
  change: (document: AccountDocument) => Promise<AccountDocument>,
): Promise<AccountIssuer> {
  const { accounts } = customer.engine.memory;
  const key = keyOf(customer);
  const known = accounts.get(key);
  const isKnown = (await known?.catch(() => undefined)) === refused;
  if (!isKnown || accounts.get(key) !== known) return openAccount(customer);
  return remember(
    customer,
    changeDocument(customer, refused.accountUrl, change).then(() => readOrRegister(customer)),
  );
}

/** Changes the account's document, unless another process has already replaced the account. */
async function changeDocument(
  customer: Customer,
  refused: string,
  change: (document: AccountDocument) => Promise<AccountDocument>,
): Promise<void> {
  const { engine, wanted, signal } = customer;
  const found = await readAccount(engine, wanted.issuer.settings, signal);
  if (found?.document.url !== refused) return;
  await writeAccount(engine, await change(found.document), found, signal);
}

export const isForgotten = (error: unknown): boolean => problemType(error) === 'accountDoesNotExist';
