import { baseName, isWildcard } from '../../core/names/identifier.ts';
import type { AcmeChallenge, Directory } from '../../ports/issuer.ts';
import type { PersistTerms } from '../../ports/solver.ts';
import type { OrderRun } from '../run/run.ts';

/**
 * Returns what the record for a dns-persist-01 challenge must say, or undefined if the challenge is malformed. A CA
 * with an `accountHashPrefix` follows draft 02, and any other CA draft 00 or 01.
 *
 * A record permits an account, so the account must be ours: otherwise, a CA could have us write a record for an account
 * of its choice at another CA.
 */
export function persistTerms(
  { job, holding, account, directory, issuer }: Pick<OrderRun, 'job' | 'holding' | 'account' | 'directory' | 'issuer'>,
  identifier: string,
  { persist }: AcmeChallenge,
): PersistTerms | undefined {
  if (!persist) return undefined;
  const { accountUri, issuerDomainNames } = persist;
  const hashPrefix = directory.accountHashPrefix;
  if (hashPrefix === undefined && accountUri !== undefined && !isOfCa(accountUri, account.accountUrl)) return undefined;
  if (hashPrefix !== undefined && !isDisclosed(issuerDomainNames, directory)) return undefined;
  const { identifiers } = job.wanted;
  const name = baseName({ type: 'dns', value: identifier });
  const { kept = [] } = holding.lineage;
  return {
    issuers: issuerDomainNames,
    directory: issuer.directoryUrl,
    account: { url: account.accountUrl, stated: accountUri, thumbprint: account.thumbprint, hashPrefix },
    wildcard: identifiers.some((one) => isWildcard(one) && baseName(one) === name),
    kept: kept.filter((one) => one.directory === issuer.directoryUrl),
  };
}

/**
 * Reports whether a URL is the account's, or at least one at the same CA. Boulder's may have another scheme and port.
 */
const isOfCa = (uri: string, accountUrl: string): boolean =>
  URL.canParse(uri) &&
  new URL(uri).hostname === new URL(accountUrl).hostname &&
  new URL(uri).pathname === new URL(accountUrl).pathname &&
  // The URL becomes part of the record's value.
  /^[\x21-\x3a\x3c-\x7e]+$/.test(uri);

/**
 * Draft 02 §3.2: reports whether the challenge has every name that the directory has, and only names that are among the
 * CAA identities.
 */
const isDisclosed = (names: readonly string[], { issuerDomainNames = [], caaIdentities }: Directory): boolean =>
  issuerDomainNames.every((name) => names.includes(name)) &&
  (caaIdentities.length === 0 || names.every((name) => caaIdentities.includes(name)));
