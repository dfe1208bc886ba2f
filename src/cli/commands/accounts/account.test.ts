import { describe, it } from 'vitest';
import { behaves, type Row } from '../../../../test/support/command-line.ts';
import type { AccountStatus } from '../../../fleet.ts';

const account = (name: string, more: Partial<AccountStatus> = {}): AccountStatus => ({
  ...{ id: `https://acme-v02.api.letsencrypt.org/directory~${name}`, name },
  directory: 'https://acme-v02.api.letsencrypt.org/directory',
  issuers: ['letsencrypt'],
  state: 'open',
  url: 'https://acme-v02.api.letsencrypt.org/acme/acct/1',
  contacts: ['ops@example.com'],
  keyType: 'p256',
  thumbprint: 'print-1',
  certificates: ['www.example.com'],
  replaced: [],
  ...more,
});
const one = { accounts: [account('default')] };
const two = { accounts: [account('default'), account('tenant-2', { certificates: [] })] };

describe('certfleet account', () => {
  it.each<Row>([
    { what: 'list: none', argv: 'account list', says: ['There are no accounts yet'] },
    {
      what: 'list',
      argv: 'account list',
      fleet: {
        accounts: [account('default', { rolloverAt: '2026-11-24T10:00:00Z' }), account('k1', { state: 'deactivated' })],
      },
      says: [/letsencrypt +default +open, key change not finished +ops@example.com +1/, /k1 +deactivated/],
    },
    {
      what: 'list: one that nothing uses is called as its CA',
      argv: 'account list',
      fleet: { accounts: [account('k1', { issuers: [], directory: 'https://127.0.0.1:14000/dir' })] },
      says: [/^127\.0\.0\.1:14000\/dir +k1/m],
      never: ['https://'],
    },
    {
      what: 'show: one that nothing uses, by that name',
      argv: 'account show 127.0.0.1:14000/dir',
      fleet: { accounts: [...two.accounts, account('k1', { issuers: [], directory: 'https://127.0.0.1:14000/dir' })] },
      says: ['127.0.0.1:14000/dir (k1)'],
    },
    {
      what: 'list --json',
      argv: 'account list --json',
      fleet: one,
      says: ['"object":"account"', '"thumbprint":"print-1"'],
    },
    {
      what: 'show: the only one',
      argv: 'account show',
      fleet: { ...one, dependents: ['www: the TXT record _validation-persist.www'] },
      says: ['acme/acct/1', 'print-1', 'www.example.com', '_validation-persist.www'],
    },
    {
      what: 'open',
      argv: 'account open https://ca.test/dir --agree-tos --email ops@example.com --account a',
      says: ['ca.test/dir: the account https://ca.test/account/1 is open.'],
    },
    {
      what: 'open: an odd CA',
      argv: 'account open letsencript',
      code: 2,
      calls: [],
      warns: ['did you mean "letsencrypt"'],
    },
    {
      what: 'open: a CA with customers only',
      argv: 'account open zerossl --agree-tos',
      ...{ code: 2, calls: [], warns: ['external account binding'] },
    },
    {
      what: 'remove',
      argv: 'account remove letsencrypt --account tenant-2 --force',
      fleet: two,
      calls: [{ id: two.accounts[1]!.id, what: 'remove', force: true }],
      says: ['letsencrypt (tenant-2): removed from the store, with its key.'],
    },
    {
      what: 'show: one of two must be named',
      argv: 'account show letsencrypt',
      fleet: two,
      code: 2,
      warns: ['there are several accounts at letsencrypt', 'letsencrypt (tenant-2)'],
    },
    {
      what: 'show: lists no account of another CA',
      argv: 'account show letsencrypt',
      fleet: {
        accounts: [...two.accounts, account('k1', { issuers: ['zerossl'], directory: 'https://zerossl.test' })],
      },
      code: 2,
      warns: ['letsencrypt; letsencrypt (tenant-2)'],
      never: ['zerossl'],
    },
    { what: 'show: one of two', argv: 'account show --account tenant-2', fleet: two, says: ['tenant-2'] },
    {
      what: 'show: by the directory of a known CA',
      argv: 'account show https://acme-v02.api.letsencrypt.org/directory',
      fleet: { accounts: [account('default', { issuers: ['le'] })] },
      says: ['le'],
    },
    {
      what: 'show: another CA',
      argv: 'account show zerossl',
      fleet: one,
      code: 2,
      warns: ['there is no account zerossl in this store', 'There are: letsencrypt'],
    },
    {
      what: 'update',
      argv: 'account update --email a@example.com,b@example.com',
      fleet: { ...one, changed: { contacts: ['mailto:a@example.com', 'mailto:b@example.com'] } },
      calls: [{ id: one.accounts[0]!.id, what: 'update', emails: ['a@example.com', 'b@example.com'] }],
      says: ['the addresses are now a@example.com, b@example.com'],
      never: ['keeps no addresses'],
    },
    {
      what: 'open: a name that the configuration refuses, too',
      argv: ['account', 'open', 'letsencrypt', '--agree-tos', '--account', 'ten ant/../x'],
      code: 2,
      calls: [],
      warns: ['--account ten ant/../x: a name has 1 to 200 characters, without spaces'],
    },
    {
      what: 'update: a CA that keeps none',
      argv: 'account update --email a@example.com',
      fleet: one,
      says: ['keeps no addresses'],
    },
    {
      what: 'update: none',
      argv: 'account update --email none',
      fleet: one,
      calls: [{ id: one.accounts[0]!.id, what: 'update', emails: [] }],
      says: ['it has no address now.'],
    },
    { what: 'update: no address', argv: 'account update', fleet: one, code: 2, calls: [], warns: ['--email none'] },
    ...['x', 'mailto:x@example.com', 'a@b@example.com'].map((email) => ({
      what: `update: a wrong one, ${email}`,
      argv: `account update --email ${email}`,
      fleet: one,
      ...{ code: 2, calls: [], warns: [`--email ${email}: this is not an e-mail address`] },
    })),
    {
      what: 'rollover',
      argv: 'account rollover letsencrypt --account-key ES384',
      fleet: { ...one, dependents: ['www: the snippet of nginx'] },
      calls: [{ id: one.accounts[0]!.id, what: 'rollover', keyType: 'ES384' }],
      warns: ['It depends on this account', 'the snippet of nginx'],
      says: ['the account has a new key. Its URL stays https://ca.test/account/1', 'Thumbprint: print'],
    },
    {
      what: 'rollover: an interrupted one was done',
      argv: 'account rollover',
      fleet: { ...one, changed: { wasDone: true } },
      says: ['an earlier key change, which was interrupted, had its effect'],
    },
    {
      what: 'rollover: an unknown type',
      argv: 'account rollover --account-key ES265',
      fleet: one,
      code: 2,
      calls: [],
      warns: ['did you mean "ES256"?'],
    },
    {
      what: 'deactivate: says first what it means, and needs a yes',
      argv: 'account deactivate',
      fleet: one,
      code: 2,
      calls: [],
      warns: ['for ever', 'These certificates use it: www.example.com', 'confirm this with --yes'],
    },
    {
      what: 'deactivate: one that the CA has not opened',
      argv: 'account deactivate --yes',
      fleet: { accounts: [account('default', { state: 'not open yet' })] },
      code: 2,
      calls: [],
      warns: ['the CA has not opened the account default yet'],
      never: ['for ever'],
    },
    {
      what: 'deactivate: no',
      argv: 'account deactivate',
      typed: 'n',
      fleet: one,
      code: 2,
      calls: [],
      warns: ['was not confirmed'],
    },
    {
      what: 'deactivate',
      argv: 'account deactivate --yes',
      fleet: one,
      calls: [{ id: one.accounts[0]!.id, what: 'deactivate' }],
      says: ['deactivated', 'certfleet issue www.example.com --new-account'],
    },
  ])('$what', behaves);
});
