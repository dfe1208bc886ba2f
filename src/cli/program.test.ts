import { describe, expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../test/support/command-line.ts';
import { version } from '../core/errors/version.ts';

const commands = ['issue', 'renew', 'status', 'show', 'sweep', 'providers', 'explain', 'config'];

describe('help', () => {
  it.each<Row>([
    { what: 'the version', argv: '--version', stdout: `${version}\n`, stderr: '' },
    { what: 'all commands', argv: '--help', says: commands.map((command) => `  ${command}`), stderr: '' },
    { what: 'the flags of one', argv: 'issue --help', says: ['--config <file>'] },
    { what: 'the examples of one', argv: 'help renew', says: ['certfleet renew --quiet'] },
    { what: 'no command', argv: [], code: 2, stdout: '', warns: ['Usage: certfleet'] },
    { what: 'half a command', argv: 'config', code: 2, stdout: '', warns: ['check'] },
  ])('$what', behaves);

  it.each(['--help', 'issue --help', 'config --help', 'help config'])('fits 80 columns: %s', async (argv) => {
    const { code, stdout } = await commandLine({ columns: 80 }).run(...argv.split(' '));
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines.filter((line) => line.length > 80 && !line.startsWith('  certfleet '))).toEqual([]);
    // Its first sentence begins as one.
    expect(lines[2]).toMatch(/^[A-Z]/);
  });
});

describe('a command line that cannot be parsed', () => {
  it.each([
    ['isue', "unknown command 'isue' (Did you mean issue?)", 'usage/unknown-command'],
    ['show', "missing required argument 'name'"],
    ['renew --store', "option '--store <folder>' argument missing"],
    ['status --store ', "option '--store <folder>' argument '' is invalid. It must not be empty."],
    ['status --store=', "option '--store <folder>' argument '' is invalid. It must not be empty."],
    ['status --config=', "option '--config <file>' argument '' is invalid. It must not be empty."],
    ['issue -d ', "option '-d, --identifier <names>' argument '' is invalid. It must not be empty."],
    ['status --unheard', "unknown option '--unheard'", 'usage/unknown-option'],
    ['config chekc', "unknown command 'chekc' (Did you mean check?)", 'usage/unknown-command'],
    ['help renwe', `unknown command 'renwe'; did you mean "renew"?`, 'usage/unknown-command'],
  ])('%s: %s', async (argv, words, code = 'usage/invalid') => {
    const done = await commandLine().run(...argv.split(' '));
    expect(done).toMatchObject({ code: 2, stdout: '' });
    expect(done.stderr).toContain(
      `certfleet: ${words}\n  See \`certfleet --help\`.\n  More: certfleet explain ${code}\n`,
    );
  });

  it.each([
    [
      'certonly -d a.test',
      "unknown command 'certonly'; use `certfleet issue -d NAME`, or `certfleet certbot certonly`, instead",
    ],
    ['certificates', "unknown command 'certificates'; use `certfleet status` instead"],
    ['issue -d a.test -m ops@a.test', "unknown option '-m'; use `--email` instead"],
    ['issue -d a.test --server https://ca.test', "unknown option '--server'; use `--issuer` instead"],
    ['issue -d a.test --server=https://ca.test', "unknown option '--server'; use `--issuer` instead"],
    ['issue -d a.test --standalone', "unknown option '--standalone'; use `--http standalone` instead"],
    ['issue -d a.test -w /srv', "unknown option '-w'; use `--http webroot:FOLDER` instead"],
    ['issue -d a.test --cert-name a', "unknown option '--cert-name'; use `--name` instead"],
    ['issue -d a.test --accept-tos', "unknown option '--accept-tos'; use `--agree-tos` instead"],
    [
      'import certbot --config-dir le',
      "unknown option '--config-dir'; use `--store` (with `import certbot`, the folder as an argument) instead",
    ],
    ['renew --force-renewal', "unknown option '--force-renewal'; use `--force` instead"],
    ['issue a.test -n', "unknown option '-n'; not needed: certfleet asks only on a terminal, and"],
    [
      'renew --non-interactive',
      "unknown option '--non-interactive'; not needed: certfleet asks only on a terminal, and",
    ],
    ['issue -d a.test --must-staple', "unknown option '--must-staple'; CAs have ended OCSP, so there is nothing to"],
    ['issue -d a.test --expand', "unknown option '--expand'; not needed: `certfleet issue NAME -d NAMES` takes"],
    ['issue -d a.test --hmac k', "unknown option '--hmac'; use `--eab-hmac-key` instead"],
    ['issue --preferred-challenges dns', "unknown option '--preferred-challenges'; use `--http` or `--dns` instead"],
    ['renew --days 30', "unknown option '--days'; not needed: the CA or the lifetime decides when"],
    ['register', "unknown command 'register'; not needed: `certfleet issue` opens the account"],
    ['reconfigure', "unknown command 'reconfigure'; use `certfleet issue NAME` with the flags that change instead"],
    ['install', "unknown command 'install'; use `certfleet renew --redeploy` instead"],
    ['-d a.test', "unknown option '-d'; it is an option of `certfleet issue`"],
  ])('with words of other clients: %s', async (argv, words) => {
    const done = await commandLine().run(...argv.split(' '));
    expect(done).toMatchObject({ code: 2, stdout: '' });
    expect(done.stderr.replaceAll(/\n +/g, ' ')).toContain(`certfleet: ${words}`);
  });

  it('with an empty argument', async () => {
    const done = await commandLine().run('delete', '');
    expect(done).toMatchObject({ code: 2, calls: [] });
    expect(done.stderr).toContain('certfleet delete: an argument is empty');
  });

  it('is an event with its time with --json', async () => {
    expect(jsonLines(await commandLine().run('bogus', '--json'))).toEqual([
      expect.objectContaining({
        v: 1,
        time: '2026-11-24T10:00:00.000Z',
        event: 'run.finished',
        data: expect.objectContaining({ exitCode: 2, code: 'usage/unknown-command' }),
      }),
    ]);
  });
});

it.each(['--store /s status', 'status --store /s'])('global flags may stand anywhere: %s', async (argv) => {
  const { settings } = await commandLine().run(...argv.split(' '));
  expect(settings?.store).toEqual({ type: 'file', path: '/s' });
});
