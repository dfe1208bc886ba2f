import { baseName, isWildcard } from '../../core/names/identifier.ts';
import type { AcmeChallenge, Directory } from '../../ports/issuer.ts';
import type { PersistTerms } from '../../ports/solver.ts';
import type { OrderRun } from '../run/run.ts';

/**
 * What the record for a challenge of dns-persist-01 must say; undefined if the challenge is malformed. A CA that has an
 * `accountHashPrefix` follows draft 02, and any other one draft 00 or 01.
 *
 * A record permits an account, so it must be ours: a CA could otherwise have one of its choice written, at another CA.
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

/** Whether a URL is that of the account, at least at the same CA. Boulder's may have another scheme and port. */
const isOfCa = (uri: string, accountUrl: string): boolean =>
  URL.canParse(uri) &&
  new URL(uri).hostname === new URL(accountUrl).hostname &&
  new URL(uri).pathname === new URL(accountUrl).pathname &&
  // It becomes part of the record's value.
  /^[\x21-\x3a\x3c-\x7e]+$/.test(uri);

/** Draft 02 §3.2: the challenge names all that the directory names, and none that is not among the CAA identities. */
const isDisclosed = (names: readonly string[], { issuerDomainNames = [], caaIdentities }: Directory): boolean =>
  issuerDomainNames.every((name) => names.includes(name)) &&
  (caaIdentities.length === 0 || names.every((name) => caaIdentities.includes(name)));
