import { fail, isFailure, reasonOf } from '../../core/errors.ts';
import { decodeDocument, encodeDocument } from '../../core/lineage.ts';
import { problemType } from '../../core/problem.ts';
import { canonical } from '../../core/same-spec.ts';
import { Secret } from '../../core/secret.ts';
import type { IssuerSettings } from '../../core/spec.ts';
import type { AccountIssuer, Directory, Issuer } from '../../ports/issuer.ts';
import { ask } from '../ask.ts';
import { type Engine, report } from '../engine.ts';

interface AccountDocument {
  readonly directory: string;
  readonly keyPem: string;
  /** Undefined between the storing of the key and the CA's answer. */
  readonly url?: string;
  /** The addresses that the CA has. */
  readonly contacts?: readonly string[];
  /** Deactivated accounts that this one took the place of. */
  readonly replaced?: readonly { readonly keyPem: string; readonly url: string }[];
}

const keyOf = ({ issuer }: Customer) => ({ kind: 'account', name: issuer.directoryUrl }) as const;

/** Who wants an account at which CA. */
export interface Customer {
  readonly engine: Engine;
  readonly issuer: Issuer;
  readonly settings: IssuerSettings;
  readonly signal: AbortSignal;
}

/**
 * Step 0: the account at a CA. The key is stored before the CA hears of it and the URL after; a crash between the two
 * finds the same account by its key. Two processes at once make one account: the first key stored is both's.
 */
export async function openAccount(customer: Customer): Promise<AccountIssuer> {
  const { engine, issuer, signal } = customer;
  const { accounts } = engine.memory;
  for (;;) {
    const known = accounts.get(issuer.directoryUrl);
    if (!known) return remember(customer, readOrRegister(customer));
    try {
      return await known;
    } catch (error) {
      signal.throwIfAborted();
      // A CA that named a time is left alone until then, by all certificates of the run (RFC 8555 §6.6).
      if (isFailure(error) && error.retryAt && error.retryAt > engine.clock.now()) throw error;
      // Another certificate's try failed, perhaps because that one was stopped: this one tries for itself.
      if (accounts.get(issuer.directoryUrl) === known) accounts.delete(issuer.directoryUrl);
    }
  }
}

function remember({ engine, issuer }: Customer, opening: Promise<AccountIssuer>): Promise<AccountIssuer> {
  engine.memory.accounts.set(issuer.directoryUrl, opening);
  return opening;
}

async function readOrRegister(customer: Customer): Promise<AccountIssuer> {
  const { engine, issuer, settings, signal } = customer;
  const key = keyOf(customer);
  for (;;) {
    const entry = await engine.store.get(key, signal);
    if (!entry) {
      await createKey(customer);
      continue;
    }
    const document = parse(customer, entry.bytes);
    const keyPem = new Secret(document.keyPem);
    if (document.url !== undefined && !hasNewContacts(document, settings))
      return issuer.as({ keyPem, url: document.url });
    let url: string;
    try {
      url = await register(customer, keyPem);
    } catch (error) {
      signal.throwIfAborted();
      if (document.url === undefined) throw error;
      // The account is there all the same: an address that the CA does not take must never stop a renewal.
      const message = `could not update the contacts at ${issuer.name}: ${reasonOf(error)}`;
      report(engine, { level: 'warn', event: 'log', message });
      return issuer.as({ keyPem, url: document.url });
    }
    const known: AccountDocument = { ...document, url, contacts: settings.email };
    await engine.store.put(key, encodeDocument(known), { ifRevision: entry.revision, signal }).catch(ignoreConflict);
    return issuer.as({ keyPem, url });
  }
}

/** A CA that binds accounts to external ones is known to refuse: no key is made for it. */
async function createKey(customer: Customer): Promise<void> {
  const { engine, issuer, settings, signal } = customer;
  const directory = await ask(customer, () => issuer.directory(signal), { isKnown: true });
  checkTerms(issuer, settings, directory);
  if (directory.externalAccountRequired) throw fail('acme/external-account-required', { issuer: issuer.name });
  const keyPem = await engine.pki.newKey();
  const created: AccountDocument = { directory: issuer.directoryUrl, keyPem: keyPem.reveal() };
  await engine.store.put(keyOf(customer), encodeDocument(created), { ifRevision: null, signal }).catch(ignoreConflict);
}

/** Another process has just written the same. */
function ignoreConflict(error: unknown): void {
  if (!isFailure(error, 'store/conflict')) throw error;
}

async function readDocument(customer: Customer): Promise<AccountDocument | undefined> {
  const entry = await customer.engine.store.get(keyOf(customer), customer.signal);
  return entry && parse(customer, entry.bytes);
}

const parse = ({ engine, issuer }: Customer, bytes: Uint8Array): AccountDocument =>
  decodeDocument<AccountDocument>(bytes, { key: `account/${issuer.directoryUrl}`, file: engine.store.location }, [
    'directory',
    'keyPem',
  ]);

/** Whether the CA is to be told other addresses. None at all is no wish: an account is never left without. */
const hasNewContacts = ({ contacts = [] }: AccountDocument, { email }: IssuerSettings): boolean =>
  email.length > 0 && canonical([...contacts].sort()) !== canonical([...email].sort());

/**
 * The CA says it does not know the account: a test CA has forgotten everything. The same key is registered anew, so
 * that records which pin the account key stay right.
 */
export const reopenAccount = (customer: Customer, refused: AccountIssuer): Promise<AccountIssuer> =>
  openInstead(customer, refused, async ({ url: _gone, ...rest }) => rest);

/**
 * The account to use where the CA has refused this one as `unauthorized`; undefined where nothing is wrong with it. A
 * deactivated one never comes back (RFC 8555 §7.3.6): a new key and account take its place, where a person or the
 * issuer's settings allow that.
 */
export async function accountInsteadOf(
  customer: Customer,
  refused: AccountIssuer,
  mayOpen: boolean,
): Promise<AccountIssuer | undefined> {
  const { engine, issuer, settings, signal } = customer;
  const document = await readDocument(customer);
  // Another process may have put a new one there.
  if (document?.url === refused.accountUrl) {
    if (!(await isDeactivated(issuer, document, signal))) return undefined;
    if (!mayOpen && !settings.newAccount)
      throw fail('acme/account-deactivated', { account: refused.accountUrl, issuer: issuer.name });
  }
  return openInstead(customer, refused, async ({ directory, keyPem, url = '', replaced = [] }) => {
    const message = `the account ${url} at ${issuer.name} is deactivated; opening a new one`;
    report(engine, { level: 'warn', event: 'log', message });
    const fresh = await engine.pki.newKey();
    return { directory, keyPem: fresh.reveal(), replaced: [...replaced, { keyPem, url }] };
  });
}

/**
 * Everything signed by a deactivated account is refused as `unauthorized`, as other things are too: only the look-up
 * of the account by its key tells them apart.
 */
async function isDeactivated(issuer: Issuer, { keyPem }: AccountDocument, signal: AbortSignal): Promise<boolean> {
  const request = { keyPem: new Secret(keyPem), contacts: [], agreeToTerms: true, onlyExisting: true };
  try {
    return (await issuer.openAccount(request, signal)).status !== 'valid';
  } catch (error) {
    if (problemType(error) === 'unauthorized') return true;
    throw error;
  }
}

/** Many orders hear the same refusal at once: the first one changes the document and opens the account for all. */
async function openInstead(
  customer: Customer,
  refused: AccountIssuer,
  change: (document: AccountDocument) => Promise<AccountDocument>,
): Promise<AccountIssuer> {
  const { accounts } = customer.engine.memory;
  const { directoryUrl } = customer.issuer;
  const known = accounts.get(directoryUrl);
  const isKnown = (await known?.catch(() => undefined)) === refused;
  if (!isKnown || accounts.get(directoryUrl) !== known) return openAccount(customer);
  return remember(
    customer,
    changeDocument(customer, refused.accountUrl, change).then(() => readOrRegister(customer)),
  );
}

/** Changes the document, unless another process has put another account there. */
async function changeDocument(
  customer: Customer,
  refused: string,
  change: (document: AccountDocument) => Promise<AccountDocument>,
): Promise<void> {
  const { engine, signal } = customer;
  const key = keyOf(customer);
  const entry = await engine.store.get(key, signal);
  if (!entry) return;
  const document = parse(customer, entry.bytes);
  if (document.url !== refused) return;
  const changed = encodeDocument(await change(document));
  await engine.store.put(key, changed, { ifRevision: entry.revision, signal }).catch(ignoreConflict);
}

/**
 * How often newAccount is repeated when there is no answer, or a 5xx that names no time: it is harmless, it finds what
 * it made (RFC 8555 §7.3). Several processes that register one new key at once can make a CA stumble over its own
 * lookup (Pebble 2.6 answers 500 to one of them); the next try finds the account.
 */
const repeats = 2;

async function register(customer: Customer, keyPem: Secret): Promise<string> {
  const { issuer, settings, signal } = customer;
  const { agreeToTerms } = settings;
  checkTerms(issuer, settings, await ask(customer, () => issuer.directory(signal), { isKnown: true }));
  const contacts = settings.email.map((address) => `mailto:${address}`);
  const open = () => issuer.openAccount({ keyPem, contacts, agreeToTerms }, signal);
  const { url } = await ask(customer, open, { repeats });
  return url;
}

export const isForgotten = (error: unknown): boolean => problemType(error) === 'accountDoesNotExist';

/** Fails with `config/terms-not-agreed` where the CA has terms and the user has not agreed to them. */
export function checkTerms(issuer: Issuer, settings: IssuerSettings, directory: Directory): void {
  if (directory.termsOfService !== undefined && !settings.agreeToTerms)
    throw fail('config/terms-not-agreed', { issuer: issuer.name, url: directory.termsOfService });
}
