import { expect, it } from 'vitest';
import type { Lineage } from '../../core/lineage/lineage.ts';
import type { Directory } from '../../ports/issuer.ts';
import type { OrderRun } from '../run/run.ts';
import { persistTerms } from './persist-terms.ts';

const url = 'https://ca.test/account/1';
const identifiers = ['example.com', '*.example.com', 'www.example.com'].map((value) => ({ type: 'dns', value }));

const run = (directory: Partial<Directory>, lineage: Partial<Lineage> = {}) =>
  ({
    job: { wanted: { identifiers } },
    holding: { lineage },
    account: { accountUrl: url, thumbprint: 'print' },
    directory: { caaIdentities: ['ca.test', 'www.ca.test'], ...directory },
    issuer: { directoryUrl: 'https://ca.test/directory' },
  }) as unknown as OrderRun;

const terms = (persist: object | undefined, directory: Partial<Directory> = {}, name = 'example.com') =>
  persistTerms(run(directory), name, { type: 'dns-persist-01', persist } as never);

const hashPrefix = 'https://ca.test/hash/';

it('takes the hash from draft 02 on, which the directory tells', () => {
  const persist = { issuerDomainNames: ['ca.test'] };
  expect(terms(persist)?.account).toEqual({ url, thumbprint: 'print' });
  expect(terms(persist, { accountHashPrefix: hashPrefix })?.account).toEqual({ url, thumbprint: 'print', hashPrefix });
});

it('has the URL that the CA states for the account: Boulder’s may have another scheme and port', () => {
  const stated = 'http://ca.test:4001/account/1';
  expect(terms({ issuerDomainNames: ['ca.test'], accountUri: stated })?.account.stated).toBe(stated);
});

it.each([
  ['example.com', true],
  ['*.example.com', true],
  ['www.example.com', false],
])('the record of %s is for a wildcard: %s', (name, wildcard) => {
  expect(terms({ issuerDomainNames: ['ca.test'] }, {}, name)?.wildcard).toBe(wildcard);
});

it.each([
  ['nothing', undefined, {}],
  // With the name of another CA, it would let a stranger's account there get certificates.
  ['another account', { issuerDomainNames: ['other-ca.test'], accountUri: 'https://other-ca.test/account/666' }, {}],
  ['the account of somebody else there', { issuerDomainNames: ['ca.test'], accountUri: `${url}2` }, {}],
  ['more than an account', { issuerDomainNames: ['ca.test'], accountUri: `${url}?;policy=wildcard` }, {}],
  ['no URL', { issuerDomainNames: ['ca.test'], accountUri: 'account 1' }, {}],
  ['a name that the directory lacks', { issuerDomainNames: ['x.test'] }, { accountHashPrefix: hashPrefix }],
  [
    'not every name of the directory',
    { issuerDomainNames: ['ca.test'] },
    { accountHashPrefix: hashPrefix, issuerDomainNames: ['ca.test', 'www.ca.test'] },
  ],
])('refuses a challenge with %s', (_what, persist, directory) => {
  expect(terms(persist, directory)).toBeUndefined();
});
