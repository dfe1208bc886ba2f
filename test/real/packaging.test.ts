import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { manPage } from '../../scripts/man-page.ts';
import { commands } from '../../src/cli/commands/commands.ts';
import { builtProgram } from '../support/built.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, succeeded } from '../support/e2e.ts';
import { findProgram, repositoryRoot, temporaryFolder } from '../support/service.ts';
import { offered } from '../support/shells.ts';
import { describeWith, noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

// What comes with the program: the timer, completion for three shells, the manual page. Each is read by its own program.

stopAllAfterwards();
const execute = promisify(execFile);

let certfleet: Certfleet;
beforeAll(async () => {
  certfleet = await buildCertfleet();
});

describeWith(['systemctl', 'systemd-analyze'], 'certfleet install-timer', () => {
  it('installs, keeps its minute, moves to cron and back, and uninstalls', async () => {
    const root = await temporaryFolder('root');
    const units = join(root, 'etc/systemd/system');
    for (const folder of ['run/systemd/system', 'etc/systemd/system', 'etc/cron.d', 'usr/sbin'])
      await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, 'usr/sbin/cron'), '');
    await writeFile(join(root, 'etc/hostname'), 'web-1\n');
    const run = async (...more: readonly string[]) => {
      const env = { CERTFLEET_ROOT: root, PATH: process.env['PATH'] ?? '' };
      const ran = await certfleet(['install-timer', ...more], { env });
      succeeded(ran);
      return ran;
    };
    const timer = () => readFile(join(units, 'certfleet.timer'), 'utf8');
    const minute = (text: string) => Number(/\*:(\d\d):|^(\d+) /m.exec(text)?.slice(1).find(Boolean));

    const printed = (await run('--print')).stdout;
    expect(printed).toContain('OnCalendar=*-*-* *:');
    expect(await readdir(units)).toEqual([]);

    await run('--yes');
    const first = minute(await timer());
    expect(printed).toContain(`OnCalendar=*-*-* *:${String(first).padStart(2, '0')}:`);
    expect((await readdir(units)).sort()).toEqual(['certfleet.service', 'certfleet.timer', 'timers.target.wants']);
    expect(await readdir(join(units, 'timers.target.wants'))).toEqual(['certfleet.timer']);
    const files = ['certfleet.service', 'certfleet.timer'].map((name) => join(units, name));
    const verified = await execute(findProgram('systemd-analyze')!, ['verify', ...files]);
    expect(verified).toEqual({ stdout: '', stderr: '' });

    expect((await run('--yes')).stdout).toBe('The timer is installed; nothing to do.\n');
    await run('--yes', '--store', '/srv/other store');
    expect(minute(await timer())).toBe(first);
    expect(await readFile(files[0]!, 'utf8')).toContain(' renew --store "/srv/other store"\n');

    await run('--yes', '--credential', 'store.key:/srv/100% of it');
    expect(await readFile(files[0]!, 'utf8')).toContain('LoadCredential=store.key:/srv/100%% of it\n');
    expect(await execute(findProgram('systemd-analyze')!, ['verify', ...files])).toEqual({ stdout: '', stderr: '' });

    await run('--yes', '--cron');
    expect(minute(await readFile(join(root, 'etc/cron.d/certfleet'), 'utf8'))).toBe(first);
    expect(await readdir(units)).not.toContain('certfleet.timer');
    await run('--yes');
    expect(minute(await timer())).toBe(first);
    expect(await readdir(join(root, 'etc/cron.d'))).toEqual([]);

    // The daemon takes the timer's place, and gives it back.
    await run('--yes', '--daemon', '--node', 'web-1');
    const installed = async () => (await readdir(units)).sort();
    expect(await installed()).toEqual(['certfleet.service', 'multi-user.target.wants']);
    expect(await readdir(join(units, 'multi-user.target.wants'))).toEqual(['certfleet.service']);
    expect(await readFile(files[0]!, 'utf8')).toMatch(
      /^Type=notify$[\s\S]* run --node web-1$[\s\S]*^WantedBy=multi-user/m,
    );
    expect(await execute(findProgram('systemd-analyze')!, ['verify', files[0]!])).toEqual({ stdout: '', stderr: '' });
    expect((await run('--yes', '--daemon', '--node', 'web-1')).stdout).toBe(
      'The service is installed; nothing to do.\n',
    );
    await run('--yes');
    expect(minute(await timer())).toBe(first);
    expect(await installed()).toEqual(['certfleet.service', 'certfleet.timer', 'timers.target.wants']);
    await run('--yes', '--daemon');

    await writeFile(join(root, 'etc/cron.d/other'), '1 * * * * root true\n');
    await run('--uninstall', '--yes');
    expect(await readdir(units)).toEqual([]);
    expect(await readdir(join(root, 'etc/cron.d'))).toEqual(['other']);
  });
});

for (const shell of ['bash', 'zsh', 'fish'] as const)
  describeWith([shell], `completion in ${shell}`, () => {
    it('offers commands, flags, values, paths and the names of certificates', async () => {
      const script = (await certfleet(['completion', shell])).stdout;
      const rows = [
        ['certfleet is', 'issue'],
        ['certfleet dns t', 'test'],
        ['certfleet issue --ag', '--agree-tos'],
        ['certfleet issue --issuer le', 'letsencrypt letsencrypt-staging'],
        ['certfleet --store /x dns test rfc', 'rfc2136'],
        ['certfleet renew one.example t', 'two.example'],
        ['certfleet show t', 'two.example'],
        ['certfleet --store /other show o', 'other.example'],
        ['certfleet --store=/other show o', 'other.example'],
        ['certfleet completion f', 'fish'],
        ['certfleet revoke --reason key', 'keyCompromise'],
        ['certfleet issue --key-type rsa2', 'rsa2048'],
        ['certfleet account rollover --account-key ES3', 'ES384'],
        ['certfleet issue --ca-file /etc/passw', '/etc/passwd'],
        ['certfleet help swee', 'sweep'],
        ['certfleet import cert', 'certbot'],
        ['certfleet import certbot /etc/passw', '/etc/passwd'],
        ['certfleet certbot cert', 'certonly certificates'],
        ['certfleet certbot certonly --webr', '--webroot --webroot-path --webroot-map'],
        ['certfleet certbot certonly -w /us', '/usr'],
        ['certfleet certbot certonly --dns-rfc2136-cred', '--dns-rfc2136-credentials'],
        ['certfleet certbot delete --cert-name t', 'two.example'],
      ] as const;
      const found = await offered(
        shell,
        script,
        rows.map(([line]) => line),
      );
      for (const [index, [line, words]] of rows.entries()) {
        // fish also offers what contains the letters, and ends a folder with /; zsh offers the last part of a path.
        const all = new Set(found[index]?.split(' ').map((word) => word.replace(/(?<=.)\/$/, '')));
        const isThere = (word: string) => all.has(word) || all.has(word.slice(word.lastIndexOf('/') + 1));
        expect({ line, words: words.split(' ').filter(isThere) }).toEqual({ line, words: words.split(' ') });
      }
    });
  });

itDrawn('the installed package brings the manual page to where man looks for it', async () => {
  const [source, prefix] = [await temporaryFolder('package'), await temporaryFolder('prefix')];
  // Without dependencies, which would come from the registry.
  const {
    dependencies: _,
    devDependencies: __,
    scripts: ___,
    ...manifest
  } = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8')) as Record<string, unknown>;
  await writeFile(join(source, 'package.json'), JSON.stringify(manifest));
  await cp(dirname(builtProgram()), join(source, 'dist'), { recursive: true });
  const flags = ['--offline', '--cache', join(source, '.npm')];
  const npm = (...args: readonly string[]) => execute('npm', [...args, ...flags], { cwd: source });
  // npm packs the folder and unpacks it, as from the registry.
  await npm('install', '--global', '--install-links', '--prefix', prefix, source);
  const pages = join(prefix, 'share/man');
  const page = join(pages, 'man1/certfleet.1');
  expect(await readFile(page, 'utf8')).toBe(manPage());
  const man = findProgram('man', 'system');
  if (man === undefined) return noteSkipped('not tested: `man certfleet` (missing: man)');
  const { stdout } = await execute(man, ['-M', pages, '-w', 'certfleet']);
  // It shows the file that the link leads to.
  expect(stdout).toBe(`${await realpath(page)}\n`);
});
describeWith(['groff'], 'the manual page', () => {
  it('is read without a warning, and has every command', async () => {
    const page = join(await temporaryFolder('man'), 'certfleet.1');
    await writeFile(page, manPage());
    const { stdout, stderr } = await execute(findProgram('groff')!, [
      '-man',
      '-Tutf8',
      '-P-c',
      '-P-b',
      '-P-u',
      '-ww',
      page,
    ]);
    expect(stderr).toBe('');
    for (const { name } of commands) expect(stdout).toMatch(new RegExp(`^   certfleet ${name}\\b`, 'm'));
    // What stands between backticks and after a hyphen comes out as it can be typed.
    expect(stdout).toContain('--identifier <names>');
    expect(stdout).not.toContain('`');
  });
});
