import { expect, it } from 'vitest';
import { behaves, commandLine, type Row } from '../../../../test/support/command-line.ts';
import { Secret } from '../../../core/errors/secret.ts';
import type { Exported } from '../../../fleet.ts';

const bundle = {
  ...{ lineage: 'abc', id: 'v1', certPem: 'CERT\n', chainPem: 'CHAIN\n', fullchainPem: 'CERT\nCHAIN\n' },
  keyPem: new Secret('KEY\n'),
  facts: {} as Exported['bundle']['facts'],
};
const pem: Exported = { bundle };
const p12: Exported = { bundle, pkcs12: new TextEncoder().encode('P12') };
const files = { '/pw': 'from-file\n', '/there/x.pem': 'old' };

it.each([
  ['/root/x.pem', pem, { '/root/x.pem': 'KEY\nCERT\nCHAIN\n' }],
  ['/root/x.p12', p12, { '/root/x.p12': 'P12' }],
  [
    '/root/x',
    pem,
    {
      ...{ '/root/x/cert.pem': 'CERT\n', '/root/x/chain.pem': 'CHAIN\n', '/root/x/fullchain.pem': 'CERT\nCHAIN\n' },
      '/root/x/privkey.pem': 'KEY\n',
    },
  ],
])('export writes %s, for its owner only', async (out, answer, expected) => {
  const done = await commandLine({ files, fleet: { export: answer } }).run(
    ...['export', 'abc', '--out', out],
    ...(answer.pkcs12 ? ['--password', 'file:/pw'] : []),
  );
  expect(done).toMatchObject({ code: 0, stdout: `abc: exported to ${out}, with its private key\n` });
  expect(Object.fromEntries(Object.entries(done.written).map(([path, { content }]) => [path, content]))).toEqual(
    expected,
  );
  expect(Object.values(done.written).every(({ mode }) => mode === 0o600)).toBe(true);
  expect(done.stdout + done.stderr).not.toMatch(/KEY|from-file/);
});

it.each([
  ['--password file:/pw', 'from-file', false],
  ['--password env:PW --legacy', 'from-env', true],
])('export %s', async (flags, password, isLegacy) => {
  const argv = `export abc --out /root/x.p12 ${flags}`.split(' ');
  const done = await commandLine({ files, env: { PW: 'from-env' }, fleet: { export: p12 } }).run(...argv);
  const [request] = done.calls as readonly {
    readonly pkcs12: { readonly password: Secret; readonly isLegacy: boolean };
  }[];
  expect([request?.pkcs12.password.reveal(), request?.pkcs12.isLegacy]).toEqual([password, isLegacy]);
});

it.each([
  [0o600, ''],
  [0o640, ''],
  [0o644, 'warning: the password file /pw can be read by every user: chmod 600 /pw\n'],
])('export warns of a password file with mode %o that every user can read: %s', async (mode, warning) => {
  const argv = 'export abc --out /root/x.p12 --password file:/pw'.split(' ');
  const done = await commandLine({ files, mode, fleet: { export: p12 } }).run(...argv);
  expect([done.code, done.stderr]).toEqual([0, warning]);
});

it('export asks for the password twice at a terminal', async () => {
  const done = await commandLine({ typed: 'typed', isTerminal: true, fleet: { export: p12 } }).run(
    ...'export abc --out /root/x.p12'.split(' '),
  );
  expect(done.stderr).toContain('Password for the PKCS#12 file: \nThe same once more: \n');
  expect(done.code).toBe(0);
});

it.each<Row>(
  [
    { what: 'nothing to write to', argv: 'export abc', warns: ['name one certificate to export, and the destination'] },
    {
      what: 'a password in the clear',
      argv: 'export abc --out /x.p12 --password s3cret',
      warns: ['every user of this machine'],
      never: ['s3cret'],
    },
    {
      what: 'no password',
      argv: 'export abc --out /x.p12',
      warns: ['entering the password of a PKCS#12 file requires a terminal', 'Add --password file:/path or env:NAME'],
    },
    { what: 'a variable that is not set', argv: 'export abc --out /x.p12 --password env:PW', warns: ['is not set'] },
    {
      what: 'a password that Java cannot read',
      argv: 'export abc --out /x.p12 --password env:PW',
      env: { PW: 'pässword' },
      warns: ['of ASCII'],
    },
    {
      what: 'a password for PEM',
      argv: 'export abc --out /x.pem --password env:PW',
      warns: ['--password needs --format pkcs12'],
    },
    {
      what: 'a file that is there',
      argv: 'export abc --out /there/x.pem',
      files,
      warns: ['or add --force to overwrite it'],
    },
    {
      what: 'a device, which a file would take the place of',
      argv: 'export abc --out /dev/full --format pkcs12 --force',
      files: { '/dev/full': '' },
      warns: ['--out /dev/full cannot be written: it is something else'],
    },
    {
      what: 'a folder that is not empty',
      argv: 'export abc --out /there',
      files,
      warns: ['or add --force to overwrite it'],
    },
    {
      what: 'a folder of others',
      argv: 'export abc --out /shared/x.pem',
      warns: ['other users could read the key there'],
    },
    { what: 'a folder that is not there', argv: 'export abc --out /none/x.pem', warns: ['there is no folder /none'] },
    {
      what: 'stdout',
      argv: 'export abc --out -',
      warns: [
        '--out -: expected the path of a file or a folder, because a private key is never written to standard output',
      ],
    },
    { what: 'an unknown format', argv: 'export abc --out /x --format der', warns: ['expected pem or pkcs12'] },
  ].map((row) => ({ ...row, code: 2, calls: [] })),
)('export refuses $what', behaves);

it('export writes over a file with --force', async () => {
  const done = await commandLine({ files, fleet: { export: pem } }).run(
    ...'export abc --out /there/x.pem --force'.split(' '),
  );
  expect(Object.keys(done.written)).toEqual(['/there/x.pem']);
});

it('rollback says until when it stays', async () => {
  const { valid } = await import('../look/test-statuses.ts');
  const rolledBack = { at: '2026-11-24T10:00:00Z', until: '2027-01-23T10:00:00Z' };
  const outcome = { certificate: 'abc', result: 'deployed', notAfter: valid.notAfter ?? '', message: '' } as const;
  const done = await commandLine({ fleet: { rollback: outcome, status: [{ ...valid, rolledBack }] } }).run(
    'rollback',
    'abc',
  );
  expect(done).toMatchObject({ code: 0, calls: [{ rollback: 'abc' }, 'status'] });
  expect(done.stdout).toBe(
    'abc: went back to the previous version; valid until 2027-02-22 (89 days)\n  Next: `certfleet renew` gets a new one around 2027-01-23; `certfleet issue abc --force` at once.\n',
  );
});

it('rollback says which targets do not have the version yet, and why', async () => {
  const { valid } = await import('../look/test-statuses.ts');
  const message = 'abc is still being rolled out at cdn: www.example.com (it is still rolling out another change)';
  const notAfter = valid.notAfter ?? '';
  const outcome = { certificate: 'abc', result: 'unchanged', notAfter, message, settling: [message] } as const;
  const done = await commandLine({ fleet: { rollback: outcome, status: [valid] } }).run('rollback', 'abc');
  expect(done.stdout).toContain(`went back to the previous version; valid until 2027-02-22 (89 days)\n  ${message}\n`);
});
