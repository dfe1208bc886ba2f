import { describe, expect, it } from 'vitest';
import { behaves, commandLine, type Row } from '../../../../test/support/command-line.ts';

const typed = 'correct horse battery';
const pages = '/etc/certfleet/certfleet.yaml';
const files = { [pages]: 'pages: { listen: "127.0.0.1:8443" }\n' };

/** Runs commands one after another in one store, and returns what each printed. */
async function inOneStore(given: Parameters<typeof commandLine>[0], lines: readonly string[]) {
  const line = commandLine({ files, env: { USER: 'root' }, ...given });
  const outputs: string[] = [];
  let before = '';
  for (const argv of lines) {
    const { stdout, stderr, code } = await line.run(...argv.split(' '));
    const all = stdout + stderr;
    outputs.push(`${code} ${(stdout.startsWith(before) ? stdout.slice(before.length) : all).trim()}`);
    before = stdout;
  }
  return { outputs, stderr: line.state.stderr, line };
}

describe('users', () => {
  it('are added, listed, changed and removed, and all of it is in the audit log', async () => {
    const { outputs, stderr } = await inOneStore({ typed }, [
      'user list',
      'user add Ann --role admin',
      'user add bob',
      'user list',
      'user role bob --role operator',
      'user password bob',
      'user remove bob',
      'user remove ann',
      'user role ann --role viewer',
      'audit --since 1d',
    ]);
    expect(outputs.slice(0, 3)).toEqual([
      '0 There are no users yet. `certfleet user add NAME --role admin` adds the first one.',
      '0 Added ann (admin).',
      '0 Added bob (viewer).',
    ]);
    expect(outputs[3]).toMatch(/ann +admin .*\n.*bob +viewer /);
    expect(outputs.slice(4, 9).map((text) => text.slice(0, 50).trim())).toEqual([
      '0 bob is operator now, and must log in again.',
      '0 bob has a new password, and must log in again.',
      '0 Removed bob.',
      '2',
      '2',
    ]);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain('ann is the last administrator');
    for (const what of ['user.add', 'user.role', 'user.password', 'user.remove'])
      expect(outputs[9]).toMatch(new RegExp(`root +command +${what}`));
    expect(outputs.join() + stderr).not.toContain(typed);
  });

  it.each<Row>([
    {
      what: 'needs a terminal or a file for a password',
      argv: 'user add ann',
      code: 2,
      warns: ['--password-file FILE'],
    },
    {
      what: 'takes a password from a file',
      argv: 'user add ann --password-file /p',
      files: { '/p': `${typed}\n` },
      says: ['Added ann (viewer).'],
    },
    {
      what: 'warns of a file that everyone can read',
      ...{ argv: 'user add ann --password-file /p', files: { '/p': typed }, mode: 0o644, warns: ['chmod 600 /p'] },
    },
    {
      what: 'refuses a short password',
      argv: 'user add ann',
      typed: 'short',
      code: 2,
      warns: ['at least 12 characters'],
    },
    { what: 'refuses repetition', argv: 'user add ann', typed: 'aaaaaaaaaaaaa', code: 2, warns: ['repeated'] },
    {
      what: 'refuses the name as password',
      argv: 'user add annabella',
      typed: 'annabella123',
      code: 2,
      warns: ['little more than the name'],
    },
    {
      what: 'refuses an odd name before it asks',
      argv: ['user', 'add', '<b>'],
      code: 2,
      typed,
      warns: ['cannot be the name of a user'],
    },
    { what: 'knows the roles', argv: 'user add ann --role amdin', code: 2, typed, warns: ['did you mean "admin"?'] },
    { what: 'refuses an unknown user', argv: 'user password ann', code: 2, typed, warns: ['there is no user ann'] },
    { what: 'wants a role', argv: 'user role ann', code: 2, warns: ['certfleet user role NAME --role ROLE'] },
    { what: 'has no link without pages', argv: 'user link', code: 2, warns: ['`pages` is not in the configuration'] },
  ])('$what', behaves);

  it('has a link for the first of them alone', async () => {
    const { outputs, stderr } = await inOneStore({ typed }, ['user link', 'user add ann --role admin', 'user link']);
    expect(outputs[0]).toMatch(/^0 http:\/\/127\.0\.0\.1:8443\/first\/[\w-]{43}$/);
    expect(outputs[2]).toMatch(/^2/);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain('there are users already');
  });
});

describe('API tokens', () => {
  it('are shown once, listed and removed', async () => {
    const { outputs, line } = await inOneStore({}, [
      'token add ci --role operator --scope shop-*,www --expires 90d',
      'token add ci',
      'token list',
      'token list --json',
      'token remove ci',
      'token remove ci',
    ]);
    const [, token = ''] = /^0 (cft_[\w-]{43})$/.exec(outputs[0]!) ?? [];
    expect(token).not.toBe('');
    expect(outputs[1]).toMatch(/^2/);
    expect(outputs[2]).toMatch(/ci +operator +shop-\*, www +root /);
    expect(
      outputs[3]!
        .slice(2)
        .split('\n')
        .map((one) => JSON.parse(one)),
    ).toEqual([expect.objectContaining({ object: 'token', name: 'ci', scope: ['shop-*', 'www'], createdBy: 'root' })]);
    expect(outputs.slice(2).join()).not.toContain(token);
    expect(outputs.slice(4).map((text) => text.slice(0, 1))).toEqual(['0', '2']);
    expect(line.state.stderr.replaceAll(/\s+/g, ' ')).toContain('there is an API token ci already');
  });

  it.each<Row>([
    {
      what: 'refuses an odd scope',
      argv: 'token add ci --scope *shop',
      code: 2,
      warns: ['followed by a star, like shop-*'],
    },
    { what: 'refuses an odd time', argv: 'token add ci --expires 1', code: 2, warns: ['a duration from 1m to 3660d'] },
    {
      what: 'refuses one that is too short',
      argv: 'token add ci --expires 1s',
      code: 2,
      warns: ['a duration from 1m'],
    },
  ])('$what', behaves);
});
