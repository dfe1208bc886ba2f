import type { IssuerSettings } from './spec.ts';

/** One account at a CA. A directory may have several: for two tenants, or after an import. */
export interface AccountRef {
  readonly directory: string;
  readonly name: string;
}

/** The name of an issuer's account by default. */
export const defaultAccount = 'default';

/**
 * Returns the account that an issuer uses. Accounts bound to different customers of a CA (EAB) must not be mixed up.
 */
export const accountOf = ({ directory, account, eab }: IssuerSettings): AccountRef => ({
  directory,
  name: account ?? eab?.kid ?? defaultAccount,
});

/** The form of an account name, which may also be the CA's key ID. */
export const accountNameForm = /^[\x21-\x7e]{1,200}$/;
export const accountNameRule = 'a name has 1 to 200 characters, without spaces';

/** Returns the name of the account's document, which is also its key in memory. */
export const accountKey = ({ directory, name }: AccountRef): string => `${directory}~${name}`;

export const sameAccount = (a: IssuerSettings, b: IssuerSettings): boolean =>
  accountKey(accountOf(a)) === accountKey(accountOf(b));
