import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it, test } from 'vitest';
import type { Event } from '../../src/core/plan/event.ts';
import { builtProgram } from '../support/built.ts';
import { itDrawn } from '../support/drawn.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { sampled } from '../support/seeded.ts';
import { atEnd, bareEnvironment, freePort, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const execute = promisify(execFile);
const cli = builtProgram();

interface Ended {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line as from cron: with an empty environment unless given. */
function start(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [cli, ...argv], { env: { ...bareEnvironment(), ...env } });
  atEnd(() => void child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => (stdout += data));
  child.stderr.on('data', (data) => (stderr += data));
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ code: code ?? signal ?? '', stdout, stderr }));
  });
  return { child, ended };
}
const run = (...argv: string[]) => start(argv).ended;

describe('the built command line', () => {
  it('does not break if its reader goes away', async () => {
    const { stderr } = await execute('sh', [
      '-c',
      `"${process.execPath}" "${cli}" config schema | head -c 10 >/dev/null`,
    ]);
    expect(stderr).toBe('');
  });

  const printed = ['status', 'config schema', 'providers', 'explain dns/refused', '--help', '--version'];
  it.each(sampled(printed, 2, 'outputs'))(
    'says so, and exits with 9, where the output of %s cannot be written',
    async (argv) => {
      const env = { ...bareEnvironment(), CERTFLEET_ROOT: await temporaryFolder('full') };
      const command = `"${process.execPath}" "${cli}" ${argv} > /dev/full`;
      await expect(execute('sh', ['-c', command], { env })).rejects.toMatchObject({
        code: 9,
        stderr: expect.stringMatching(
          /^certfleet: the output could not be written: .*no space left.*\n.*\n.*explain output\/lost\n$/m,
        ),
      });
    },
  );

  it('keeps the exit code of a failure whose output cannot be written', async () => {
    const command = `"${process.execPath}" "${cli}" status --json --config /none > /dev/full`;
    await expect(execute('sh', ['-c', command], { env: bareEnvironment() })).rejects.toMatchObject({ code: 2 });
  });

  const mistakes: readonly [string[], number, string][] = [
    [['issue', '-d', 'a_b.example.com'], 2, 'identifier/invalid'],
    [['show', 'nothing'], 7, 'store/absent'],
    [['status', '--config', '/none.yaml'], 2, 'config/unreadable'],
    [['issue', '-d', 'www.example.com', '--store', '/proc/nothing'], 7, 'store/unusable'],
  ];
  it.each(sampled(mistakes, 2, 'mistakes'))('%j exits %i', async (argv, code, documented) => {
    const store = argv.includes('--store') ? [] : ['--store', join(await temporaryFolder('store'), 'store')];
    const ended = await run(...argv, ...store);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(`certfleet explain ${documented}\n`);
    expect(ended.stderr).not.toMatch(/ {4}at /);
  });
});

describe('certfleet run --role responder', () => {
  it('answers also where a solver listens that is stored later', async () => {
    const folder = await temporaryFolder('responder');
    const [first, later] = [await freePort(), await freePort()];
    const issuers = { away: { directory: 'https://127.0.0.1:1/directory', agreeToTerms: true, test: true } };
    const write = async (name: string, port: number) => {
      const file = join(folder, `${name}.yaml`);
      const solvers = { web: { type: 'http01-responder', listen: `127.0.0.1:${port}` } };
      const certificates = [{ name, identifiers: [`${name}.cli.test`] }];
      const store = { type: 'file', path: join(folder, 'store') };
      await writeFile(file, JSON.stringify({ store, issuers, solvers, certificates }));
      return file;
    };
    const isAnswered = async (port: number) =>
      (await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)) !== undefined;
    const { child, ended } = start(['run', '--role', 'responder', '--config', await write('one', first)]);
    await until(() => isAnswered(first), { what: 'it answers' });
    expect(await isAnswered(later)).toBe(false);
    // Another node orders there. Its CA is away, so the document stays.
    expect(await run('renew', '--config', await write('two', later))).toMatchObject({ code: 4 });
    await until(() => isAnswered(later), { what: 'it answers at the other address' });
    child.kill('SIGTERM');
    expect((await ended).stderr).toContain(`answering the challenges of all nodes of the store at 127.0.0.1:${later}`);
  });
});

describe('a store that does not exist', () => {
  // It gets as far as the CA, whose certificate it cannot verify.
  const noCa = ['--issuer', 'https://127.0.0.1:1/directory', '--ca-file', '/none', '--http', 'standalone:127.0.0.1:1'];

  /** A configuration with one certificate. */
  async function declared(store: object | undefined): Promise<string> {
    const file = join(await temporaryFolder('declared'), 'certfleet.yaml');
    const configuration = {
      ...(store === undefined ? {} : { store }),
      issuers: { own: { directory: 'https://127.0.0.1:1/directory', caFile: '/none', agreeToTerms: true, test: true } },
      solvers: { web: { type: 'http01-responder', listen: '127.0.0.1:1' } },
      certificates: [{ name: 'www', identifiers: ['www.cli.test'] }],
    };
    await writeFile(file, JSON.stringify(configuration));
    return file;
  }

  it.each(sampled([[['renew']], [['renew', 'www']], [['status']], [['show', 'www']], [['sweep']]], 1, 'commands'))(
    'is a mistyped --store for %j, also where certificates and a store are declared',
    async (argv) => {
      const folder = await temporaryFolder('typo');
      const [store, empty] = [join(folder, 'store'), join(folder, 'empty')];
      // An empty folder may be the mount point of a missing volume.
      await mkdir(empty);
      const config = await declared({ type: 'file', path: join(folder, 'right') });
      for (const path of [store, empty])
        for (const more of [[], ['--config', config]]) {
          const refused = await run(...argv, '--store', path, ...more);
          expect(refused).toMatchObject({ code: 7, stdout: '' });
          expect(refused.stderr).toContain(`there is no store at ${path}`);
        }
      expect(await readdir(folder)).toEqual(['empty']);
      expect(await readdir(empty)).toEqual([]);
    },
  );

  itDrawn('is reported by status without a named store, and by issue of a name', async () => {
    const env = { CERTFLEET_ROOT: await temporaryFolder('root'), CERTFLEET_CODE_CACHE: 'off' };
    const looked = await start(['status'], env).ended;
    expect(looked).toMatchObject({ code: 0, stdout: expect.stringContaining('there is no store at ') });
    expect(await start(['issue', 'www.example.com'], env).ended).toMatchObject({ code: 2 });
    // Declared certificates alone declare no store.
    expect(await start(['renew', '--config', await declared(undefined)], env).ended).toMatchObject({ code: 7 });
    expect(await readdir(env.CERTFLEET_ROOT)).toEqual([]);
  });

  itDrawn('is created by issue, and by renew if it is declared: both say so once, even with --quiet', async () => {
    const folder = await temporaryFolder('made');
    const [first, second] = [join(folder, 'first'), join(folder, 'second')];
    const config = await declared({ type: 'file', path: second });
    const made = (path: string) => `a new store was made at ${path}\n`;
    for (const [path, argv] of [
      [first, ['issue', '-d', 'www.cli.test', '--agree-tos', ...noCa, '--store', first]],
      [second, ['renew', '--config', config]],
    ] as const) {
      const ended = await run(...argv, '--quiet');
      expect(ended).toMatchObject({ code: 2, stdout: '' });
      expect(ended.stderr.startsWith(made(path))).toBe(true);
      expect((await run(...argv)).stderr).not.toContain(made(path));
    }
    // The volume of the store may have gone. Only a person knows whether a new one is meant.
    await rm(second, { recursive: true });
    for (const command of ['renew', 'run']) {
      const refused = await run(command, '--config', config);
      expect(refused).toMatchObject({ code: 7, stderr: expect.stringContaining('mount its volume') });
    }
    expect(await readdir(folder)).toEqual(['first']);
    const [event] = (await run('issue', '--config', config, '--json')).stdout
      .split('\n')
      .filter((line) => line.includes('store.made'))
      .map((line) => JSON.parse(line) as Event);
    expect(event).toMatchObject({ v: 1, level: 'info', event: 'store.made', data: { path: second } });
  });
});

describeWith(['pebble', 'pebble-challtestsrv'], 'the command line against Pebble', () => {
  let pebble: Pebble;
  let common: string[];

  beforeAll(async () => {
    pebble = await startPebble();
    common = ['--issuer', pebble.directoryUrl, '--ca-file', pebble.caFile, '--agree-tos'];
    common.push('--http01-port', String(pebble.httpPort), '--resolver', pebble.dnsServer);
  });

  test('issues, shows, renews from cron, and reports a refused name', async () => {
    const folder = await temporaryFolder('run');
    const store = ['--store', join(folder, 'store')];
    const certs = join(folder, 'certs');
    await mkdir(certs);
    const http = ['--http', `standalone:127.0.0.1:${pebble.httpPort}`];

    const issued = await run('issue', '-d', 'www.cli.test', ...common, ...http, '--deploy', `files:${certs}`, ...store);
    expect(issued).toMatchObject({ code: 0 });
    expect(issued.stdout).toMatch(
      /^www\.cli\.test: issued, valid until \d{4}-\d\d-\d\d \(\d+ days\)\n {2}Files: \S+\/live\/www\.cli\.test\/ \(fullchain\.pem, privkey\.pem\)\n {2}Next: `certfleet renew[^`]*` renews it around /,
    );
    // Cron would not find the program of a test by its name.
    expect(issued.stderr).toMatch(/^ *\d+ \* \* \* \* \S+ \S+\/cli\.cjs renew --quiet --store /m);
    const live = join(certs, 'live', 'www.cli.test');
    const first = await readFile(join(live, 'fullchain.pem'), 'utf8');
    expect((await stat(join(live, 'privkey.pem'))).mode & 0o777).toBe(0o600);

    const status = await run('status', ...store);
    expect(status.stdout).toMatch(/^NAME +STATE +VALID UNTIL +LEFT +RENEWAL +DEPLOYED TO\nwww\.cli\.test +valid /);
    expect((await run('show', 'www.cli.test', ...store)).stdout).toContain('Identifiers  www.cli.test\n');

    expect(await run('renew', '--quiet', ...store)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await readFile(join(live, 'fullchain.pem'), 'utf8')).toBe(first);
    const renewed = await run('renew', '--force', '--json', ...store);
    const events = renewed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Event);
    expect(renewed).toMatchObject({ code: 0, stderr: '' });
    expect(events.every(({ v, time, message }) => v === 1 && !Number.isNaN(Date.parse(time)) && message !== '')).toBe(
      true,
    );
    expect(events.at(-1)).toMatchObject({
      event: 'run.finished',
      data: { exitCode: 0, outcomes: [{ result: 'renewed' }] },
    });
    expect(await readFile(join(live, 'fullchain.pem'), 'utf8')).not.toBe(first);

    const second = await run('issue', '-d', 'ftp.cli.test', ...common, ...http, ...store);
    expect([second.code, second.stderr.includes('crontab')]).toEqual([0, false]);

    const refused = await run('issue', '-d', 'blocked-domain.example', ...common, ...http, ...store);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toMatch(/blocked-domain\.example/);
  });

  itDrawn('a command of the same name has its own files in each store', async () => {
    const folder = await temporaryFolder('two');
    const [config, lines] = [join(folder, 'certfleet.yaml'), join(folder, 'lines')];
    await writeFile(
      config,
      JSON.stringify({ deployers: { hook: { type: 'command', run: `echo $RENEWED_LINEAGE >> ${lines}` } } }),
    );
    const solver = `standalone:127.0.0.1:${pebble.httpPort}`;
    const http = ['--http', solver, '--deploy', 'hook', '--config', config, '--node', 'web-1'];
    const stores = [join(folder, 'a'), join(folder, 'b')];
    for (const store of stores)
      expect(await run('issue', '-d', 'two.cli.test', ...common, ...http, '--store', store)).toMatchObject({ code: 0 });
    expect((await readFile(lines, 'utf8')).trim().split('\n')).toEqual(
      stores.map((store) => `${store}/deployed/web-1/hook/live/two.cli.test`),
    );
  });

  itDrawn('new flags are stored for a certificate that is not due, and a test run always orders', async () => {
    const folder = await temporaryFolder('flags');
    const store = ['--store', join(folder, 'store')];
    const [http, root] = [['--http', `standalone:127.0.0.1:${pebble.httpPort}`], join(folder, 'www')];
    await mkdir(root);
    // Pebble reuses one authorization of a hundred, even with PEBBLE_AUTHZREUSE=0, so one name alone could need no server.
    const name = ['-d', 'kept.cli.test,second.cli.test,third.cli.test'];
    expect(await run('issue', ...name, ...common, ...http, ...store)).toMatchObject({ code: 0 });

    const again = await run('issue', ...name, ...common, '--http', `webroot:${root}`, ...store);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toContain('its new settings are stored; the certificate itself is not due yet');
    expect((await run('show', 'kept.cli.test', ...store)).stdout).toContain('webroot');

    // No server serves that folder: the same command again must notice, in a test run and with force.
    for (const more of [['--staging'], ['--dry-run'], ['--force']]) {
      const tried = await run('issue', ...name, ...common, '--http', `webroot:${root}`, ...more, ...store);
      expect([more, tried.code]).toEqual([more, more[0] === '--force' ? 4 : 2]);
    }
    // By its name, with all stored flags.
    const named = await run('issue', 'kept.cli.test', '--force', ...store);
    expect(named).toMatchObject({ code: 4 });
    expect(await run('issue', ...name, ...common, ...http, ...store)).toMatchObject({ code: 0 });
    expect(await run('issue', 'kept.cli.test', '--force', ...store)).toMatchObject({ code: 0 });
  });

  itDrawn('undeclared and test certificates are reported and never renewed', async () => {
    const folder = await temporaryFolder('undeclared');
    const [store, file] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
    const declare = (names: readonly string[]) =>
      writeFile(
        file,
        JSON.stringify({
          store: { type: 'file', path: store },
          issuers: {
            pebble: {
              ...{ directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true },
              ...{ test: true, testDirectory: pebble.directoryUrl },
            },
          },
          solvers: { web: { type: 'http01-responder', listen: `127.0.0.1:${pebble.httpPort}` } },
          preflight: { resolvers: [pebble.dnsServer], http01Port: pebble.httpPort },
          certificates: names.map((name) => ({ name, identifiers: [`${name}.cli.test`] })),
        }),
      );
    await declare(['kept', 'gone']);
    const config = ['--config', file];
    expect(await run('issue', ...config)).toMatchObject({ code: 0 });
    let validations = 0;
    for (const often of [1, 2]) {
      const tried = await run('issue', 'kept', '--staging', '--json', ...config);
      expect([
        often,
        tried.code,
        tried.stdout.includes('"result":"issued"') || tried.stdout.includes('"renewed"'),
      ]).toEqual([often, 0, true]);
      if (tried.stdout.includes('"asking pebble (staging) to validate"')) validations += 1;
    }
    // Once in a hundred times Pebble reuses an authorization, even with PEBBLE_AUTHZREUSE=0.
    expect(validations).toBeGreaterThan(0);
    expect(await run('issue', '--name', 'kept', '-d', 'other.cli.test', ...config)).toMatchObject({ code: 2 });

    await declare(['kept']);
    const states = (await run('status', '--json', ...config)).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; state: string; renewAt?: string });
    expect(states.map(({ name, state, renewAt }) => [name, state, renewAt !== undefined])).toEqual([
      ['gone', 'undeclared', false],
      ['kept', 'valid', true],
      ['kept~staging', 'test', false],
    ]);
    const renewed = await run('renew', ...config);
    expect(renewed.stderr).toContain('gone: no longer declared, so it is not renewed');
    for (const name of ['gone', 'kept~staging']) {
      const refused = await run('renew', name, ...config);
      expect([name, refused.code]).toEqual([name, 2]);
      expect(refused.stderr).toContain('lineage/not-renewed');
    }
  });

  test('SIGINT cleans up within the budget and leaves no token', async () => {
    const folder = await temporaryFolder('stopped');
    const root = join(folder, 'www');
    await mkdir(root);
    // No server serves the folder, so Pebble's validation fails: slowly, because a listener accepts the connection and is
    // silent.
    const port = await freePort();
    const silent = (await import('node:net')).createServer(() => {}).listen(port, '127.0.0.1');
    atEnd(() => void silent.close());
    const slow = await startPebble({ httpPort: port });
    const argv = [
      'issue',
      '-d',
      'stopped.cli.test',
      '--issuer',
      slow.directoryUrl,
      '--ca-file',
      slow.caFile,
      '--agree-tos',
    ];
    const { child, ended } = start([
      ...argv,
      '--http',
      `webroot:${root}`,
      '--http01-port',
      String(port),
      '--resolver',
      slow.dnsServer,
      '--store',
      join(folder, 'store'),
    ]);
    const tokens = join(root, '.well-known/acme-challenge');
    await until(async () => (await readdir(tokens).catch(() => [])).length > 0, { what: 'a token file' });
    const before = performance.now();
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(performance.now() - before).toBeLessThan(8_000);
    expect(stderr).toContain('Stopping: cleaning up for at most 8 s.');
    expect(await readdir(tokens).catch(() => [])).toEqual([]);
  });
});

test('the output of `config example` is checked with file and line', async () => {
  const folder = await temporaryFolder('config');
  const file = join(folder, 'certfleet.yaml');
  await writeFile(file, (await run('config', 'example')).stdout.replace('solver: web', 'solver: wbe'));
  const checked = await run('config', 'check', '--config', file);
  expect(checked).toMatchObject({ code: 2 });
  expect(checked.stdout).toMatch(
    new RegExp(
      `^${file}:\\d+: the certificate "www" names the solver "wbe", which is not declared; did you mean "web"\\?\n$`,
    ),
  );
});
