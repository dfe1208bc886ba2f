import { accountKeyTypes } from '../../../core/spec/account-key.ts';
import type { Command } from '../commands.ts';

const which = {
  text: '[issuer]',
  description:
    'the CA: a declared issuer, a name of `certfleet issuers` or a directory URL; not needed if there is one account',
};
const named = { flags: '--account <name>', description: 'name of the account, if there are several at this CA' };

/** Accounts at CAs. */
export const commandsOfAccounts: readonly Command[] = [
  {
    name: 'issuers',
    summary: 'list CAs; with a name, what that CA offers: profiles, terms, CAA names, limits',
    description: 'With a name, it reads the CA’s directory now. No account is needed, and none is opened.',
    arguments: { text: '[name]', description: 'a declared issuer, a CA of the list, or a directory URL' },
    flags: [
      { flags: '--ca-file <file>', description: 'PEM file with root certificates to trust for the CA’s HTTPS server' },
      { flags: '--only-this-ca', description: 'trust only the root certificates in --ca-file' },
    ],
    examples: [{ line: 'certfleet issuers letsencrypt', why: 'its profiles, as they are today' }],
    load: async () => (await import('./issuers.ts')).issuers,
  },
  {
    name: 'account list',
    summary: 'list the accounts in the store, and the certificates that use each',
    flags: [],
    load: async () => (await import('./account.ts')).listAccounts,
  },
  {
    name: 'account show',
    summary: 'show an account: its URL, key and contacts, and what depends on it',
    arguments: which,
    flags: [named],
    load: async () => (await import('./account.ts')).showAccount,
  },
  {
    name: 'account open',
    summary: 'open an account before the first certificate',
    description:
      'Not needed: `issue` opens it. For scripts that open the account first, or that alone have the key of the external ' +
      'account, which is needed once. An account that is open stays as it is.',
    arguments: {
      text: '[ca]',
      description: 'a declared issuer, a name of `certfleet issuers` or a directory URL (default: as for `issue`)',
    },
    flags: [
      { flags: '--email <address>', description: 'e-mail address for the CA', list: true },
      { flags: '--agree-tos', description: 'you have read the CA’s terms of service and agree to them' },
      { flags: '--account <name>', description: 'name of the account (default: --eab-kid, else `default`)' },
      { flags: '--eab-kid <id>', description: 'key id for external account binding' },
      { flags: '--eab-hmac-key <key>', description: 'its HMAC key: file:/path or env:NAME' },
      { flags: '--eab-hmac-alg <algorithm>', description: 'HS256 (default), HS384 or HS512' },
      { flags: '--ca-file <file>', description: 'PEM file with root certificates to trust for the CA’s HTTPS server' },
      { flags: '--only-this-ca', description: 'trust only the root certificates in --ca-file' },
    ],
    examples: [
      { line: 'certfleet account open letsencrypt --agree-tos --email ops@example.com', why: 'as `certbot register`' },
    ],
    load: async () => (await import('./account.ts')).openAccount,
  },
  {
    name: 'account update',
    summary: 'tell the CA other e-mail addresses',
    description:
      'The settings of certificates and the configuration stay as they are, and count again once they change: to change ' +
      'the addresses for good, change `email` there.',
    arguments: which,
    flags: [named, { flags: '--email <address>', description: 'the new addresses; `none` for none', list: true }],
    examples: [{ line: 'certfleet account update letsencrypt --email ops@example.com', why: 'one address' }],
    load: async () => (await import('./account.ts')).updateAccount,
  },
  {
    name: 'account rollover',
    summary: 'replace the key of an account',
    description:
      'The account keeps its URL, its certificates and its limits (RFC 8555 §7.3.5). The new key is stored before the CA ' +
      'gets it: if this is killed, the next run finds out which key the CA knows, and goes on. Until it ends, certificates ' +
      'whose proxies answer by themselves (http01-stateless) are not ordered. Refused while a certificate of the account ' +
      'is being ordered, or by a CA that cannot do it (ZeroSSL, SSL.com).',
    arguments: which,
    flags: [
      named,
      {
        flags: '--account-key <type>',
        values: accountKeyTypes,
        description: 'type of the new key: ES256 (default), ES384, RS256 or EdDSA',
      },
      { flags: '--abort', description: 'give up a rollover that is under way; the account keeps its key' },
    ],
    examples: [{ line: 'certfleet account rollover letsencrypt', why: 'after the key may have been seen' }],
    load: async () => (await import('./account.ts')).rolloverAccount,
  },
  {
    name: 'account deactivate',
    summary: 'close an account for ever',
    description:
      'Its certificates stay valid until they expire, but only their own keys can revoke them then. Renewals need a new ' +
      'account (`issue NAME --new-account`, or `newAccount: true` on the issuer). Asks on a terminal; elsewhere, --yes is ' +
      'required.',
    arguments: which,
    flags: [named, { flags: '--yes', description: 'do not ask' }],
    load: async () => (await import('./account.ts')).deactivateAccount,
  },
  {
    name: 'account remove',
    summary: 'remove an account that was never opened, or is closed, from the store',
    description:
      'For an account that was only attempted: the CA refused it, or the key of the external account was wrong. The CA is ' +
      'asked first whether it knows the key. Refused while a certificate uses the account.',
    arguments: which,
    flags: [named, { flags: '--force', description: 'do not ask the CA, for one that is gone' }],
    examples: [{ line: 'certfleet account remove zerossl --account kid-1', why: 'after a mistyped key id' }],
    load: async () => (await import('./account.ts')).removeAccount,
  },
];
