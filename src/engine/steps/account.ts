import { fail, isFailure, reasonOf } from '../../core/errors.ts';
import { decodeDocument, encodeDocument } from '../../core/lineage.ts';
import { canonical } from '../../core/plan.ts';
import { problemType } from '../../core/problem.ts';
import { Secret } from '../../core/secret.ts';
import type { IssuerSettings, StoredSpec } from '../../core/spec.ts';
import type { AccountIssuer, Directory, Issuer } from '../../ports/issuer.ts';
import { type EngineContext, report } from '../engine.ts';
import { patiently, type Run } from '../run.ts';

interface AccountDocument {
  readonly directory: string;
  readonly keyPem: string;
  /** Undefined between the storing of the key and the CA's answer. */
  readonly url?: string;
  /** The addresses that the CA was last told. */
  readonly contacts?: readonly string[];
  /** Deactivated accounts that this one took the place of. */
  readonly replaced?: readonly { readonly keyPem: string; readonly url: string }[];
}

const keyOf = (issuer: Issuer) => ({ kind: 'account', name: issuer.directoryUrl }) as const;

/**
 * Step 0: the account at a CA. The key is stored before the CA hears of it and the URL after; a crash between the two
 * finds the same account by its key. Two processes at once make one account: the first key stored is both's.
 */
export async function openAccount(
  context: EngineContext,
  issuer: Issuer,
  settings: IssuerSettings,
  signal: AbortSignal,
): Promise<AccountIssuer> {
  const opened = accountsOf(context);
  for (;;) {
    const known = opened.get(issuer.directoryUrl);
    if (!known) return remember(opened, issuer, readOrRegister(context, issuer, settings, signal));
    try {
      return await known;
    } catch (error) {
      signal.throwIfAborted();
      // A CA that named a time is left alone until then, by all certificates of the run (RFC 8555 §6.6).
      if (isFailure(error) && error.retryAt && error.retryAt > context.clock.now()) throw error;
      // Another certificate's try failed, perhaps because that one was stopped: this one tries for itself.
      if (opened.get(issuer.directoryUrl) === known) opened.delete(issuer.directoryUrl);
    }
  }
}

type Opened = Map<string, Promise<AccountIssuer>>;

// A hundred certificates at once open one account once.
const accounts = new WeakMap<EngineContext, Opened>();

function accountsOf(context: EngineContext): Opened {
  const known = accounts.get(context) ?? new Map<string, Promise<AccountIssuer>>();
  accounts.set(context, known);
  return known;
}

function remember(opened: Opened, issuer: Issuer, opening: Promise<AccountIssuer>): Promise<AccountIssuer> {
  opened.set(issuer.directoryUrl, opening);
  return opening;
}

async function readOrRegister(
  context: EngineContext,
  issuer: Issuer,
  settings: IssuerSettings,
  signal: AbortSignal,
): Promise<AccountIssuer> {
  const key = keyOf(issuer);
  for (;;) {
    const entry = await context.store.get(key, signal);
    if (!entry) {
      const keyPem = await context.pki.newKey();
      const created: AccountDocument = { directory: issuer.directoryUrl, keyPem: keyPem.reveal() };
      try {
        await context.store.put(key, encodeDocument(created), { ifRevision: null, signal });
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
      }
      continue;
    }
    const document = parse(context, issuer, entry.bytes);
    const keyPem = new Secret(document.keyPem);
    if (document.url !== undefined && !hasNewContacts(document, settings))
      return issuer.as({ keyPem, url: document.url });
    let url: string;
    try {
      url = await register(context, issuer, settings, keyPem, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (document.url === undefined) throw error;
      // The account is there all the same: an address that the CA does not take must never stop a renewal.
      const message = `the new contacts could not be told to ${issuer.name}: ${reasonOf(error)}`;
      report(context, 'warn', 'log', undefined, message);
      return issuer.as({ keyPem, url: document.url });
    }
    const known: AccountDocument = { ...document, url, contacts: settings.email };
    try {
      await context.store.put(key, encodeDocument(known), { ifRevision: entry.revision, signal });
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
    }
    return issuer.as({ keyPem, url });
  }
}

async function readDocument(
  context: EngineContext,
  issuer: Issuer,
  signal: AbortSignal,
): Promise<AccountDocument | undefined> {
  const entry = await context.store.get(keyOf(issuer), signal);
  return entry && parse(context, issuer, entry.bytes);
}

const parse = (context: EngineContext, issuer: Issuer, bytes: Uint8Array): AccountDocument =>
  decodeDocument<AccountDocument>(bytes, { key: `account/${issuer.directoryUrl}`, file: context.store.location }, [
    'directory',
    'keyPem',
  ]);

/** Whether the CA is to be told other addresses. None at all is no wish: an account is never left without. */
const hasNewContacts = ({ contacts = [] }: AccountDocument, { email }: IssuerSettings): boolean =>
  email.length > 0 && canonical([...contacts].sort()) !== canonical([...email].sort());

/**
 * The CA says it does not know the account: a test CA has forgotten everything. The same key is registered anew, so
 * that records which pin the account key stay right. Many orders may hear it at once: the first one opens it for all.
 *
 * @param refused the account that the CA does not know
 */
export const reopenAccount = (
  context: EngineContext,
  issuer: Issuer,
  settings: IssuerSettings,
  refused: AccountIssuer,
  signal: AbortSignal,
): Promise<AccountIssuer> =>
  openInstead(
    { context, issuer, wanted: { issuer: settings }, signal },
    refused,
    async ({ url: _gone, ...rest }) => rest,
  );

/**
 * The account to use where the CA has refused this one as `unauthorized`; undefined where nothing is wrong with it. A
 * deactivated one never comes back (RFC 8555 §7.3.6): a new key and account take its place, where a person or the
 * issuer's settings allow that.
 */
export async function accountInsteadOf(
  run: Pick<Run, 'context' | 'issuer' | 'wanted' | 'signal' | 'mayOpenAccount'>,
  refused: AccountIssuer,
): Promise<AccountIssuer | undefined> {
  const { context, issuer, wanted, signal } = run;
  const document = await readDocument(context, issuer, signal);
  // Another process may have put a new one there.
  if (document?.url === refused.accountUrl) {
    if (!(await isDeactivated(issuer, document, signal))) return undefined;
    if (!run.mayOpenAccount && !wanted.issuer.newAccount)
      throw fail('acme/account-deactivated', { account: refused.accountUrl, issuer: issuer.name });
  }
  return openInstead(run, refused, async ({ directory, keyPem, url = '', replaced = [] }) => {
    const message = `the account ${url} at ${issuer.name} is deactivated; opening a new one`;
    report(context, 'warn', 'log', undefined, message);
    const fresh = await context.pki.newKey();
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
  {
    context,
    issuer,
    wanted,
    signal,
  }: Pick<Run, 'context' | 'issuer' | 'signal'> & { readonly wanted: Pick<StoredSpec, 'issuer'> },
  refused: AccountIssuer,
  change: (document: AccountDocument) => Promise<AccountDocument>,
): Promise<AccountIssuer> {
  const opened = accountsOf(context);
  const known = opened.get(issuer.directoryUrl);
  const isKnown = (await known?.catch(() => undefined)) === refused;
  if (isKnown && opened.get(issuer.directoryUrl) === known) {
    const opening = changeDocument(context, issuer, refused.accountUrl, change, signal).then(() =>
      readOrRegister(context, issuer, wanted.issuer, signal),
    );
    return remember(opened, issuer, opening);
  }
  return openAccount(context, issuer, wanted.issuer, signal);
}

/** Changes the document, unless another process has put another account there. */
async function changeDocument(
  context: EngineContext,
  issuer: Issuer,
  refused: string,
  change: (document: AccountDocument) => Promise<AccountDocument>,
  signal: AbortSignal,
): Promise<void> {
  const entry = await context.store.get(keyOf(issuer), signal);
  if (!entry) return;
  const document = parse(context, issuer, entry.bytes);
  if (document.url !== refused) return;
  try {
    await context.store.put(keyOf(issuer), encodeDocument(await change(document)), {
      ifRevision: entry.revision,
      signal,
    });
  } catch (error) {
    // Another process was told the same.
    if (!isFailure(error, 'store/conflict')) throw error;
  }
}

/**
 * How often newAccount is sent when there is no answer, or a 5xx that names no time: it is harmless, it finds what it
 * made (RFC 8555 §7.3). Several processes that register one new key at once can make a CA stumble over its own lookup
 * (Pebble 2.6 answers 500 to one of them); the next try finds the account.
 */
const registrations = 3;
/** Before the second try, and twice that before the third. */
const registrationPauseMs = 250;

async function register(
  context: EngineContext,
  issuer: Issuer,
  settings: IssuerSettings,
  keyPem: Secret,
  signal: AbortSignal,
): Promise<string> {
  const directory = await patiently({ context, signal }, () => issuer.directory(signal));
  checkTerms(issuer, settings, directory);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const contacts = settings.email.map((address) => `mailto:${address}`);
      const account = await patiently({ context, signal }, () =>
        issuer.openAccount({ keyPem, contacts, agreeToTerms: settings.agreeToTerms }, signal),
      );
      return account.url;
    } catch (error) {
      const isRepeatable = isFailure(error, 'acme/unreachable') || (isFailure(error, 'acme/busy') && !error.retryAt);
      if (attempt >= registrations || !isRepeatable) throw error;
      await context.clock.sleep(registrationPauseMs * attempt, signal);
    }
  }
}

export const isForgotten = (error: unknown): boolean => problemType(error) === 'accountDoesNotExist';

/** Fails with `config/terms-not-agreed` where the CA has terms and the user has not agreed to them. */
export function checkTerms(issuer: Issuer, settings: IssuerSettings, directory: Directory): void {
  if (directory.termsOfService !== undefined && !settings.agreeToTerms)
    throw fail('config/terms-not-agreed', { issuer: issuer.name, url: directory.termsOfService });
}
