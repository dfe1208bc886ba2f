import { type CertfleetError, fail } from '../errors/errors.ts';
import { isStagingName } from '../names/identifiers.ts';
import { accountKey, accountOf } from '../spec/account.ts';
import { shortList } from '../text/short-list.ts';
import type { Lineage } from './lineage.ts';

// What belongs together in a store, as far as the names of its documents tell. Nothing but lineages is opened for it.

interface Names {
  has(name: string): boolean;
  readonly names: readonly string[];
}

/** The names of all private keys and versions. */
export interface Parts {
  readonly key: Names;
  readonly version: Names;
}

interface PartKey {
  readonly kind: keyof Parts;
  readonly name: string;
}
const kinds: readonly PartKey['kind'][] = ['key', 'version'];

/**
 * The ids of versions with their keys, by certificates that have no document. A key alone proves nothing: a first order
 * that failed leaves one. Test certificates are left out.
 */
export function widowed(
  { key, version }: Parts,
  hasDocument: (lineage: string) => boolean,
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const name of version.names) {
    const end = name.lastIndexOf('~');
    const lineage = name.slice(0, Math.max(end, 0));
    if (lineage === '' || hasDocument(lineage) || isStagingName(lineage) || !key.has(name)) continue;
    found.set(lineage, [...(found.get(lineage) ?? []), name.slice(end + 1)]);
  }
  return found;
}

/** What the current version of a certificate needs, and the names lack. */
export function lacking(parts: Parts, { name, current }: Lineage): readonly PartKey[] {
  if (!current) return [];
  const part = `${name}~${current.id}`;
  return kinds.filter((kind) => !parts[kind].has(part)).map((kind) => ({ kind, name: part }));
}

/** The error of a certificate without one of its documents. */
export const partMissing = (
  certificate: string,
  { kind, name }: { readonly kind: string; readonly name: string },
  path: string,
): CertfleetError => fail('store/part-missing', { name: certificate, key: `${kind}/${name}`, path });

/** A stored account, as much of it as says which certificates it got. */
export interface AccountFacts {
  readonly directory: string;
  readonly name: string;
  readonly url?: string;
  readonly replaced?: readonly { readonly url: string }[];
}

/** An account that certificates came from and that is in no document. */
export interface MissingAccount {
  /** The name of its document. */
  readonly account: string;
  readonly certificates: readonly string[];
  readonly error: CertfleetError;
}

/** Collects the accounts that certificates came from. */
export function createAccountUse(path: string) {
  const uses = new Map<string, { directory: string; account: string; url: string; certificates: string[] }>();
  return {
    add({ name, current, spec: { issuer } }: Lineage): void {
      // Imported certificates may have no URL; one of another CA says nothing of the account at this one.
      if (!current?.accountUrl || current.directory !== issuer.settings.directory || isStagingName(name)) return;
      const account = accountKey(accountOf(issuer.settings));
      const use = uses.get(`${account} ${current.accountUrl}`);
      if (use) use.certificates.push(name);
      else {
        const first = { directory: issuer.settings.directory, account, url: current.accountUrl, certificates: [name] };
        uses.set(`${account} ${current.accountUrl}`, first);
      }
    },
    /** @param sealed names of documents that cannot be read without a key: any may be the one, if it is of the CA */
    missing(accounts: readonly AccountFacts[], sealed: readonly string[] = []): readonly MissingAccount[] {
      const stored = new Set(accounts.map(({ directory, name }) => accountKey({ directory, name })));
      const urls = new Set(accounts.flatMap(({ url, replaced = [] }) => [url, ...replaced.map((one) => one.url)]));
      return [...uses.values()]
        .filter(({ account, url }) => !stored.has(account) && !urls.has(url))
        .filter(({ directory }) => !sealed.some((name) => name.startsWith(directory)))
        .map(({ directory, account, certificates }) => {
          const names = shortList(certificates.toSorted());
          return { account, certificates, error: fail('store/account-missing', { directory, account, names, path }) };
        });
    },
  };
}
