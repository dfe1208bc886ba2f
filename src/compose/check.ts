import { decodeAudit } from '../core/access/audit.ts';
import { decodeLogin } from '../core/access/login.ts';
import { decodeAccess } from '../core/access/token.ts';
import { decodeUser } from '../core/access/user.ts';
import { decodeAlarms } from '../core/alarm/open-alarms.ts';
import { type CertfleetError, fail, isFailure } from '../core/errors/errors.ts';
import { decodeHistory } from '../core/history/history.ts';
import { decodeDocument, encodeDocument, type Lineage } from '../core/lineage/lineage.ts';
import { decodeLock } from '../core/lineage/lock.ts';
import { rebuilt } from '../core/lineage/work/acts.ts';
import { after } from '../core/lineage/work/transition.ts';
import { decodeReplica } from '../core/node/replica.ts';
import { defaultAccount } from '../core/spec/account.ts';
import type { IssuerSettings, Settings, StoredSpec } from '../core/spec/spec.ts';
import { storedSpecOf } from '../core/spec/stored-spec.ts';
import { present } from '../core/text/present.ts';
import { type AccountDocument, decoded } from '../engine/ledger/account.ts';
import { lineageMissing, renewalOfWidows, type Widow, watchStore } from '../engine/pass/store-faults.ts';
import { type KeyDocument, readKey, type VersionDocument } from '../engine/run/bundles.ts';
import { readLineage } from '../engine/run/stored-lineage.ts';
import type { Pki } from '../ports/pki.ts';
import type { Entry, Key, SetAside, Store } from '../ports/store.ts';
import { storeIdKey } from './store-id.ts';

/** A problem in a store. */
export interface StoreFault {
  readonly document: Key;
  readonly certificate?: string;
  readonly error: CertfleetError;
}

export interface Checked {
  readonly documents: number;
  readonly certificates: number;
  readonly faults: readonly StoreFault[];
  /** Private keys and versions that no certificate names, left by failed orders or by a lost certificate. */
  readonly unused: readonly Key[];
  /** Certificates whose document can be rebuilt, with their versions, the newest last. */
  readonly lost: ReadonlyMap<string, readonly Widow[]>;
  /** The lost certificates whose document is there, but damaged. */
  readonly damaged: ReadonlySet<string>;
  readonly accounts: readonly AccountDocument[];
}

interface Checking {
  /** The store as it is used, which opens secrets. */
  readonly store: Store;
  readonly pki: Pki;
  readonly signal: AbortSignal;
}

/** Reads every document, and finds what is damaged or missing. */
export async function checkAll({ store, pki, signal }: Checking): Promise<Checked> {
  const watch = await watchStore({ store }, signal);
  const faults: StoreFault[] = [];
  const lineages: Lineage[] = [];
  const accounts: AccountDocument[] = [];
  const parts: Key[] = [];
  const lost = new Map<string, Widow[]>();
  const misfits = new Set<string>();
  /** Lineages that cannot be read for any reason, and those that are damaged on the medium. */
  const unread = new Set<string>();
  const damaged = new Set<string>();
  let documents = 0;
  let hasId = false;

  /** Lineages come first, because later documents are compared with them. */
  const readers = {
    lineage(entry: Entry) {
      const lineage = readLineage({ store }, entry);
      lineages.push(lineage);
      watch.saw(entry.key.name, lineage);
    },
    account: (entry: Entry) => void accounts.push(decoded(store, entry).document),
    credential: (entry: Entry) => void contentOf(entry, ['env']),
    key(entry: Entry) {
      parts.push(entry.key);
      contentOf<KeyDocument>(entry, ['keyPem']);
    },
    async version(entry: Entry) {
      parts.push(entry.key);
      const { chainPem } = contentOf<VersionDocument>(entry, ['chainPem', 'facts', 'directory']);
      const { name } = entry.key;
      const end = name.lastIndexOf('~');
      // An unreadable key has its own fault.
      const keyPem = await unlessCorrupt(
        readKey({ store }, { lineage: name.slice(0, end), id: name.slice(end + 1) }, signal),
      );
      if (!keyPem || pki.isFor(pki.readChain(chainPem).facts, keyPem)) return;
      misfits.add(name);
      throw corrupt(entry.key, `it is for another key than key/${name}`);
    },
    ledger: (entry: Entry) => void contentOf(entry, []),
    lock: (entry: Entry) => void decodeLock(entry.bytes, entry.key.name, store.location),
    token: (entry: Entry) => void contentOf(entry, []),
    alarm: (entry: Entry) => void decodeAlarms(entry.bytes, store.location),
    replica: (entry: Entry) => void decodeReplica(entry.bytes, entry.key.name, store.location),
    history: (entry: Entry) => void decodeHistory(entry.bytes, entry.key.name, store.location),
    declared: (entry: Entry) => void contentOf(entry, []),
    user: (entry: Entry) => void decodeUser(entry.bytes, entry.key.name, store.location),
    login: (entry: Entry) => void decodeLogin(entry.bytes, entry.key.name, store.location),
    access: (entry: Entry) => void decodeAccess(entry.bytes, entry.key.name, store.location),
    audit: (entry: Entry) => void decodeAudit(entry.bytes, entry.key.name, store.location),
    meta: (entry: Entry) => void contentOf(entry, []),
  };
  const corrupt = ({ kind, name }: Key, reason: string) =>
    fail('store/corrupt', { key: `${kind}/${name}`, reason, file: store.location });
  const contentOf = <T extends object>(
    { key: { kind, name }, bytes }: Entry,
    required: readonly (keyof T & string)[],
  ) => decodeDocument<T>(bytes, { key: `${kind}/${name}`, file: store.location }, required);

  for (const kind of Object.keys(readers) as (keyof typeof readers)[])
    for await (const page of store.scan(kind, signal))
      for (const entry of page) {
        documents += 1;
        if (kind === 'meta' && entry.key.name === storeIdKey.name) hasId = true;
        try {
          if (kind === 'lineage') watch.saw(entry.key.name);
          if (entry.corrupt) throw entry.corrupt;
          await readers[kind](entry);
        } catch (error) {
          const wrong = isFailure(error)
            ? error
            : corrupt(entry.key, String(error instanceof Error ? error.message : error));
          if (wrong.code !== 'store/corrupt') throw wrong;
          faults.push({ document: entry.key, error: wrong });
          if (kind !== 'lineage') continue;
          unread.add(entry.key.name);
          if (entry.corrupt && store.setAside) damaged.add(entry.key.name);
        }
      }
  if (lineages.length > 0 && !hasId)
    faults.push({ document: storeIdKey, error: fail('store/id-missing', { path: store.location }) });
  for (const [name, versions] of [...(await watch.missing(signal)), ...(await watch.behind(damaged, signal))]) {
    const fitting = versions.filter(({ id }) => !misfits.has(`${name}~${id}`));
    if (fitting.length === 0) continue;
    lost.set(name, fitting);
    if (damaged.has(name)) continue; // already reported
    faults.push({ document: { kind: 'lineage', name }, certificate: name, error: lineageMissing(name) });
  }
  for (const { part, ...rest } of await watch.lacking(signal)) faults.push({ document: part, ...rest });
  for (const { account, error } of (await watch.accounts(signal)).missing)
    faults.push({ document: { kind: 'account', name: account }, error });
  const used = namedParts(lineages, lost);
  // It is unknown which documents an unreadable lineage names.
  const unused = parts.filter(({ name }) => !used.has(name) && !unread.has(name.slice(0, name.lastIndexOf('~'))));
  return { documents, certificates: lineages.length, faults, unused, lost, damaged, accounts };
}

const unlessCorrupt = <T>(read: Promise<T>): Promise<T | undefined> =>
  read.catch((error: unknown) => {
    if (!isFailure(error, 'store/corrupt')) throw error;
    return undefined;
  });

/** Returns the names of the keys and versions that certificates need. */
function namedParts(lineages: readonly Lineage[], lost: ReadonlyMap<string, readonly Widow[]>): ReadonlySet<string> {
  const names = lineages.flatMap(({ name, current, previous, retired = [], work, revoking = [] }) =>
    [
      ...[current?.id, previous?.id, work?.version, work?.parked?.version],
      ...[...retired, ...revoking.map(({ version }) => version)],
    ].map((id) => `${name}~${id ?? ''}`),
  );
  return new Set([...names, ...[...lost].flatMap(([name, versions]) => versions.map(({ id }) => `${name}~${id}`))]);
}

/** A document that was rebuilt. */
export interface Mended {
  readonly certificate: string;
  readonly version: string;
  readonly notAfter: string;
  readonly identifiers: readonly string[];
  /** Whether the configuration declares the certificate. Otherwise, the settings for its renewal are lost. */
  readonly isDeclared: boolean;
  /** The path that the damaged document was moved to. */
  readonly kept?: string;
  /** Set if the document was not rebuilt, because this earlier revision of it is in force again. */
  readonly standing?: SetAside['standing'];
}

/** Rebuilds the documents of certificates from their versions, and returns which could not be rebuilt, and why. */
export async function mendAll(
  store: Store,
  { lost, damaged, accounts }: Checked,
  { settings, now, signal }: { readonly settings: Settings; readonly now: Date; readonly signal: AbortSignal },
): Promise<{ readonly mended: readonly Mended[]; readonly failed: ReadonlyMap<string, CertfleetError> }> {
  const mended: Mended[] = [];
  const failed = new Map<string, CertfleetError>();
  for (const [name, widows] of lost) {
    const newest = widows.at(-1)!;
    const declared = settings.certificates.find((one) => one.name === name);
    const wanted = declared ? storedSpecOf(settings, declared) : specOf(name, newest, { settings, accounts });
    const versions = widows.map(({ id, document: { chainPem: _chain, ...issued } }) => ({ id, ...issued }));
    const lineage = after(
      undefined,
      rebuilt({ wanted, versions, renewal: renewalOfWidows(widows), isDeclared: declared !== undefined, now }),
    )!;
    let aside: SetAside | undefined;
    try {
      aside = damaged.has(name) ? await store.setAside?.({ kind: 'lineage', name }, signal) : undefined;
      if (!aside?.standing)
        await store.put({ kind: 'lineage', name }, encodeDocument(lineage), { ifRevision: null, signal });
    } catch (error) {
      if (isFailure(error, 'store/corrupt')) failed.set(name, error);
      else if (!isFailure(error, 'store/conflict')) throw error;
      continue; // or another process has rebuilt it
    }
    const { notAfter, identifiers } = newest.document.facts;
    const values = identifiers.map(({ value }) => value);
    mended.push({
      certificate: name,
      version: newest.id,
      notAfter,
      identifiers: values,
      isDeclared: declared !== undefined,
      ...aside,
    });
  }
  return { mended, failed };
}

/**
 * Returns the settings of a certificate as far as its version shows them. The certificate is renewed only once other
 * settings replace them.
 */
function specOf(
  name: string,
  { document: { facts, directory, accountUrl, profile, keyType, preferredChain } }: Widow,
  {
    settings: { issuers, preflight },
    accounts,
  }: { readonly settings: Settings; readonly accounts: readonly AccountDocument[] },
): StoredSpec {
  const [issuer, declared] = Object.entries(issuers).find(([, one]) => one.directory === directory) ?? [];
  const account = accounts.find(({ url }) => url !== undefined && url === accountUrl);
  const known: IssuerSettings = {
    ...(declared ?? { directory, email: account?.contacts ?? [], agreeToTerms: true, test: false }),
    ...present({
      account: account?.name === defaultAccount ? undefined : account?.name,
      caFile: declared ? undefined : account?.caFile,
    }),
  };
  const { identifiers } = facts;
  const solver = { name: 'standalone', settings: { type: 'http01-responder' } };
  return {
    ...{ name, identifiers, preflight, targets: [], endpoints: [] },
    issuer: { name: issuer ?? directory, settings: known },
    parts: [{ solver }],
    ...present({ profile }),
    ...present({ keyType }),
    ...present({ preferredChain }),
  };
}
