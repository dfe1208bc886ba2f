import type { IssuerSettings } from './spec.ts';

/** One account at a CA. Several may be used at one directory: for two tenants, or after an import. */
export interface AccountRef {
  readonly directory: string;
  readonly name: string;
}

/** The name of the account that an issuer has if nothing else is said. */
export const defaultAccount = 'default';

/** The account that an issuer uses. Accounts bound to different customers of a CA (EAB) must not be mixed up. */
export const accountOf = ({ directory, account, eab }: IssuerSettings): AccountRef => ({
  directory,
  name: account ?? eab?.kid ?? defaultAccount,
});

/** What an account may be called, also by the key id of its CA. */
export const accountNameForm = /^[\x21-\x7e]{1,200}$/;
export const accountNameRule = 'a name has 1 to 200 characters, without spaces';

/** The name of the account's document, and its key in memory. */
export const accountKey = ({ directory, name }: AccountRef): string => `${directory}~${name}`;

export const sameAccount = (a: IssuerSettings, b: IssuerSettings): boolean =>
  accountKey(accountOf(a)) === accountKey(accountOf(b));
