import { eabFields, externalAccountOf, resolveExternalAccount } from '../../config/external-account.ts';
import { directoryOf, issuerNameOf } from '../../config/issuers.ts';
import { openEabKey } from '../../core/ca/eab-key.ts';
import { knownIssuerAt, knownIssuers, whyAccountNeeded } from '../../core/ca/known-issuers.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import { isAddress } from '../../core/names/contact.ts';
import { accountNameForm, accountNameRule } from '../../core/spec/account.ts';
import type { IssuerSettings, Settings, StoredSpec } from '../../core/spec/spec.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import type { Session } from '../context.ts';
import { given, keptPath, textOf } from './values.ts';

/** Flags that give settings of the issuer. */
export const issuerFlags = [
  'issuer',
  'email',
  'agreeTos',
  'account',
  'eabKid',
  'eabHmacKey',
  'eabHmacAlg',
  'caFile',
  'onlyThisCa',
  'testDirectory',
] as const;

interface NamedIssuer {
  readonly name: string;
  readonly settings: IssuerSettings;
}

/** The issuer from --issuer and its related flags, else the stored one. */
export function issuerFromFlags(session: Session, settings: Settings, kept: StoredSpec | undefined): NamedIssuer {
  const { flags } = session.invocation;
  const chosen =
    kept && flags['issuer'] === undefined ? kept.issuer : chosenIssuer(textOf(flags['issuer']), settings, '--issuer ');
  const isSame = kept?.issuer.settings.directory === chosen.settings.directory;
  // Another CA has other terms and another root, but the e-mail address stays.
  const base = isSame ? { ...kept.issuer.settings, ...chosen.settings } : chosen.settings;
  const email = given(flags, 'email') ?? firstOf(chosen.settings.email, kept?.issuer.settings.email ?? []);
  const odd = email.find((address) => !isAddress(address));
  if (odd !== undefined) throw fail('usage/invalid', { what: `--email ${odd}: this is not an e-mail address` });
  const agreeToTerms =
    flags['agreeTos'] === true || chosen.settings.agreeToTerms || (isSame && kept.issuer.settings.agreeToTerms);
  const bound = withExternalAccount(withTestDirectory(withRoots(base, session), session), session);
  return { name: chosen.name, settings: { ...bound, email, agreeToTerms } };
}

/** Fails with `usage/invalid` if the CA opens accounts only for its customers, and no account is named. */
export function refuseWithoutAccount({ name, settings }: NamedIssuer): void {
  const known = knownIssuerAt(settings.directory);
  if (known?.needsAccountBinding && !settings.eab && settings.account === undefined)
    throw fail('usage/invalid', { what: `--issuer ${name}: ${whyAccountNeeded(known)}` });
}

/** With the account of --account, --eab-kid and their related flags. */
function withExternalAccount(base: IssuerSettings, session: Session): IssuerSettings {
  const { flags } = session.invocation;
  const names = given(flags, 'account');
  const odd = names?.find((name) => !accountNameForm.test(name));
  if (odd !== undefined) throw fail('usage/invalid', { what: `--account ${odd}: ${accountNameRule}` });
  const kid = textOf(flags['eabKid']);
  const { account: _account, eab, ...others } = base;
  // `--account none` is the account of this CA without a name, and without a customer.
  const before = names?.length === 0 ? undefined : eab;
  const isSameKid = kid === undefined || kid === before?.kid;
  const name = names?.[0] ?? (names === undefined && isSameKid ? base.account : undefined);
  const bound = isSameKid ? before : { kid };
  const withName = { ...others, ...(name === undefined ? {} : { account: name }) };
  const hmacKey = eabKey(session);
  const algorithm = textOf(flags['eabHmacAlg']) ?? bound?.algorithm;
  if (bound === undefined) {
    const flag = hmacKey === undefined ? 'eab-hmac-alg' : 'eab-hmac-key';
    if (hmacKey !== undefined || algorithm !== undefined)
      throw fail('usage/invalid', {
        what: `--${flag} needs --eab-kid ID, the key id that the CA gave you with the key`,
      });
    return withName;
  }
  const changed = { ...bound, ...(hmacKey === undefined ? {} : { hmacKey }) };
  const parsed = eabFields.safeParse({ ...changed, ...(algorithm === undefined ? {} : { algorithm }) });
  if (!parsed.success)
    throw fail('usage/invalid', {
      what: parsed.error.issues
        .map(({ path: [field], message }) => `--${flagOf[String(field)]}: ${message}`)
        .join('; '),
    });
  return { ...withName, eab: externalAccountOf(parsed.data) };
}

/** Reads the EAB key of the flags, to report a wrong one before anything is changed. */
export async function proveEabKey({ name, settings: { eab } }: NamedIssuer, session: Session): Promise<void> {
  const { flags } = session.invocation;
  if (!eab || (flags['eabHmacKey'] === undefined && flags['eabKid'] === undefined)) return;
  // The account may be open already, so a stored key, or none, need not be readable.
  const isGiven = flags['eabHmacKey'] !== undefined;
  if (!isGiven && eab.hmacKey !== undefined) return;
  const { files } = await session.world();
  const { env } = session.context;
  try {
    const { options } = await resolveExternalAccount(eab, name, { env, files });
    openEabKey(options.hmacKey);
  } catch (error) {
    if (isGiven || !isFailure(error, 'config/eab-key-missing')) throw error;
  }
}

const flagOf: Readonly<Record<string, string>> = { kid: 'eab-kid', hmacKey: 'eab-hmac-key', algorithm: 'eab-hmac-alg' };

/** The reference of --eab-hmac-key. */
function eabKey(session: Session): string | undefined {
  const text = textOf(session.invocation.flags['eabHmacKey']);
  if (text === undefined || text.startsWith('env:')) return text;
  if (text.startsWith('file:')) return `file:${keptPath('--eab-hmac-key file:', text.slice(5), session)}`;
  throw fail('usage/invalid', {
    what: '--eab-hmac-key: every user of this machine can see a secret on the command line; write --eab-hmac-key file:/path or env:NAME',
  });
}

/** The issuer that a person names, with the roots of --ca-file. */
export const issuerNamed = (session: Session, settings: Settings, typed: string): NamedIssuer => {
  const { name, settings: chosen } = chosenIssuer(typed, settings, '');
  return { name, settings: withRoots(chosen, session) };
};

/** With the roots of --ca-file, and only those if --only-this-ca comes with it. */
function withRoots(base: IssuerSettings, session: Session): IssuerSettings {
  const { flags } = session.invocation;
  const isOnly = flags['onlyThisCa'] === true;
  const given = textOf(flags['caFile']);
  const { onlyThisCa, ...before } = base;
  const caFile = given === undefined ? base.caFile : keptPath('--ca-file ', given, session);
  if (caFile === undefined) {
    if (isOnly) throw fail('usage/invalid', { what: '--only-this-ca needs --ca-file FILE, the roots to trust' });
    return base;
  }
  const stays = given === undefined && onlyThisCa === true;
  return { ...before, caFile, ...(isOnly || stays ? { onlyThisCa: true } : {}) };
}

/** With the directory of --test-directory. */
function withTestDirectory(base: IssuerSettings, session: Session): IssuerSettings {
  const typed = textOf(session.invocation.flags['testDirectory']);
  if (typed === undefined) return base;
  const { testDirectory: _before, ...rest } = base;
  if (typed === 'none') return rest;
  const found = directoryOf(typed);
  if (!found) throw fail('usage/invalid', { what: `--test-directory ${typed}: not an https:// URL or a known CA` });
  return { ...rest, testDirectory: found.directory };
}

const firstOf = (...lists: readonly (readonly string[])[]): readonly string[] =>
  lists.find((list) => list.length > 0) ?? [];

/**
 * A declared issuer, by its name or URL, or a short name, or another URL. Without --issuer: the declared issuer if there is only one, else Let's
 * Encrypt.
 */
function chosenIssuer(given: string | undefined, settings: Settings, flag: string): NamedIssuer {
  const declaredNames = Object.keys(settings.issuers);
  const typed = given ?? (declaredNames.length === 1 ? declaredNames[0]! : 'letsencrypt');
  const declared = Object.hasOwn(settings.issuers, typed) ? settings.issuers[typed] : undefined;
  if (declared) return { name: typed, settings: declared };
  const [atUrl, another] = Object.entries(settings.issuers).filter(([, { directory }]) => directory === typed);
  if (atUrl && !another) return { name: atUrl[0], settings: atUrl[1] };
  const found = directoryOf(typed);
  if (!found) {
    const known = [...declaredNames, ...Object.keys(knownIssuers)];
    throw fail('usage/invalid', {
      what: `${flag}${typed}: not an https:// URL, a known CA or a declared issuer${didYouMean(typed, known)}`,
    });
  }
  const { directory, known } = found;
  return {
    name: issuerNameOf(typed),
    settings: {
      directory,
      email: [],
      agreeToTerms: false,
      test: known?.test ?? false,
      ...(known?.testDirectory === undefined ? {} : { testDirectory: known.testDirectory }),
    },
  };
}
