import { describe, expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../test/support/command-line.ts';
import { version } from '../core/version.ts';

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
    ['isue', "unknown command 'isue' (Did you mean issue?)"],
    ['show', "missing required argument 'name'"],
    ['renew --store', "option '--store <folder>' argument missing"],
    ['status --nope', "unknown option '--nope'"],
    ['config chekc', "unknown command 'chekc' (Did you mean check?)"],
    ['help renwe', `unknown command 'renwe'; did you mean "renew"?`],
  ])('%s: %s', async (argv, words) => {
    const done = await commandLine().run(...argv.split(' '));
    expect(done).toMatchObject({ code: 2, stdout: '' });
    expect(done.stderr).toContain(
      `certfleet: ${words}\n  See \`certfleet --help\`.\n  More: certfleet explain usage/invalid\n`,
    );
  });

  it.each([
    ['certonly -d a.test', "unknown command 'certonly'; here it is `certfleet issue -d NAME`"],
    ['run', "unknown command 'run'; here it is `certfleet issue -d NAME`"],
    ['certificates', "unknown command 'certificates'; here it is `certfleet status`"],
    ['issue -d a.test -m ops@a.test', "unknown option '-m'; here it is `--email`"],
    ['issue -d a.test --server https://ca.test', "unknown option '--server'; here it is `--issuer`"],
    ['issue -d a.test --server=https://ca.test', "unknown option '--server'; here it is `--issuer`"],
    ['issue -d a.test --standalone', "unknown option '--standalone'; here it is `--http standalone`"],
    ['issue -d a.test -w /srv', "unknown option '-w'; here it is `--http webroot:FOLDER`"],
    ['issue -d a.test --cert-name a', "unknown option '--cert-name'; here it is `--name`"],
    ['issue -d a.test --accept-tos', "unknown option '--accept-tos'; here it is `--agree-tos`"],
    ['issue -d a.test --deploy-hook x', "unknown option '--deploy-hook'; here it is a deployer of type `command`"],
    ['renew --force-renewal', "unknown option '--force-renewal'; here it is `--force`"],
    ['-d a.test', "unknown option '-d'; it belongs to `certfleet issue`"],
    ['renew --dry-run', "unknown option '--dry-run'; it belongs to `certfleet issue`"],
  ])('with words of other clients: %s', async (argv, words) => {
    const done = await commandLine().run(...argv.split(' '));
    expect(done).toMatchObject({ code: 2, stdout: '' });
    expect(done.stderr).toContain(`certfleet: ${words}\n`);
  });

  it('is an event with its time with --json', async () => {
    expect(jsonLines(await commandLine().run('bogus', '--json'))).toEqual([
      expect.objectContaining({
        v: 1,
        time: '2026-11-24T10:00:00.000Z',
        event: 'run.finished',
        data: expect.objectContaining({ exitCode: 2, code: 'usage/invalid' }),
      }),
    ]);
  });
});

it.each(['--store /s status', 'status --store /s'])('global flags may stand anywhere: %s', async (argv) => {
  const { settings } = await commandLine().run(...argv.split(' '));
  expect(settings?.store).toEqual({ type: 'file', path: '/s' });
});
