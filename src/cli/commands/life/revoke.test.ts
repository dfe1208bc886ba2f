import { expect, it } from 'vitest';
import { behaves, commandLine, type Row } from '../../../../test/support/command-line.ts';
import type { RevokeAnswer } from '../../../fleet.ts';
import { valid } from '../look/test-statuses.ts';

const one = { serial: '0abc', notAfter: '2027-02-22T10:00:00.000Z', reason: 'unspecified', when: 'now' } as const;
const answer: RevokeAnswer = {
  certificate: 'abc',
  revoked: [one],
  isCurrent: true,
  isReplaced: false,
  outcomes: [],
};
const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

it.each<Row>([
  {
    what: 'revokes with --yes, and says what comes next',
    argv: 'revoke abc --yes',
    fleet: { revoke: answer },
    calls: ['status', { what: 'abc', reason: 'unspecified', by: 'account-key' }],
    stdout: [
      'abc: revoked (serial 0abc, unspecified)',
      '  Next: it is not renewed any more. `certfleet issue abc` gets another certificate, `certfleet delete abc` removes it from the store.',
      '',
    ].join('\n'),
  },
  {
    what: 'takes certbot’s spelling of name and reason, and says that renew replaces it',
    argv: 'revoke --cert-name abc --reason keycompromise --with certificate-key --non-interactive',
    fleet: { revoke: { ...answer, isReplaced: true } },
    calls: ['status', { what: 'abc', reason: 'keyCompromise', by: 'certificate-key' }],
    says: ['Next: the next `certfleet renew` gets another certificate.'],
  },
  {
    what: 'is content with what had been revoked before',
    argv: 'revoke abc --yes',
    fleet: { revoke: { ...answer, revoked: [{ ...one, when: 'before' }] } },
    says: ['abc: had been revoked before (serial 0abc)'],
  },
  {
    what: 'says which reason the CA keeps',
    argv: 'revoke abc --yes --reason cessationOfOperation',
    fleet: { revoke: { ...answer, revoked: [{ ...one, when: 'before' }] } },
    says: ['abc: had been revoked before (serial 0abc); the CA keeps the first reason, unspecified'],
  },
  {
    what: 'prints the new certificate after a compromised key',
    argv: 'revoke abc --yes --reason keyCompromise',
    fleet: {
      revoke: {
        ...answer,
        revoked: [{ ...one, reason: 'keyCompromise' }],
        isReplaced: true,
        outcomes: [{ certificate: 'abc', result: 'renewed', notAfter: one.notAfter, message: 'renewed' }],
      },
    },
    says: ['abc: revoked (serial 0abc, keyCompromise)', 'abc: renewed, valid until 2027-02-22'],
    never: ['Next: the next'],
  },
  { what: 'says nothing with --quiet', argv: 'revoke abc --yes --quiet', fleet: { revoke: answer }, stdout: '' },
  {
    what: 'needs --yes without a terminal',
    argv: 'revoke abc',
    fleet: { revoke: answer },
    code: 2,
    calls: ['status'],
    warns: ['the revocation of abc, which cannot be undone, must be confirmed', 'Add --yes'],
  },
  { what: 'needs one name', argv: 'revoke', code: 2, calls: [], warns: ['name one certificate to revoke'] },
  {
    what: 'needs a name or a file',
    argv: 'revoke a --cert-path /c.pem',
    code: 2,
    calls: [],
    warns: ['name one certificate to revoke'],
  },
  {
    what: 'knows its reasons',
    argv: 'revoke abc --reason superceded',
    code: 2,
    warns: ['--reason superceded: expected one of unspecified, ', 'did you mean "superseded"?'],
  },
  {
    what: 'knows its signers',
    argv: 'revoke abc --with key',
    code: 2,
    warns: ['expected account-key or certificate-key'],
  },
  {
    what: 'names a file that is not there',
    argv: 'revoke --cert-path /c.pem --yes',
    code: 2,
    calls: [],
    warns: ['--cert-path /c.pem: there is no such file'],
  },
  {
    what: 'names a file without a certificate',
    argv: 'revoke --cert-path /c.pem --yes',
    files: { '/c.pem': 'a key' },
    code: 2,
    calls: [],
    warns: ['--cert-path /c.pem: this is not a certificate in PEM'],
  },
  {
    what: 'names a file without a private key',
    argv: 'revoke --cert-path /c.pem --key-path /c.pem --yes',
    files: { '/c.pem': pem },
    code: 2,
    calls: [],
    warns: ['--key-path /c.pem: this is not a private key in PEM'],
  },
  {
    what: 'names a file with an encrypted private key',
    argv: 'revoke --cert-path /c.pem --key-path /k.pem --yes',
    files: { '/c.pem': pem, '/k.pem': '-----BEGIN ENCRYPTED PRIVATE KEY-----\n' },
    code: 2,
    calls: [],
    warns: ['--key-path /k.pem: this key is encrypted'],
  },
])('revoke $what', behaves);

it('takes certificate and key from files, and hides the key', async () => {
  const files = { '/c.pem': pem, '/k.pem': '-----BEGIN EC PRIVATE KEY-----\nthe-key' };
  const done = await commandLine({ files, fleet: { revoke: { ...answer, isCurrent: false } } }).run(
    ...'revoke --cert-path /c.pem --key-path /k.pem --issuer https://ca.test/dir --yes --verbose'.split(' '),
  );
  expect(done).toMatchObject({ code: 0 });
  expect(done.calls).toMatchObject([
    {
      reason: 'unspecified',
      what: { certificatePem: pem, issuer: { settings: { directory: 'https://ca.test/dir' } } },
    },
  ]);
  expect(JSON.stringify(done)).not.toContain('the-key');
  expect(done.stdout).toContain('Next: nothing to do; the certificate in use is another one.');
});

it.each(['y', 'n'])('asks at a terminal, which answers %s', async (typed) => {
  const asked = { typed, isTerminal: true, fleet: { revoke: answer, status: [valid] } };
  const done = await commandLine(asked).run('revoke', 'abc', '--reason', 'superseded');
  expect(done.stderr).toContain(
    'Revoke the certificate abc, valid until 2027-02-22, for ever (reason: superseded)? [y/N]',
  );
  expect([done.code, done.calls.length]).toEqual(typed === 'y' ? [0, 2] : [2, 1]);
});
