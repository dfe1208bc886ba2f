import { asFailure, type CertfleetError, fail, isFailure } from '../../core/errors/errors.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { renewalOfImported } from '../../core/lineage/renewal.ts';
import {
  type AccountFacts,
  createAccountUse,
  hasParts,
  lacking,
  type MissingAccount,
  type Parts,
  partMissing,
  type UsedAccount,
  usedAccount,
  widowed,
} from '../../core/lineage/store-parts.ts';
import type { Key, Store } from '../../ports/store.ts';
import type { Engine } from '../engine.ts';
import { decoded } from '../ledger/account.ts';
import { readBundle, readKey, readVersion, type VersionDocument } from '../run/bundles.ts';
import { readLineage } from '../run/stored-lineage.ts';

/** A version whose lineage document is missing or damaged. */
export interface Widow {
  readonly id: string;
  readonly document: VersionDocument;
}

export const lineageMissing = (name: string): CertfleetError => fail('store/lineage-missing', { name });

/** Returns when to renew a certificate of which only the versions are known. */
export const renewalOfWidows = (versions: readonly Widow[]) => renewalOfImported(versions.at(-1)!.document.facts, {});

/**
 * Finds what is missing from a store, alongside a scan of its lineages. Other documents are listed, and opened only if
 * no lineage refers to them. Call it before the scan: a lineage is created after the documents that it refers to, so a
 * scan made first could miss a new lineage, whose documents would then look unused. Every finding is checked again
 * before it is returned, because other processes may have created or deleted the document since.
 */
export async function watchStore(engine: Pick<Engine, 'store'>, signal: AbortSignal) {
  const { store } = engine;
  const [key, version] = await Promise.all([store.list('key', signal), store.list('version', signal)]);
  const parts: Parts = { key, version };
  const names = new Set<string>();
  const suspects: Lineage[] = [];
  const use = createAccountUse(store.location);
  async function widowsOf(isMeant: (lineage: string) => boolean, held: AbortSignal) {
    const found = new Map<string, readonly Widow[]>();
    for (const [name, ids] of widowed(parts, (one) => !isMeant(one))) {
      const widows = await readWidows(engine, name, ids, held);
      if (widows.length > 0) found.set(name, widows);
    }
    return found;
  }

  return {
    /** @param lineage given if its parts and its account are of interest */
    saw(name: string, lineage?: Lineage): void {
      names.add(name);
      if (!lineage) return;
      use.add(name, usedAccount(lineage));
      if (lacking(parts, lineage).length > 0) suspects.push(lineage);
    },

    /** Like `saw`, for a certificate of which only this is known. */
    knows(name: string, account: UsedAccount | undefined): void {
      names.add(name);
      use.add(name, account);
    },

    /** Reports whether the store has the key and the chain of a version. */
    hasParts: (name: string, version: { readonly id: string }): boolean => hasParts(parts, name, version),

    /**
     * Returns the certificates that have no document although a version and its key exist: their versions, the newest
     * last.
     */
    async missing(held: AbortSignal): Promise<ReadonlyMap<string, readonly Widow[]>> {
      const found = new Map<string, readonly Widow[]>();
      // A document that cannot be read is another fault.
      for (const [name, widows] of await widowsOf((one) => !names.has(one), held))
        if (!(await isThere(store, { kind: 'lineage', name }, held))) found.set(name, widows);
      return found;
    },

    /** Returns the same for certificates whose document is damaged. */
    behind: (damaged: ReadonlySet<string>, held: AbortSignal): Promise<ReadonlyMap<string, readonly Widow[]>> =>
      widowsOf((one) => damaged.has(one), held),

    /** Returns what the current versions of certificates lack: the key or the chain. */
    async lacking(held: AbortSignal): Promise<readonly MissingPart[]> {
      const found: MissingPart[] = [];
      for (const { name } of suspects) {
        const entry = await store.get({ kind: 'lineage', name }, held);
        for (const part of entry ? lacking(parts, readLineage(engine, entry)) : [])
          if (!(await isThere(store, part, held)))
            found.push({ certificate: name, part, error: partMissing(name, part, store.location) });
      }
      return found;
    },

    /** Returns the missing accounts with which certificates were issued, and why other accounts cannot be read. */
    async accounts(held: AbortSignal): Promise<Accounts> {
      const accounts: AccountFacts[] = [];
      const damaged: CertfleetError[] = [];
      for await (const page of store.scan('account', held))
        for (const entry of page)
          try {
            accounts.push(decoded(store, entry).document);
          } catch (error) {
            damaged.push(asFailure(error));
          }
      return { damaged, missing: damaged.length > 0 ? [] : use.missing(accounts) };
    },
  };
}

export interface MissingPart {
  readonly certificate: string;
  readonly part: Key;
  readonly error: CertfleetError;
}

export interface Accounts {
  readonly damaged: readonly CertfleetError[];
  /** Empty if an account is damaged, because that may be the missing one. */
  readonly missing: readonly MissingAccount[];
}

/**
 * Returns why the current version or its key cannot be used. Opens both, so it is meant for single certificates: for a
 * thousand, it takes seconds.
 */
export async function unusableVersion(
  engine: Engine,
  { name, current }: Lineage,
  signal: AbortSignal,
): Promise<CertfleetError | undefined> {
  if (!current) return undefined;
  try {
    await readBundle(engine, { lineage: name, id: current.id }, signal);
    return undefined;
  } catch (error) {
    if (!isFailure(error, 'store/corrupt') && !isFailure(error, 'store/part-missing')) throw error;
    // Another process may have deleted the certificate, or made another version current.
    const entry = await engine.store.get({ kind: 'lineage', name }, signal);
    return entry && readLineage(engine, entry).current?.id === current.id ? error : undefined;
  }
}

/** Returns the versions that can be used with their keys. */
async function readWidows(
  engine: Pick<Engine, 'store'>,
  lineage: string,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<readonly Widow[]> {
  const found: Widow[] = [];
  for (const id of ids)
    try {
      const document = await readVersion(engine, { lineage, id }, signal);
      if (document && (await readKey(engine, { lineage, id }, signal))) found.push({ id, document });
    } catch (error) {
      if (!isFailure(error, 'store/corrupt')) throw error;
    }
  return found.sort(byAge);
}

/** CAs give versions of the same second the same `notBefore`; IDs begin with this machine's time. */
function byAge(a: Widow, b: Widow): number {
  const [one, other] = [a.document.facts, b.document.facts];
  const ms = (later: string, earlier: string) => Date.parse(later) - Date.parse(earlier);
  return ms(one.notBefore, other.notBefore) || ms(one.notAfter, other.notAfter) || (a.id < b.id ? -1 : 1);
}

/** Reports whether a document exists, even if it cannot be read. */
const isThere = (store: Store, key: Key, signal: AbortSignal): Promise<boolean> =>
  store.get(key, signal).then(
    (entry) => entry !== undefined,
    (error: unknown) => {
      if (isFailure(error, 'store/corrupt')) return true;
      throw error;
    },
  );
