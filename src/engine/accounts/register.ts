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

/** What is needed to use an account at a CA. */
export interface Customer {
  readonly engine: Engine;
  readonly issuer: Issuer;
  /** The certificate that needs the account; its credentials may contain the EAB key. */
  readonly wanted: StoredSpec;
  readonly signal: AbortSignal;
}

export const contactsOf = ({ email }: IssuerSettings): readonly string[] => email.map(contactOf);

/** The stored account; with a new key, unless it is certain that the CA would refuse it, if there is none. */
export async function readOrCreate(customer: Customer): Promise<StoredAccount> {
  const { engine, wanted, signal } = customer;
  for (;;) {
    const found = await readAccount(engine, wanted.issuer.settings, signal);
    if (found && knowsRoots(found, wanted.issuer.settings)) return found;
    if (found) await writeAccount(engine, { ...found.document, ...rootsOf(wanted.issuer.settings) }, found, signal);
    else await createKey(customer);
  }
}

/** Whether the account still reaches its CA once no certificate uses it. */
const knowsRoots = ({ document }: StoredAccount, { caFile }: IssuerSettings): boolean =>
  caFile === undefined || document.caFile === caFile;

/** Opens a stored account at the CA, and stores its URL. */
export async function registerStored(customer: Customer, found: StoredAccount): Promise<string> {
  const { engine, wanted, signal } = customer;
  const url = await register(customer, new Secret(found.document.keyPem));
  const opened = { ...found.document, url, contacts: wanted.issuer.settings.email };
  await writeAccount(engine, opened, found, signal);
  // A person has removed it meanwhile; its key must not be lost.
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
 * How often to repeat newAccount after a lost answer, or a 5xx without Retry-After. That is safe, because it then finds
 * the account (RFC 8555 §7.3). Pebble 2.6 answers 500 if several processes register one new key at the same time.
 */
const repeats = 2;

/** newAccount: opens the account of this key, or finds it. Returns its URL. */
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
    // An EAB key may be good for one account, and this may be it: the answer to an earlier request was lost.
    const existing = { keyPem, contacts: [], agreeToTerms, onlyExisting: true };
    const found = await issuer.openAccount(existing, signal).catch(() => undefined);
    signal.throwIfAborted();
    if (found?.status !== 'valid') throw error;
    return found.url;
  }
}

/** Fails if the key is missing, and, before a request is made, if it cannot be one. */
async function readExternalAccount({ engine, wanted }: Customer): Promise<ExternalAccount | undefined> {
  const account = await engine.connect.externalAccount(wanted);
  if (account) openEabKey(account.hmacKey);
  return account;
}
