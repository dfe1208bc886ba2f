import { openEabKey } from '../../core/ca/eab-key.ts';
import { isFailure } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { contactOf } from '../../core/names/contact.ts';
import type { IssuerSettings, StoredSpec } from '../../core/spec/spec.ts';
import type { ExternalAccount, Issuer } from '../../ports/issuer.ts';
import type { Engine } from '../engine.ts';
import { newAccountDocument, readAccount, rootsOf, type StoredAccount, writeAccount } from '../ledger/account.ts';
import { checkMayRegister, checkTerms } from '../looks/ca.ts';
import { ask } from '../run/ask.ts';

/** What is required to use an account at a CA. */
export interface Customer {
  readonly engine: Engine;
  readonly issuer: Issuer;
  /** The certificate that needs the account; its credentials may contain the EAB key. */
  readonly wanted: StoredSpec;
  readonly signal: AbortSignal;
}

export const contactsOf = ({ email }: IssuerSettings): readonly string[] => email.map(contactOf);

/**
 * Returns the stored account. If there is none, creates one with a new key, unless the CA would certainly refuse it.
 */
export async function readOrCreate(customer: Customer): Promise<StoredAccount> {
  const { engine, wanted, signal } = customer;
  for (;;) {
    const found = await readAccount(engine, wanted.issuer.settings, signal);
    if (found && knowsRoots(found, wanted.issuer.settings)) return found;
    if (found) await writeAccount(engine, { ...found.document, ...rootsOf(wanted.issuer.settings) }, found, signal);
    else await createKey(customer);
  }
}

/** Reports whether the account still reaches its CA once no certificate uses it. */
const knowsRoots = ({ document }: StoredAccount, { caFile }: IssuerSettings): boolean =>
  caFile === undefined || document.caFile === caFile;

/** Registers a stored account with the CA, and stores its URL. */
export async function registerStored(customer: Customer, found: StoredAccount): Promise<string> {
  const { engine, wanted, signal } = customer;
  const url = await register(customer, new Secret(found.document.keyPem));
  const opened = { ...found.document, url, contacts: wanted.issuer.settings.email };
  await writeAccount(engine, opened, found, signal);
  // Someone has removed the account meanwhile; its key must not be lost.
  if (!(await readAccount(engine, wanted.issuer.settings, signal)))
    await writeAccount(engine, opened, undefined, signal);
  return url;
}

async function createKey(customer: Customer): Promise<void> {
  const { engine, issuer, wanted, signal } = customer;
  const { settings } = wanted.issuer;
  const directory = await ask(customer, () => issuer.directory(signal), { isKnown: true });
  checkMayRegister(issuer, settings, directory);
  await readExternalAccount(customer);
  const keyPem = await engine.pki.newAccountKey(settings.accountKey);
  await writeAccount(engine, newAccountDocument(settings, keyPem), undefined, signal);
}

/**
 * How many times to repeat newAccount after a lost response, or a 5xx without Retry-After. Repeating is safe, because it
 * then finds the account (RFC 8555 §7.3). Pebble 2.6 returns 500 if several processes register one new key at the same
 * time.
 */
const repeats = 2;

/** Sends newAccount, which opens this key's account or finds it. Returns its URL. */
async function register(customer: Customer, keyPem: Secret): Promise<string> {
  const { issuer, wanted, signal } = customer;
  const { settings } = wanted.issuer;
  const { agreeToTerms } = settings;
  checkTerms(issuer, settings, await ask(customer, () => issuer.directory(signal), { isKnown: true }));
  const externalAccount = await readExternalAccount(customer);
  const bound = externalAccount === undefined ? {} : { externalAccount };
  const request = { keyPem, contacts: contactsOf(settings), agreeToTerms, ...bound };
  try {
    const { url } = await ask(customer, () => issuer.openAccount(request, signal), { repeats });
    return url;
  } catch (error) {
    if (!isFailure(error, 'acme/external-account-refused')) throw error;
    // An EAB key may be valid for one account only, and this may be that account: the response to an earlier request
    // was lost.
    const existing = { keyPem, contacts: [], agreeToTerms, onlyExisting: true };
    const found = await issuer.openAccount(existing, signal).catch(() => undefined);
    signal.throwIfAborted();
    if (found?.status !== 'valid') throw error;
    return found.url;
  }
}

/** Fails if the key is missing, or if it cannot be valid, before any request is made. */
async function readExternalAccount({ engine, wanted }: Customer): Promise<ExternalAccount | undefined> {
  const account = await engine.connect.externalAccount(wanted);
  if (account) openEabKey(account.hmacKey);
  return account;
}
