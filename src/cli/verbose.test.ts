import { describe, expect, it } from 'vitest';
import { behaves, commandLine, type FakeAnswers, jsonLines, type Row } from '../../test/support/command-line.ts';
import { fail } from '../core/errors/errors.ts';

/** A pass with a step and a request, that ends with a failure. */
const renew: FakeAnswers['renew'] = (_request, { reporter, clock }) => {
  const time = clock.now().toISOString();
  reporter.report({ v: 1, time, level: 'info', event: 'certificate.step', certificate: 'abc', message: 'ordering' });
  reporter.report({ v: 1, time, level: 'debug', event: 'log', message: 'POST https://ca.test/order: 201 in 34 ms' });
  const cause = Object.assign(new Error('tell-nobody'), { code: 'EXAMPLE' });
  const error = fail('dns/zone-not-found', { name: 'abc' }, { cause });
  return [{ certificate: 'abc', result: 'failed', message: error.message, error }];
};
const pass = { fleet: { renew }, code: 5 };
const request = 'POST https://ca.test/order: 201 in 34 ms';
const verbose = [
  `10:00:00.000 abc: ordering 10:00:00.000 ${request}`,
  'abc: dns/zone-not-found, caused by Error EXAMPLE',
];
const broken: FakeAnswers['renew'] = () => {
  throw new Error('tell-nobody');
};

describe('each step and each request', () => {
  it.each<Row>([
    {
      what: 'no request without a flag',
      argv: 'renew',
      ...pass,
      warns: ['abc: ordering'],
      never: [request, /:\d+:\d+/],
    },
    {
      what: 'all with --verbose, and no stack of a failure',
      argv: 'renew --verbose',
      ...pass,
      warns: verbose,
      never: ['tell-nobody', ' at '],
    },
    {
      what: 'the stack of a bug',
      argv: 'renew --verbose',
      ...{ fleet: { renew: broken }, code: 1 },
      warns: [/Error at .*verbose\.test\.ts/],
    },
    {
      what: 'no stack of a refusal',
      argv: 'issue -d a_b.c -v',
      code: 2,
      warns: ['identifier/invalid'],
      never: [' at '],
    },
    { what: 'all with -v before the command', argv: '-v renew', ...pass, warns: verbose },
    {
      what: 'all on a terminal too',
      argv: 'renew -v',
      isTerminal: true,
      ...pass,
      warns: [request],
      never: ['\x1b[?25l'],
    },
    { what: 'all with CERTFLEET_DEBUG=1', argv: 'renew', env: { CERTFLEET_DEBUG: '1' }, ...pass, warns: verbose },
    { what: 'none with CERTFLEET_DEBUG=0', argv: 'renew', env: { CERTFLEET_DEBUG: '0' }, ...pass, never: [request] },
    { what: 'all of it where --quiet is given too', argv: 'renew --quiet --verbose', ...pass, warns: verbose },
  ])('$what', behaves);

  it.each([
    ['renew --json', []],
    [
      'renew --json --verbose',
      ['POST https://ca.test/order: 201 in 34 ms', expect.stringContaining('dns/zone-not-found')],
    ],
  ])('%s', async (argv, messages) => {
    const done = await commandLine(pass).run(...argv.split(' '));
    const debug = jsonLines(done).filter((line) => 'level' in line && line.level === 'debug');
    expect(debug).toEqual(messages.map((message) => expect.objectContaining({ event: 'log', message })));
    expect(done.stderr).toBe('');
  });
});

describe('--log-file', () => {
  it('has all of it, whatever is shown', async () => {
    for (const flags of [['--quiet'], ['--json'], []]) {
      const done = await commandLine(pass).run('renew', ...flags, '--log-file', '/var/log/certfleet.log');
      expect(done.code).toBe(5);
      expect(done.stderr).not.toContain(request);
      const lines = done.logs['/var/log/certfleet.log']?.split('\n') ?? [];
      expect(lines.slice(0, 3)).toEqual([
        expect.stringMatching(/^2026-11-24T10:00:00\.000Z info {2}certfleet \S+ renew$/),
        '2026-11-24T10:00:00.000Z info  abc: ordering',
        `2026-11-24T10:00:00.000Z debug ${request}`,
      ]);
      expect(lines).toContainEqual(expect.stringMatching(/debug abc: dns\/zone-not-found, caused by Error EXAMPLE$/));
      expect(lines.slice(-3)).toEqual(['2026-11-24T10:00:00.000Z error 1 failed', '(closed)', '']);
    }
  });

  it('has what ended a command before it began', async () => {
    const done = await commandLine().run('renew', '--config', '/none.yaml', '--log-file', '/l');
    expect(done.code).toBe(2);
    expect(done.logs['/l']).toContain('Z error the configuration /none.yaml cannot be read: no such file or folder\n');
  });

  it.each<Row>([
    {
      what: 'that cannot be opened is refused',
      argv: 'renew --log-file /none/l',
      code: 2,
      calls: [],
      warns: ['--log-file /none/l: no such folder'],
    },
  ])('$what', behaves);
});
