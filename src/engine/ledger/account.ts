import { Secret } from '../../core/errors/secret.ts';
import { decodeDocument, encodeDocument } from '../../core/lineage/lineage.ts';
import { type Rollover, rolloverFor } from '../../core/lineage/rollover.ts';
import { type AccountRef, accountKey, accountOf } from '../../core/spec/account.ts';
import type { IssuerSettings, StoredSpec } from '../../core/spec/spec.ts';
import { statelessParts } from '../../core/spec/stateless.ts';
import { present } from '../../core/text/present.ts';
import type { SolverAccount } from '../../ports/solver.ts';
import type { Entry, Key, Store } from '../../ports/store.ts';
import type { Engine } from '../engine.ts';
import { ignoreConflict } from './conflict.ts';

/** The account at a CA. */
export interface AccountDocument {
  readonly directory: string;
  readonly name: string;
  readonly keyPem: string;
  /**
   * Keys that rollovers stored before they asked the CA, the latest first. The CA may know one of them instead of
   * `keyPem`.
   */
  readonly newKeys?: readonly string[];
  /** RFC 3339: when the rollover to the first of `newKeys` began. Removed when it ends or is abandoned. */
  readonly rolloverAt?: string;
  /** Undefined until the CA has responded to newAccount. */
  readonly url?: string;
  /** The addresses that the CA knows. */
  readonly contacts?: readonly string[];
  /** The addresses in the issuer's settings when `account update` sent the CA others. */
  readonly configured?: readonly string[];
  /** When `account deactivate` closed it. */
  readonly deactivatedAt?: string;
  /** The deactivated accounts that this one replaced. */
  readonly replaced?: readonly { readonly keyPem: string; readonly url: string }[];
  /** The issuer's settings for reaching the CA, kept for when nothing else in the store has them. */
  readonly caFile?: string;
  readonly onlyThisCa?: boolean;
}

/** A stored account: its document, with the key and revision at which it was read. */
export interface StoredAccount {
  readonly document: AccountDocument;
  readonly key: Key;
  readonly revision: string;
}

const keyOf = (ref: AccountRef): Key => ({ kind: 'account', name: accountKey(ref) });

/** Returns the document of an account that the CA does not know yet. */
export const newAccountDocument = (settings: IssuerSettings, keyPem: Secret): AccountDocument => ({
  ...accountOf(settings),
  ...rootsOf(settings),
  keyPem: keyPem.reveal(),
});

/** Returns the roots to trust for the CA's HTTPS server. */
export const rootsOf = ({
  caFile,
  onlyThisCa,
}: Pick<IssuerSettings, 'caFile' | 'onlyThisCa'>): Pick<IssuerSettings, 'caFile' | 'onlyThisCa'> =>
  present({ caFile, onlyThisCa });

/** Returns an issuer's stored account. */
export async function readAccount(
  { store }: Pick<Engine, 'store'>,
  settings: IssuerSettings,
  signal: AbortSignal,
): Promise<StoredAccount | undefined> {
  return readStored({ store }, keyOf(accountOf(settings)), signal);
}

export async function readStored(
  { store }: Pick<Engine, 'store'>,
  key: Key,
  signal: AbortSignal,
): Promise<StoredAccount | undefined> {
  const entry = await store.get(key, signal);
  return entry && decoded(store, entry);
}

/** Returns the URL of an issuer's account, or an empty text if it is not open yet. */
export const accountUrl = async (
  ports: Pick<Engine, 'store'>,
  settings: IssuerSettings,
  signal: AbortSignal,
): Promise<string> => (await readAccount(ports, settings, signal))?.document.url ?? '';

/** Decodes the account in a document. Fails with `store/corrupt`. */
export function decoded(store: Pick<Store, 'location'>, { key, bytes, revision, corrupt }: Entry): StoredAccount {
  if (corrupt) throw corrupt;
  const where = { key: `account/${key.name}`, file: store.location };
  return { document: decodeDocument(bytes, where, ['directory', 'name', 'keyPem']), key, revision };
}

/** Returns all accounts of the store. */
export async function allAccounts(
  { store }: Pick<Engine, 'store'>,
  signal: AbortSignal,
): Promise<readonly StoredAccount[]> {
  const found: StoredAccount[] = [];
  for await (const page of store.scan('account', signal)) for (const entry of page) found.push(decoded(store, entry));
  return found;
}

/** Returns a certificate's stored account as solvers see it, or undefined if there is none. The CA is not asked. */
export async function storedAccount(
  engine: Pick<Engine, 'store' | 'connect'>,
  { issuer: { name, settings } }: StoredSpec,
  signal: AbortSignal,
): Promise<SolverAccount | undefined> {
  const document = (await readAccount(engine, settings, signal))?.document;
  if (!document) return undefined;
  const { keyPem, url } = document;
  const issuer = engine.connect.issuer(name, settings);
  return { url, thumbprint: issuer.as({ keyPem: new Secret(keyPem), url: url ?? '' }).thumbprint };
}

/**
 * Returns the account rollover for which a certificate waits because proxies answer its challenges. Reads the account
 * again.
 */
export async function rolloverOf(
  engine: Pick<Engine, 'store'>,
  wanted: StoredSpec,
  signal: AbortSignal,
): Promise<Rollover | undefined> {
  if (statelessParts(wanted).length === 0) return undefined;
  const startedAt = (await readAccount(engine, wanted.issuer.settings, signal))?.document.rolloverAt;
  return startedAt === undefined ? undefined : rolloverFor(wanted, startedAt);
}

/**
 * Writes the account, unless another process has changed it since `found` was read; undefined means that there was
 * none.
 */
export async function writeAccount(
  { store }: Pick<Engine, 'store'>,
  document: AccountDocument,
  found: StoredAccount | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { directory, name } = document;
  const key = found?.key ?? keyOf({ directory, name });
  const options = { ifRevision: found?.revision ?? null, signal };
  await store.put(key, encodeDocument(document), options).catch(ignoreConflict);
}
