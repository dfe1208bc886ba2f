import { expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../../../test/support/command-line.ts';
import type { LineageStatus } from '../../../fleet.ts';

const paused = { at: '2026-11-24T08:00:00.000Z', by: 'ada', reason: 'the proxy moves' };
const one: LineageStatus = {
  ...{ name: 'abc', origin: 'configuration', identifiers: ['a.test'], issuer: 'ca', deployments: [] },
  ...{ state: 'paused', notAfter: '2027-02-22T10:00:00.000Z', paused },
};

const { paused: _none, ...rest } = one;

it.each<Row>([
  {
    what: 'pauses, and says until when the certificate lasts',
    argv: ['pause', 'abc', '--reason', 'the proxy moves'],
    env: { USER: 'ada' },
    fleet: { status: [one] },
    calls: [{ pause: { name: 'abc', by: 'ada', reason: 'the proxy moves' } }, 'status'],
    stdout: [
      'abc: paused by ada since 2026-11-24 08:00 UTC (the proxy moves)',
      '  It expires on 2027-02-22.',
      '  Next: `certfleet resume abc` lets it be renewed and delivered again.',
      '',
    ].join('\n'),
    stderr: '',
  },
  {
    what: 'pauses several',
    argv: 'pause abc b',
    env: { USER: 'ada' },
    fleet: { status: [one, { ...one, name: 'b' }] },
    calls: [...['abc', 'b'].map((name) => ({ pause: { name, by: 'ada', reason: undefined } })), 'status'],
  },
  {
    what: 'resumes',
    argv: 'resume abc b',
    env: { SUDO_USER: 'bob', USER: 'root' },
    fleet: { status: [one, { ...rest, name: 'b' }] },
    calls: ['status', ...['abc', 'b'].map((name) => ({ resume: { name, by: 'bob' } })), 'status'],
    stdout: 'abc: resumed\nb: it was not paused\n  Next: `certfleet run` or `certfleet renew` works on what is due.\n',
  },
  { what: 'needs a name', argv: 'pause', code: 2, warns: ['a certificate to pause'] },
  {
    what: 'takes no long reason',
    argv: ['pause', 'abc', '--reason', 'x'.repeat(201)],
    code: 2,
    warns: ['at most 200 characters'],
  },
])('$what', behaves);

it('tells programs what it has paused', async () => {
  const done = await commandLine({ fleet: { status: [one] } }).run('pause', 'abc', '--json');
  const told = jsonLines(done).find((line) => 'object' in line && line.object === 'certificate');
  expect(told).toMatchObject({ name: 'abc', paused });
});
