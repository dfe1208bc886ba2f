import type { Command } from './commands.ts';

/** What can be done with a certificate after it was issued. */
export const commandsOfLife: readonly Command[] = [
  {
    name: 'revoke',
    summary: 'revoke a certificate at its CA',
    description:
      'Nothing takes this back, so it asks at a terminal, and needs --yes elsewhere. After keyCompromise it gets another ' +
      'certificate with a new key at once, and never goes back to the old one. After superseded, `certfleet renew` gets ' +
      'another one. After any other reason the certificate is not renewed any more; `certfleet issue NAME` gets another one. ' +
      'A certificate that had been revoked before is no error.',
    arguments: { text: '[name]', description: 'name of the certificate, as `certfleet status` shows it' },
    flags: [
      { flags: '--name <name>', description: 'same as the argument', aliases: ['--cert-name'] },
      {
        flags: '--reason <reason>',
        description:
          'unspecified (default), keyCompromise, affiliationChanged, superseded or cessationOfOperation; Let’s Encrypt does not take affiliationChanged',
      },
      {
        flags: '--with <key>',
        description:
          'who signs the request: account-key (default), or certificate-key, which proves that you have the key',
      },
      {
        flags: '--cert-path <file>',
        description: 'a certificate in PEM, in place of a name; it need not be in the store',
      },
      { flags: '--key-path <file>', description: 'with --cert-path: its private key, which then signs the request' },
      { flags: '--issuer <ca>', description: 'with --cert-path: its CA, if the store does not have the certificate' },
      { flags: '--ca-file <file>', description: 'PEM file with root certificates to trust for that CA’s HTTPS server' },
      { flags: '--yes', description: 'do not ask', aliases: ['--non-interactive'] },
    ],
    examples: [
      {
        line: 'certfleet revoke www.example.com --reason keyCompromise',
        why: 'its private key may be known to others',
      },
      {
        line: 'certfleet revoke --cert-path cert.pem --key-path privkey.pem --reason keyCompromise --yes',
        why: 'a certificate of another client, without its account',
      },
    ],
    load: async () => (await import('./revoke.ts')).revoke,
  },
];
