import { describe, expect, it } from 'vitest';
import { behaves, commandLine, type Row } from '../../../../test/support/command-line.ts';
import type { Adopted, Adoption } from '../../../core/lineage/found.ts';
import { present } from '../../../core/text/present.ts';
import { valid } from '../look/test-statuses.ts';

const files = { '/etc/letsencrypt/renewal/a.test.conf': 'half' };
const from = '/etc/letsencrypt/renewal/a.test.conf';
const notAfter = '2027-02-22T00:00:00.000Z';
const one = (result: Adopted['result'], more: Partial<Adopted> = {}): Adopted => ({
  ...{ certificate: 'a.test', from, result, notAfter, renewAt: '2027-01-23T00:00:00.000Z', remarks: [] },
  ...more,
});
const adopted = (...certificates: Adoption['certificates']) => ({ fleet: { adopted: { accounts: [], certificates } } });
const argv = 'import certbot --in-place';
const deleted = { certificate: 'a.test', result: 'deleted' } as const;
const kept = { certificate: 'b.test', result: 'kept', reason: 'certfleet has renewed it' } as const;
const failed = { certificate: 'b.test', result: 'failed', reason: 'it is being worked on', hint: 'Wait.' } as const;
const debians = '0 */12 * * * root certbot -q renew';

it('says how many certificates a stopped import took over', async () => {
  const line = commandLine({
    files,
    fleet: {
      adopted: {
        accounts: [],
        certificates: [one('imported'), one('unchanged', { reason: 'it is here' })],
        remaining: 3,
      },
      open: () => line.kill('SIGINT'),
    },
  });
  const done = await line.run(...argv.split(' '));
  expect(done.code).toBe(130);
  expect(done.stdout).toContain('a.test: taken over');
  expect(done.stderr).toContain('Stopped: 1 of 5 certificates imported; run the same command again for the rest.');
  expect(done.stderr).not.toContain('install-timer');
});

describe('import', () => {
  it.each<Row>([
    {
      what: 'says what was taken over, and what starts the renewals',
      ...{ argv, files },
      ...adopted(one('imported', { remarks: [{ kind: 'missing', text: 'the folder /srv: it does not exist' }] })),
      stdout: `a.test: taken over from ${from}; valid until 2027-02-22, to be renewed on 2027-01-23
  missing: the folder /srv: it does not exist

certbot in /etc/letsencrypt: 1 of 1 certificate taken over. Nothing was ordered.
`,
      warns: [
        'Next: `certfleet status` shows them. Nothing on this machine renews them yet, so they would expire: `certfleet install-timer --daemon` keeps `certfleet run` running, or `certfleet install-timer` has `certfleet renew` run once an hour.',
      ],
    },
    {
      what: 'names the store in what it advises',
      ...{ argv: `${argv} --store /srv/x`, files },
      ...adopted(
        one('imported', { remarks: [{ kind: 'missing', text: 'it: certfleet issue a.test --http webroot:FOLDER' }] }),
      ),
      says: ['missing: it: certfleet issue a.test --store /srv/x --http webroot:FOLDER'],
      warns: ['`certfleet status --store /srv/x`'],
    },
    {
      what: 'names what renews already, on either side',
      argv,
      files: {
        ...files,
        '/etc/cron.d/certfleet': '7 * * * * root certfleet renew --quiet',
        '/etc/cron.d/certbot': debians,
      },
      ...adopted(one('updated')),
      says: ['a.test: newer version taken over'],
      warns: [
        'Next: `certfleet status` shows them. /etc/cron.d/certfleet runs `certfleet renew` already.',
        'certbot still renews: /etc/cron.d/certbot starts it. To stop it: remove the line that runs certbot from it',
      ],
      never: ['install-timer'],
    },
    ...(['rsa2048', 'p256'] as const).map((keyType): Row => {
      const offer =
        'The imported account has an RSA key, which makes each renewal slower. To give it an ES256 key: ' +
        '`certfleet account rollover https://ca.test/dir --account 0123 --store /srv/x`. After that, certbot can no longer use it.';
      const account = { directory: 'https://ca.test/dir', name: '0123', from, result: 'imported', keyType } as const;
      return {
        what: `${keyType === 'p256' ? 'does not offer' : 'offers'} another account key in place of ${keyType}`,
        ...{ argv: `${argv} --store /srv/x`, files },
        fleet: { adopted: { accounts: [account], certificates: [one('imported')] } },
        [keyType === 'p256' ? 'never' : 'warns']: [offer],
      };
    }),
    {
      what: 'is no failure if the other client does not renew a certificate',
      ...{ argv, files },
      ...adopted(one('left', { reason: 'autorenew is False' }), one('merged', { reason: 'the same' })),
      says: [
        'a.test: left alone: autorenew is False\n',
        '0 of 2 certificates taken over, 1 merged with others, 1 left to certbot. Nothing was ordered.',
      ],
      never: ['Next:'],
    },
    {
      what: 'fails if a certificate cannot be taken over',
      ...{ argv, files, code: 2 },
      ...adopted(one('failed', { reason: 'it is gone' }), one('unchanged', { reason: 'it is here' })),
      says: ['0 of 2 certificates taken over, 1 already here, 1 could not be. Nothing was ordered.'],
      warns: ['a.test: not taken over: it is gone'],
    },
    {
      what: 'prints what stands in the files of another client on one line',
      ...{ argv, files },
      ...adopted(
        one('imported', {
          certificate: 'x',
          renamedFrom: 'x\n\u001b[31mroot: taken over',
          remarks: [{ kind: 'kept', text: 'post hook: `a\nb\u202e`' }],
        }),
      ),
      says: ['x [31mroot: taken over → x: taken over', '\n  post hook: `a b\ufffd`\n'],
    },
    ...['/etc/letsencrypt', '/etc/letsencrypt/'].map((folder) => ({
      what: `refuses to deliver into ${folder} with another layout`,
      ...{ argv: `import certbot --deploy files:${folder}`, files, code: 2, calls: [] },
      warns: ['/etc/letsencrypt is the folder of certbot itself', 'To keep writing to that folder, use --in-place'],
    })),
    {
      what: 'refuses --undo with --in-place',
      argv: 'import certbot --undo --in-place',
      ...{
        code: 2,
        calls: [],
        warns: ['--undo and --in-place cannot be used together: the first undoes what the second began'],
      },
    },
    {
      what: 'says what an undo would do',
      argv: 'import certbot --undo --dry-run',
      fleet: { undone: { certificates: [deleted, kept], restored: [{ what: '/live/a.test' }] } },
      calls: [{ undo: true }],
      stdout: `a.test: would be deleted from the store
b.test: would be kept in the store, because certfleet has renewed it; it would no longer be renewed. \`certfleet delete b.test\` deletes it
/live/a.test: would be as before
`,
      warns: ['Next: the same without --dry-run.'],
    },
    {
      what: 'warns of what expired and of what could not be removed, also with --quiet',
      argv: 'import certbot --undo --quiet',
      fleet: {
        undone: {
          certificates: [{ ...deleted, left: ['the TXT value for a.test could not be removed: no'] }],
          restored: [{ what: '/live/a.test', expired: '2026-10-01T00:00:00.000Z' }],
        },
      },
      stdout: '',
      warns: [
        'a.test: the TXT value for a.test could not be removed: no',
        '/live/a.test: the certificate of before expired on 2026-10-01, and servers that read it get it when they are reloaded. Run `certbot renew` at once.',
      ],
    },
    ...[false, true].map(
      (isKnown): Row => ({
        what: `${isKnown ? 'puts the rest back' : 'warns of another store'} where no certificate of the store has the folder`,
        argv: 'import certbot --undo --quiet --store /other',
        fleet: {
          undone: { certificates: [], restored: [{ what: '/live/a.test' }] },
          status: [
            {
              ...valid,
              ...present({
                givenBack: isKnown ? { at: '2026-11-23T10:00:00.000Z', path: '/etc/letsencrypt' } : undefined,
              }),
            },
          ],
        },
        [isKnown ? 'never' : 'warns']: [
          'Warning: the store /other delivers nothing into /etc/letsencrypt. If another store does, its next renewal',
        ],
      }),
    ),
    {
      what: 'undoes nothing while another process works on a certificate',
      argv: 'import certbot --undo',
      fleet: { undone: { certificates: [failed] } },
      ...{ code: 2, stdout: '' },
      warns: ['b.test: it is being worked on', 'Wait.', 'Nothing was changed: /etc/letsencrypt and the store'],
    },
    {
      what: 'undoes the others if one fails meanwhile',
      argv: 'import certbot --undo',
      fleet: { undone: { certificates: [deleted, failed], restored: [{ what: '/live/a.test' }] } },
      code: 2,
      says: ['a.test: deleted from the store', '/live/a.test: as before'],
      warns: ['The files of b.test were left as they are; the same command again does the rest.'],
      never: ['is as it was'],
    },
  ])('$what', behaves);

  it('prints the same as JSON', async () => {
    const done = await commandLine({ files, ...adopted(one('left', { reason: 'x\ny' })) }).run(
      ...argv.split(' '),
      '--json',
    );
    expect([done.code, JSON.parse(done.stdout.split('\n')[0]!)]).toMatchObject([0, { result: 'left', reason: 'x y' }]);
  });
});
