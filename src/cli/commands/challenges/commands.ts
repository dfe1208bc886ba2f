import type { Command } from '../commands.ts';

/** Commands for setting up challenge responses, and for restricting which challenges CAs may use. */
export const commandsOfChallenges: readonly Command[] = [
  {
    name: 'caa',
    summary: 'print the CAA records that pin the names of a certificate to its account and challenges',
    description:
      'Prints lines of a zone file: with them, no other CA, account or challenge can get a certificate for these names ' +
      '(RFC 8659, RFC 8657), nor for names below them that have no CAA records of their own. As comments, it shows the ' +
      'records that stand in the DNS, and whether they allow the certificate. Changes nothing. Exits with 3 if they ' +
      'refuse it.',
    arguments: { text: '<name...>', description: 'certificates that are declared or stored' },
    flags: [],
    examples: [{ line: 'certfleet caa www.example.com', why: 'before you add the records to your zone' }],
    load: async () => (await import('./caa.ts')).caa,
  },
  {
    name: 'stateless',
    summary: 'print configuration with which nginx or HAProxy answers HTTP-01 challenges itself',
    description:
      'For the certificates with a solver of type http01-stateless, or for the names given with -d, which ' +
      '`certfleet issue -d NAME --http stateless` can order then. The configuration holds the thumbprint of the ' +
      'account’s key, which is made if there is none yet, and is for these names only. No CA is asked.',
    arguments: { text: '[name...]', description: 'only these certificates (default: all that use the solver)' },
    flags: [
      {
        flags: '-d, --identifier <names>',
        description: 'DNS name or IP address; repeat the flag or use commas',
        list: true,
      },
      { flags: '--proxy <name>', values: ['nginx', 'haproxy'], description: 'nginx or haproxy (default: both)' },
      { flags: '--issuer <ca>', description: 'with -d: the CA, as for `issue`' },
      { flags: '--account <name>', description: 'with -d: the account at the CA, as for `issue`' },
      { flags: '--staging', description: 'for test orders, which have an account of their own' },
    ],
    examples: [
      {
        line: 'certfleet stateless -d www.example.com --proxy nginx > /etc/nginx/certfleet-stateless.conf',
        why: 'for an include in the server blocks of port 80',
      },
    ],
    load: async () => (await import('./stateless.ts')).stateless,
  },
];
