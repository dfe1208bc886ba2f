import { expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../../../test/support/command-line.ts';

const gone = { certificate: 'abc', keptBy: [], left: [], isDeclared: false };
const notAfter = '2027-02-22T10:00:00.000Z';
const files = { '/c.yaml': 'deployers: { edge: { type: haproxy, socket: /s, certificates: /c } }' };

it.each<Row>([
  {
    what: 'says that it is done',
    argv: 'delete abc',
    fleet: { delete: gone },
    calls: [{ name: 'abc', force: false }],
    stdout: 'abc: deleted from the store, with its keys\n  Next: nothing to do; it will not be renewed.\n',
    stderr: '',
  },
  {
    what: 'says what stays where',
    argv: 'delete abc --force --config /c.yaml',
    files,
    fleet: {
      delete: {
        ...gone,
        notAfter,
        keptBy: ['files:/etc/certs', 'edge'],
        left: ['the dns-01 challenge of a.test could not be removed: refused'],
        isDeclared: true,
      },
    },
    calls: [{ name: 'abc', force: true }],
    stdout: [
      'abc: deleted from the store, with its keys',
      '  The files in /etc/certs/live/abc/ stay.',
      '  edge keeps what it has.',
      '  It was not revoked, so it stays valid until 2027-02-22 (90 days).',
      '  Left behind: the dns-01 challenge of a.test could not be removed: refused.',
      '  Nothing tries again to remove what is left behind: remove it by hand.',
      '  Next: remove it from the configuration, too; otherwise `certfleet renew --config /c.yaml` orders it again.',
      '',
    ].join('\n'),
  },
  {
    what: 'says what a cloud keeps, and how to remove it',
    argv: 'delete abc --force',
    fleet: {
      delete: { ...gone, keptBy: ['slb', 'edge'], kept: { slb: ['the certificate 1, which lb serves. Delete it.'] } },
    },
    calls: [{ name: 'abc', force: true }],
    stdout: [
      'abc: deleted from the store, with its keys',
      '  slb keeps the certificate 1, which lb serves. Delete it.',
      '  edge keeps what it has.',
      '  Next: nothing to do; it will not be renewed.',
      '',
    ].join('\n'),
  },
  {
    what: 'says for what it looks again',
    argv: 'delete abc --force',
    fleet: { delete: { ...gone, unsure: ['the dns-01 challenge of a.test', 'the dns-01 challenge of b.test'] } },
    calls: [{ name: 'abc', force: true }],
    stdout: [
      'abc: deleted from the store, with its keys',
      '  The DNS provider may not list these yet, so `certfleet renew` and `certfleet sweep` look for them again: the dns-01 challenge of a.test, the dns-01 challenge of b.test.',
      '  Next: nothing to do; it will not be renewed.',
      '',
    ].join('\n'),
  },
  {
    what: 'says apart what is left for good and what it looks for again',
    argv: 'delete abc --force',
    fleet: {
      delete: {
        ...gone,
        left: ['the dns-01 challenge of a.test (TXT _acme-challenge.a.test Abc) could not be removed: refused'],
        unsure: ['the dns-01 challenge of b.test'],
      },
    },
    says: [
      'Left behind: the dns-01 challenge of a.test (TXT _acme-challenge.a.test Abc) could not be removed: refused.\n  Nothing tries again to remove what is left behind: remove it by hand.\n  The DNS provider may not list these others yet, so `certfleet renew` and `certfleet sweep` look for them again: the dns-01 challenge of b.test.\n',
    ],
  },
  {
    what: 'says what stays of commands, and of exports',
    argv: 'delete abc --config /c.yaml',
    files: {
      '/c.yaml': 'deployers: { mail: { type: command, run: x }, upload: { type: command, run: x, path: /srv/u } }',
    },
    fleet: { delete: { ...gone, keptBy: ['deploy-hook', 'mail', 'upload'], exported: ['/root/a.p12', 'b.pem'] } },
    says: [
      'The deploy hook does not run any more; what it did stays.\n',
      'The command mail does not run any more; what it did stays.\n',
      'The files in /srv/u/live/abc/ stay.\n',
      'Exported files with its keys stay, if they are still there: /root/a.p12, b.pem.\n',
    ],
  },
  {
    what: 'says which TXT records stay',
    argv: 'delete abc',
    fleet: {
      delete: {
        ...gone,
        records: [
          { name: '_validation-persist.a.test', value: 'ca.test; accounturi=x', usedBy: [] },
          { name: '_validation-persist.b.test', value: 'ca.test; accounturi=x', usedBy: ['other', 'one'] },
        ],
      },
    },
    says: [
      'The TXT record at _validation-persist.a.test stays, and lets the account get certificates until you remove it: ca.test; accounturi=x\n',
      'The TXT record at _validation-persist.b.test stays: other, one use it, too.\n',
    ],
  },
  {
    what: 'says nothing of the end of what has expired',
    argv: 'delete abc',
    fleet: { delete: { ...gone, notAfter: '2026-01-01T00:00:00.000Z' } },
    never: ['revoked'],
  },
  { what: 'says nothing with --quiet', argv: 'delete abc --quiet', fleet: { delete: gone }, stdout: '', stderr: '' },
  {
    what: 'knows a name in any spelling, and a test certificate',
    argv: 'delete *.中国.test~staging',
    fleet: { delete: gone },
    calls: ['status', { name: 'wildcard.xn--fiqs8s.test~staging', force: false }],
  },
  {
    what: 'asks at a terminal',
    argv: 'delete abc',
    typed: 'y',
    fleet: { delete: gone },
    calls: [{ name: 'abc', force: false }],
    warns: ['Delete abc from the store, with its keys? [y/N] '],
  },
  {
    what: 'deletes nothing without a yes',
    argv: 'delete abc',
    typed: '',
    fleet: { delete: gone },
    code: 2,
    calls: [],
    warns: ['the deletion of abc'],
  },
  {
    what: 'asks nothing with --force',
    argv: 'delete abc --force',
    typed: 'n',
    fleet: { delete: gone },
    calls: [{ name: 'abc', force: true }],
    stderr: '',
  },
  { what: 'fails where there is none', argv: 'delete abc', code: 2, warns: ['there is no certificate named "abc"'] },
  { what: 'needs a name', argv: 'delete', code: 2, warns: ['name one certificate to delete'], calls: [] },
  { what: 'takes one at a time', argv: 'delete abc --name xyz', code: 2, warns: ['name one'], calls: [] },
  {
    what: 'takes certbot’s words',
    argv: 'delete --cert-name abc',
    fleet: { delete: gone },
    calls: [{ name: 'abc', force: false }],
  },
])('$what', behaves);

it('is one object with --json', async () => {
  const done = await commandLine({ fleet: { delete: { ...gone, notAfter, keptBy: ['edge'] } } }).run(
    ...['delete', 'abc', '--json'],
  );
  expect(jsonLines(done)).toMatchObject([
    { event: 'run.started', data: { command: 'delete' } },
    {
      event: 'run.finished',
      certificate: 'abc',
      data: { exitCode: 0, keptBy: ['edge'], left: [], notAfter, isDeclared: false },
    },
  ]);
});
