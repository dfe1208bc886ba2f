import { type KnownIssuer, knownIssuers } from '../../core/ca/known-issuers.ts';
import { type CertfleetError, fail } from '../../core/errors/errors.ts';
import type { ExternalAccount, IssuerSettings } from '../../core/spec/spec.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import { present } from '../../core/text/present.ts';
import { directoryOf, hasCredentials } from '../certificates/issuer-directory.ts';
import { eabSettings, externalAccount, externalAccountOf } from '../options/external-account.ts';
import { checkOptions } from '../options/options.ts';
import { shown } from '../problems.ts';
import { type Building, collectError, type Path } from './building.ts';
import { collectVariables } from './hook-variables.ts';
import type { Configuration } from './schema.ts';

const accountNeeded = ({ title, accountBinding = '' }: KnownIssuer): CertfleetError =>
  fail('config/account-needed', { issuer: title, where: accountBinding });

/** Says why a text is no directory. A password is not repeated. */
const noDirectory = (text: string): string =>
  hasCredentials(text)
    ? 'leave USER:PASSWORD@ out of the directory: it is stored and shown as it is'
    : `the directory "${shown(text)}" is neither an https:// URL nor a known CA${didYouMean(text, Object.keys(knownIssuers))}`;

/** Returns one CA of the configuration, checked. */
export function issuerOf(issuer: Configuration['issuers'][string], path: Path, building: Building): IssuerSettings {
  const { problems, places } = building;
  const found = directoryOf(issuer.directory);
  if (!found) problems.push({ path: [...path, 'directory'], message: noDirectory(issuer.directory) });
  if (found?.known?.needsAccountBinding && issuer.eab === undefined && issuer.account === undefined)
    collectError(problems, [...path, 'directory'], accountNeeded(found.known));
  if (issuer.onlyThisCa && issuer.caFile === undefined)
    problems.push({
      path: [...path, 'onlyThisCa'],
      message: `${places.at([...path, 'onlyThisCa'])} needs ${places.at([...path, 'caFile'])}, the PEM file with the only root certificates to trust`,
    });
  const testing = issuer.testDirectory === undefined ? undefined : directoryOf(issuer.testDirectory);
  if (issuer.testDirectory !== undefined && !testing)
    problems.push({ path: [...path, 'testDirectory'], message: noDirectory(issuer.testDirectory) });
  const testDirectory = testing?.directory ?? found?.known?.testDirectory;
  return {
    directory: found?.directory ?? issuer.directory,
    email: issuer.email,
    agreeToTerms: issuer.agreeToTerms,
    ...present({ caFile: issuer.caFile, onlyThisCa: issuer.onlyThisCa || undefined }),
    test: issuer.test ?? found?.known?.test ?? false,
    ...present({
      testDirectory,
      newAccount: issuer.newAccount || undefined,
      account: issuer.account,
      eab: issuer.eab && checkedExternalAccount(externalAccountOf(issuer.eab), [...path, 'eab'], building),
      accountKey: issuer.accountKey,
      limits: issuer.limits && present(issuer.limits),
    }),
  };
}

function checkedExternalAccount(eab: ExternalAccount, path: Path, building: Building): ExternalAccount {
  // Without a key, an account that is already open can be used.
  const problems = checkOptions(externalAccount, eabSettings(eab), building.env, {
    base: path,
    places: building.places,
  });
  building.problems.push(...problems.filter(({ missing }) => missing !== true));
  collectVariables(externalAccount, eabSettings(eab), path, building);
  return eab;
}
