import { describe, it } from 'vitest';
import { behaves, type Row } from '../../../../test/support/command-line.ts';
import type { Directory } from '../../../fleet.ts';

const directory: Directory = {
  termsOfService: 'https://letsencrypt.org/documents/LE-SA.pdf',
  externalAccountRequired: false,
  caaIdentities: ['letsencrypt.org'],
  hasRenewalInfo: true,
  hasKeyChange: true,
  profiles: { classic: 'the default', shortlived: 'six days, for IP addresses too' },
  clockSkewMs: 0,
};
const bare: Directory = {
  ...directory,
  ...{ termsOfService: undefined, externalAccountRequired: true, caaIdentities: [], profiles: {} },
  ...{ hasRenewalInfo: false, hasKeyChange: false },
  issuerDomainNames: ['ca.test'],
  accountHashPrefix: 'https://ca.test/a/',
};
const files = { '/c.yaml': 'issuers: { mine: { directory: "https://ca.test/dir" }, le: { directory: letsencrypt } }' };

describe('certfleet issuers', () => {
  it.each<Row>([
    {
      what: 'lists CAs, without asking them',
      argv: 'issuers',
      says: [
        /letsencrypt +Let's Encrypt +open +yes/,
        /zerossl +ZeroSSL +EAB +no/,
        ...['google', 'google-staging', 'sslcom', 'actalis', 'litessl', 'letsencrypt-staging'],
      ],
    },
    {
      what: 'lists declared ones first',
      argv: 'issuers --config /c.yaml',
      files,
      says: [/mine +https:\/\/ca.test\/dir/, /le +Let's Encrypt/],
    },
    {
      what: 'shows the facts and the live directory of a known CA',
      argv: 'issuers letsencrypt',
      fleet: { directory },
      says: [
        ...['50 new certificates a week', 'LE-SA.pdf', '0 issue "letsencrypt.org"', 'it suggests them (ARI'],
        /shortlived +six days, for IP addresses too/,
      ],
    },
    {
      what: 'shows what any other CA says',
      argv: 'issuers https://ca.test/dir',
      fleet: { directory: bare },
      says: ['only for its customers (EAB)', 'it suggests none', 'leave out --profile', 'ca.test, with a hash'],
    },
    {
      what: 'shows the rate limits that are set',
      argv: 'issuers mine --config /c.yaml',
      files: {
        '/c.yaml':
          'issuers: { mine: { directory: "https://ca.test/dir", agreeToTerms: true, limits: { newOrdersPerAccount: 36/3h } } }',
      },
      fleet: { directory },
      says: ['\n    new orders per account: 36 in 3 hours\n'],
      never: ['none known'],
    },
    {
      what: 'shows a declared one, as JSON',
      argv: 'issuers mine --json --config /c.yaml',
      files,
      fleet: { directory },
      says: ['"name":"mine"', '"directory":"https://ca.test/dir"', '"profiles":{"classic"'],
    },
    {
      what: 'refuses an unknown name',
      argv: 'issuers letsencript',
      code: 2,
      warns: [
        'letsencript: expected an https:// URL, a known CA or the name of a declared issuer',
        'did you mean "letsencrypt"?',
      ],
    },
  ])('$what', behaves);
});
