import { directoryOf, issuerNameOf } from '../../config/certificates/issuer-directory.ts';
import { resolveExternalAccount } from '../../config/options/external-account.ts';
import { openEabKey } from '../../core/ca/eab-key.ts';
import { knownIssuers } from '../../core/ca/known-issuers.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import { accountKey, accountOf } from '../../core/spec/account.ts';
import type { IssuerSettings, NamedIssuer, Settings } from '../../core/spec/spec.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import { present } from '../../core/text/present.ts';
import type { Session } from '../context.ts';
import { issuerKeys, writeKeys } from './keys.ts';
import { textOf } from './values.ts';
import { Written } from './written.ts';

interface Choice {
  /** The stored issuer, which stays without --issuer. */
  readonly kept?: NamedIssuer | undefined;
  /** An argument that replaces --issuer. */
  readonly named?: string | undefined;
}

/**
 * Returns the issuer that flags describe, for commands that take no other settings.
 *
 * @param opensAccount a CA with customers only needs to know which one
 */
export async function issuerFromFlags(
  session: Session,
  settings: Settings,
  { opensAccount, ...choice }: Choice & { readonly opensAccount: boolean },
): Promise<NamedIssuer> {
  const written = new Written();
  const name = writeIssuer(written, session, settings, choice);
  const { issuers } = await written.settings(
    session,
    {},
    ({ error }) => !opensAccount && error?.code === 'config/account-needed',
  );
  return { name, settings: issuers[name]! };
}

/** Writes the issuer of --issuer and its related flags, or the stored one. Returns its name. */
export function writeIssuer(written: Written, session: Session, settings: Settings, { kept, named }: Choice): string {
  const { flags } = session.invocation;
  const typed = named ?? textOf(flags['issuer']);
  const flag = named ?? `--issuer ${typed}`;
  const chosen = kept && typed === undefined ? kept : chosenIssuer(typed, settings, flag, kept);
  const before = kept?.settings;
  const isSame = before?.directory === chosen.settings.directory;
  // Another CA has other terms and other roots, but the e-mail address stays.
  const { account, eab, onlyThisCa, ...base } = isSame ? { ...before, ...chosen.settings } : chosen.settings;
  // `--account none` means the CA's account without a name and without a customer.
  const customer = flags['account'] === 'none' ? undefined : eab;
  const kid = textOf(flags['eabKid']) ?? customer?.kid;
  const needy = (['eabHmacKey', 'eabHmacAlg'] as const).find((one) => flags[one] !== undefined);
  if (kid === undefined && needy !== undefined)
    throw fail('usage/flag-needs', {
      flag: needy === 'eabHmacKey' ? '--eab-hmac-key' : '--eab-hmac-alg',
      needed: '--eab-kid ID, the key id that the CA gave you with the key',
    });
  const isSameCustomer = kid === customer?.kid;
  const ofCustomer = isSameCustomer ? { account, eab: customer && { ...customer } } : {};
  const path = ['issuers', chosen.name];
  written.set(path, {
    ...base,
    ...ofCustomer,
    ...present({ onlyThisCa: flags['caFile'] === undefined ? onlyThisCa : undefined }),
    email: base.email.length > 0 ? base.email : (before?.email ?? []),
    agreeToTerms: base.agreeToTerms || (isSame && before.agreeToTerms),
  });
  if (typed !== undefined) written.name([...path, 'directory'], flag);
  writeKeys(written, path, issuerKeys, session);
  return chosen.name;
}

/**
 * Reads the EAB key of the flags, to report a wrong or missing key before anything is changed. Only an account that is
 * already open needs no key.
 */
export async function proveEabKey({ name, settings }: NamedIssuer, session: Session): Promise<void> {
  const { eab } = settings;
  const { flags } = session.invocation;
  if (!eab || (flags['eabHmacKey'] === undefined && flags['eabKid'] === undefined)) return;
  // The account may already be open, so a stored key need not be readable.
  const isGiven = flags['eabHmacKey'] !== undefined;
  if (!isGiven && eab.hmacKey !== undefined) return;
  const { files } = await session.world();
  const { env } = session.context;
  try {
    const { options } = await resolveExternalAccount(eab, name, { env, files });
    openEabKey(options.hmacKey);
  } catch (error) {
    if (isGiven || !isFailure(error, 'config/eab-key-missing')) throw error;
    if (await isOpen(settings, session)) return;
    throw fail('usage/flag-needs', {
      flag: `--eab-kid ${eab.kid}`,
      needed: `--eab-hmac-key file:/path (or the variable CERTFLEET_EAB_HMAC_KEY), the key that the CA gave you with it, because the store has no open account "${accountOf(settings).name}" at ${name}`,
    });
  }
}

/** Reports whether the store has an open account at the issuer or, with --staging, at the issuer's test directory. */
async function isOpen(settings: IssuerSettings, session: Session): Promise<boolean> {
  const { staging, dryRun } = session.invocation.flags;
  const isTest = staging === true || dryRun === true;
  const directory = (isTest ? settings.testDirectory : undefined) ?? settings.directory;
  const wanted = accountKey(accountOf({ ...settings, directory }));
  const fleet = await session.fleet({ makeStore: false }).catch((error: unknown) => {
    if (!isFailure(error, 'store/absent')) throw error;
    return undefined;
  });
  const accounts = (await fleet?.accounts(session.signal)) ?? [];
  return accounts.some((one) => one.state === 'open' && accountKey(one) === wanted);
}

/**
 * Returns the issuer with this name, URL or short name: a declared one, if one matches, else the stored one. Without a word, returns the
 * declared issuer if there is only one, else Let's Encrypt.
 */
function chosenIssuer(
  given: string | undefined,
  settings: Settings,
  flag: string,
  kept: NamedIssuer | undefined,
): NamedIssuer {
  const declaredNames = Object.keys(settings.issuers);
  const typed = given ?? (declaredNames.length === 1 ? declaredNames[0]! : 'letsencrypt');
  const declared = Object.hasOwn(settings.issuers, typed) ? settings.issuers[typed] : undefined;
  if (declared) return { name: typed, settings: declared };
  const [atUrl, another] = Object.entries(settings.issuers).filter(([, { directory }]) => directory === typed);
  if (atUrl && !another) return { name: atUrl[0], settings: atUrl[1] };
  const found = directoryOf(typed);
  const isKept = found !== undefined && found.directory === kept?.settings.directory;
  if (found) return { name: issuerNameOf(typed), settings: isKept ? kept.settings : undeclared(found) };
  const nearest = didYouMean(typed, [...declaredNames, ...Object.keys(knownIssuers)]);
  throw fail('usage/unknown-value', {
    typed: flag,
    known: 'an https:// URL, a known CA or the name of a declared issuer',
    nearest,
  });
}

const undeclared = ({ directory, known }: NonNullable<ReturnType<typeof directoryOf>>): IssuerSettings => ({
  ...{ directory, email: [], agreeToTerms: false, test: known?.test ?? false },
});
