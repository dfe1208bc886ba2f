import type { RevocationReason } from '../../../core/lineage/revocation.ts';
import type { Command, Flag } from '../commands.ts';

/** Most commands in this file take one certificate, as an argument or with certbot's flag. */
const oneName = { text: '[name]', description: 'name of the certificate, as `certfleet status` shows it' };
const nameFlag: Flag = { flags: '--name <name>', description: 'same as the argument', aliases: ['--cert-name'] };

/** Commands for a certificate that was issued. */
export const commandsOfLife: readonly Command[] = [
  {
    name: 'delete',
    summary: 'remove a certificate, its keys and its settings from the store',
    description:
      'First removes what earlier runs left behind (TXT records, token files, forward rules), then deletes the certificate. Asks at a ' +
      'terminal, and refuses if a target still has the certificate, or another process is working on it. Deployed files stay, ' +
      'and nothing is revoked.',
    arguments: oneName,
    flags: [
      nameFlag,
      {
        flags: '--force',
        description:
          'delete without a question, even if a target still has it, or if something left behind cannot be removed',
      },
    ],
    examples: [
      {
        line: 'certfleet issue www.example.com --deploy none --endpoint none',
        why: 'first, remove its targets',
      },
      { line: 'certfleet delete www.example.com', why: 'then delete it' },
    ],
    load: async () => (await import('./delete.ts')).deleteCertificate,
  },
  {
    name: 'revoke',
    summary: 'revoke a certificate at its CA',
    description:
      'Nothing takes this back, so it asks at a terminal, and needs --yes elsewhere. After keyCompromise it gets another ' +
      'certificate with a new key at once, and never goes back to the old one. After superseded, `certfleet renew` gets ' +
      'another one. After any other reason the certificate is not renewed any more; `certfleet issue NAME` gets another one. ' +
      'A certificate that had been revoked before is no error.',
    arguments: oneName,
    flags: [
      nameFlag,
      {
        flags: '--reason <reason>',
        values: [
          'unspecified',
          'keyCompromise',
          'affiliationChanged',
          'superseded',
          'cessationOfOperation',
        ] satisfies readonly RevocationReason[],
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
  {
    name: 'edit',
    summary: 'change the stored settings of a certificate in an editor',
    description:
      'Opens the settings as in certfleet.yaml in $VISUAL or $EDITOR, checks them like a configuration, shows what changed, and ' +
      'stores it as `certfleet issue NAME` with flags does: a new certificate is ordered only if the change needs one. For a ' +
      'certificate that the configuration declares, it names the file and line to change.',
    arguments: oneName,
    flags: [nameFlag],
    examples: [{ line: 'certfleet edit www.example.com', why: 'change several settings at once' }],
    load: async () => (await import('./edit.ts')).edit,
  },
  {
    name: 'rollback',
    summary: 'go back to the previous version of a certificate, and deliver it',
    description:
      'For instance, if clients do not accept the new one. Refuses if the previous version is expired, revoked or ' +
      'compromised, or differs from the current settings. `certfleet renew` then leaves it alone until the newer one ' +
      'would have been renewed, or two thirds of its time are over. Rolling back once more returns to the newer one.',
    arguments: oneName,
    flags: [nameFlag],
    examples: [{ line: 'certfleet rollback www.example.com', why: 'use the version before the last renewal again' }],
    load: async () => (await import('./rollback.ts')).rollback,
  },
  {
    name: 'pause',
    summary: 'leave certificates alone until they are resumed',
    description:
      'For instance, while their targets are moved. Neither `certfleet run` nor `certfleet renew` orders, renews or delivers ' +
      'them until then. What you ask for by name is still done: `certfleet issue NAME`, `certfleet renew NAME --force` or ' +
      '`--redeploy`, `rollback`, `revoke` and `delete`. What an earlier run left is still removed, and the alarm about a ' +
      'certificate that expires stays. If a process is working on one, waits until that has finished.',
    arguments: { text: '[name...]', description: 'names of certificates, as `certfleet status` shows them' },
    flags: [
      { ...nameFlag, list: true },
      { flags: '--reason <text>', description: 'why, as `certfleet status` and the alarm show it' },
    ],
    examples: [
      {
        line: 'certfleet pause www.example.com --reason "the proxy is replaced"',
        why: 'nothing is renewed or delivered meanwhile',
      },
    ],
    load: async () => (await import('./pause.ts')).pause,
  },
  {
    name: 'resume',
    summary: 'end the pause of certificates',
    description: 'They are renewed and delivered again as before: those that are due, at once or by the next `renew`.',
    arguments: { text: '[name...]', description: 'names of certificates, as `certfleet status` shows them' },
    flags: [{ ...nameFlag, list: true }],
    examples: [{ line: 'certfleet resume www.example.com', why: 'renew and deliver it again' }],
    load: async () => (await import('./pause.ts')).resume,
  },
  {
    name: 'export',
    summary: 'write a certificate with its private key to a file, as PEM or PKCS#12',
    description:
      'The files have mode 0600. The store remembers when and where to a key was exported; `certfleet show` lists it. For ' +
      'PKCS#12, it asks for a password at a terminal. To deliver every renewal, use a deployer.',
    arguments: oneName,
    flags: [
      nameFlag,
      {
        flags: '--out <path>',
        description:
          'FILE.p12 or FILE.pfx: PKCS#12; FILE.pem: key and chain in one file; anything else: a folder with cert.pem, chain.pem, fullchain.pem and privkey.pem',
      },
      { flags: '--format <format>', description: 'pem or pkcs12 (default: by the name of the file)' },
      { flags: '--password <source>', description: 'password for PKCS#12: file:/path or env:NAME' },
      {
        flags: '--legacy',
        description: 'PKCS#12 with 3DES and SHA-1, for Windows before Server 2019, macOS before 15 and old Java',
      },
      { flags: '--force', description: 'write over files that are there' },
    ],
    examples: [
      { line: 'certfleet export www.example.com --out /root/www.p12', why: 'for Java or Windows; asks for a password' },
      { line: 'certfleet export www.example.com --out /root/www.pem', why: 'key and chain in one file' },
    ],
    load: async () => (await import('./export.ts')).exportCertificate,
  },
];
