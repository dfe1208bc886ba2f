import { fail, isFailure, reasonOf } from '../../core/errors.ts';
import { decodeDocument, encodeDocument } from '../../core/lineage.ts';
import { canonical } from '../../core/plan.ts';
import { problemType } from '../../core/problem.ts';
import { Secret } from '../../core/secret.ts';
import type { IssuerSettings } from '../../core/spec.ts';
import type { AccountIssuer, Directory, Issuer } from '../../ports/issuer.ts';
import { type EngineContext, report } from '../engine.ts';
import { patiently } from '../run.ts';

interface AccountDocument {
  readonly directory: string;
  readonly keyPem: string;
  /** Undefined between the storing of the key and the CA's answer. */
  readonly url?: string;
  /** The addresses that the CA was last told. */
  readonly contacts?: readonly string[];
}

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
  const key = { kind: 'account', name: issuer.directoryUrl } as const;
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
    const document = decodeDocument<AccountDocument>(
      entry.bytes,
      { key: `account/${issuer.directoryUrl}`, file: context.store.location },
      ['directory', 'keyPem'],
    );
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

/** Whether the CA is to be told other addresses. None at all is no wish: an account is never left without. */
const hasNewContacts = ({ contacts = [] }: AccountDocument, { email }: IssuerSettings): boolean =>
  email.length > 0 && canonical([...contacts].sort()) !== canonical([...email].sort());

/**
 * The CA says it does not know the account: a test CA has forgotten everything. The same key is registered anew, so
 * that records which pin the account key stay right. Many orders may hear it at once: the first one opens it for all.
 *
 * @param refused the account that the CA does not know
 */
export async function reopenAccount(
  context: EngineContext,
  issuer: Issuer,
  settings: IssuerSettings,
  refused: AccountIssuer,
  signal: AbortSignal,
): Promise<AccountIssuer> {
  const opened = accountsOf(context);
  const known = opened.get(issuer.directoryUrl);
  const isKnown = (await known?.catch(() => undefined)) === refused;
  if (isKnown && opened.get(issuer.directoryUrl) === known) {
    const opening = forgetUrl(context, issuer, refused.accountUrl, signal).then(() =>
      readOrRegister(context, issuer, settings, signal),
    );
    return remember(opened, issuer, opening);
  }
  return openAccount(context, issuer, settings, signal);
}

/** Takes the URL out of the document, unless another process has put a new one there. */
async function forgetUrl(context: EngineContext, issuer: Issuer, refused: string, signal: AbortSignal): Promise<void> {
  const key = { kind: 'account', name: issuer.directoryUrl } as const;
  const entry = await context.store.get(key, signal);
  if (!entry) return;
  const { url, ...rest } = JSON.parse(new TextDecoder().decode(entry.bytes)) as AccountDocument;
  if (url !== refused) return;
  try {
    await context.store.put(key, encodeDocument(rest), { ifRevision: entry.revision, signal });
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
