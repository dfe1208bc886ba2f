import { type CertfleetError, fail } from '../errors/errors.ts';
import { isStagingName } from '../names/identifiers.ts';
import { accountKey, accountOf } from '../spec/account.ts';
import { shortList } from '../text/short-list.ts';
import type { Lineage } from './lineage.ts';

// Finds missing documents of a store by the names of the others. Only lineages are opened.

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
 * Returns the IDs of versions that have a key but no lineage document, by certificate. A key alone proves nothing: a
 * first order that failed leaves one. Test certificates are left out.
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

/** Reports whether a store has the key and the chain of a version. */
export function hasParts({ key, version }: Parts, name: string, { id }: { readonly id: string }): boolean {
  const part = `${name}~${id}`;
  return key.has(part) && version.has(part);
}

/** Returns the documents that a certificate's current version needs and the store lacks. */
export function lacking(parts: Parts, { name, current }: Lineage): readonly PartKey[] {
  if (!current || hasParts(parts, name, current)) return [];
  const part = `${name}~${current.id}`;
  return kinds.filter((kind) => !parts[kind].has(part)).map((kind) => ({ kind, name: part }));
}

/** Returns the error for a certificate that lacks one of its documents. */
export const partMissing = (
  certificate: string,
  { kind, name }: { readonly kind: string; readonly name: string },
  path: string,
): CertfleetError => fail('store/part-missing', { name: certificate, key: `${kind}/${name}`, path });

/** The facts of a stored account that say which certificates it got. */
export interface AccountFacts {
  readonly directory: string;
  readonly name: string;
  readonly url?: string;
  readonly replaced?: readonly { readonly url: string }[];
}

/** An account that issued certificates but has no document. */
export interface MissingAccount {
  /** The name that its document would have. */
  readonly account: string;
  readonly certificates: readonly string[];
  readonly error: CertfleetError;
}

/** The account that issued a certificate: its CA, the name of its document, and its URL. */
export interface UsedAccount {
  readonly directory: string;
  readonly account: string;
  readonly url: string;
}

/** Returns the account with which a certificate was issued, if it is known and still the one to use. */
export function usedAccount({ name, current, spec: { issuer } }: Lineage): UsedAccount | undefined {
  // Imported certificates may have no URL, and a URL at another CA says nothing about the account at this one.
  if (!current?.accountUrl || current.directory !== issuer.settings.directory || isStagingName(name)) return undefined;
  const account = accountKey(accountOf(issuer.settings));
  return { directory: issuer.settings.directory, account, url: current.accountUrl };
}

/** Collects the accounts with which certificates were issued. */
export function createAccountUse(path: string) {
  const uses = new Map<string, UsedAccount & { readonly certificates: string[] }>();
  return {
    add(certificate: string, used: UsedAccount | undefined): void {
      if (!used) return;
      const place = `${used.account} ${used.url}`;
      const use = uses.get(place);
      if (use) use.certificates.push(certificate);
      else uses.set(place, { ...used, certificates: [certificate] });
    },
    /** @param sealed names of documents that cannot be read without a key: any of the same CA may be the missing one */
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
