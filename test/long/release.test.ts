import { execFile } from 'node:child_process';
import { lstat, mkdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { load } from 'js-yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { manPage } from '../../scripts/man-page.ts';
import { builtProgram } from '../support/built.ts';
import { bareEnvironment, repositoryRoot, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// What a release publishes, without publishing it.

stopAllAfterwards();
const run = promisify(execFile);
const manifest = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
};
const { version } = manifest;

describeWith(['dpkg', 'dpkg-deb', 'sha256sum'], 'a release', () => {
  let out: string;
  const release = async () => {
    const folder = await temporaryFolder('release');
    const flags = ['--out', folder, '--dist', dirname(builtProgram())];
    await run(process.execPath, ['--import', 'tsx', 'scripts/release.ts', ...flags], { cwd: repositoryRoot });
    return folder;
  };
  beforeAll(async () => {
    out = await release();
  });
  const debian = () => join(out, `certfleet_${version}_all.deb`);

  it('has checksums of all its files, and is the same each time', async () => {
    const { stdout } = await run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: out });
    const files = [`certfleet-${version}.tgz`, `certfleet_${version}_all.deb`, `certfleet-${version}.cdx.json`];
    expect(stdout).toBe(files.map((file) => `${file}: OK\n`).join(''));
    const again = await release();
    expect(await readFile(join(again, 'SHA256SUMS'), 'utf8')).toBe(await readFile(join(out, 'SHA256SUMS'), 'utf8'));
  });

  it('has a Debian package that depends on Debian’s Node.js, and has only files of root', async () => {
    const { stdout: info } = await run('dpkg-deb', ['--info', debian()]);
    expect(info).toMatch(/^ Depends: nodejs \(>= 20\.19\)$/m);
    expect(info).toMatch(new RegExp(`^ Version: ${version.replaceAll('.', '\\.')}$`, 'm'));
    expect(info).toMatch(/^ Architecture: all$/m);
    expect(info).not.toMatch(/(pre|post)(inst|rm)/);
    const { stdout: listed } = await run('dpkg-deb', ['--contents', debian()]);
    const lines = listed.trimEnd().split('\n');
    expect(lines.filter((line) => !/^(d|-|l)\S+ root\/root /.test(line))).toEqual([]);
    // Nothing that others may write, and only one program.
    expect(
      lines.filter((line) => !/^(drwxr-xr-x|-rw-r--r--|lrwxrwxrwx) /.test(line)).map((line) => line.split(' ').at(-1)),
    ).toEqual(['./usr/lib/certfleet/dist/cli.cjs']);
    expect(
      lines.filter((line) => !/ \.\/(usr\/(|bin\/|lib\/|share\/).*)?$/.test(line) && !line.startsWith('l')),
    ).toEqual([]);
  });

  it('is installed where there is a Node.js that is new enough, and only there', async () => {
    const install = async (nodejs: string) => {
      const root = await temporaryFolder('root');
      for (const folder of ['info', 'updates']) await mkdir(join(root, 'var/lib/dpkg', folder), { recursive: true });
      const node = `Package: nodejs\nStatus: install ok installed\nMaintainer: x\nArchitecture: all\nVersion: ${nodejs}\nDescription: x\n`;
      await writeFile(join(root, 'var/lib/dpkg/status'), node);
      const ran = run('dpkg', [`--root=${root}`, '--log=/dev/null', '--install', debian()], {
        env: { ...bareEnvironment(), PATH: process.env['PATH'] },
      });
      return {
        root,
        said: await ran.then(
          () => '',
          (error: { stderr: string }) => error.stderr,
        ),
      };
    };
    expect((await install('18.20.4+dfsg-1')).said).toContain('certfleet depends on nodejs (>= 20.19)');
    const { root, said } = await install('20.19.2+dfsg-1');
    expect(said).toBe('');

    expect(await readlink(join(root, 'usr/bin/certfleet'))).toBe('../lib/certfleet/dist/cli.cjs');
    const cli = join(root, 'usr/bin/certfleet');
    expect((await readFile(cli, 'utf8')).startsWith('#!/usr/bin/node\n')).toBe(true);
    const certfleet = (...args: readonly string[]) =>
      run(process.execPath, [cli, ...args], { cwd: '/', env: bareEnvironment() });
    expect(await certfleet('--version')).toEqual({ stdout: `${version}\n`, stderr: '' });
    expect((await certfleet('providers', 'route53')).stdout).toContain('AWS Route 53');

    const page = gunzipSync(await readFile(join(root, 'usr/share/man/man1/certfleet.1.gz')));
    expect(page.toString()).toBe(manPage());
    for (const [shell, path] of [
      ['bash', 'bash-completion/completions/certfleet'],
      ['zsh', 'zsh/vendor-completions/_certfleet'],
      ['fish', 'fish/vendor_completions.d/certfleet.fish'],
    ] as const)
      expect(await readFile(join(root, 'usr/share', path), 'utf8')).toBe((await certfleet('completion', shell)).stdout);
    const copyright = await readFile(join(root, 'usr/share/doc/certfleet/copyright'), 'utf8');
    expect(copyright).toMatch(/Apache-2\.0[\s\S]*undici@/);
    expect((await lstat(join(root, 'usr/share/doc/certfleet/changelog.gz'))).size).toBeGreaterThan(100);
    // What dpkg would say of a file that has changed since.
    const { stdout: verified } = await run('dpkg', [`--root=${root}`, '--verify', 'certfleet']);
    expect(verified).toBe('');
  });
});

describe('the release workflow', () => {
  interface Job {
    readonly needs?: string | readonly string[];
    readonly permissions?: Readonly<Record<string, string>>;
    readonly steps: readonly {
      readonly run?: string;
      readonly uses?: string;
      readonly with?: Readonly<Record<string, unknown>>;
    }[];
  }
  let workflow: {
    readonly on: unknown;
    readonly permissions: unknown;
    readonly jobs: Readonly<Record<string, Job>>;
  };
  beforeAll(async () => {
    workflow = load(await readFile(join(repositoryRoot, '.github/workflows/release.yml'), 'utf8')) as typeof workflow;
  });

  it('starts with a tag alone, and each job has the rights that it needs and no other', () => {
    expect(workflow.on).toEqual({ push: { tags: ['v*'] } });
    expect(workflow.permissions).toEqual({});
    const rights = Object.entries(workflow.jobs).map(([name, { permissions }]) => [name, permissions]);
    expect(Object.fromEntries(rights)).toEqual({
      check: { contents: 'read' },
      build: { attestations: 'write', contents: 'read', 'id-token': 'write' },
      npm: { contents: 'read', 'id-token': 'write' },
      image: { attestations: 'write', contents: 'read', 'id-token': 'write', packages: 'write' },
      release: { contents: 'write' },
    });
  });

  it('publishes only what was checked, from files and scripts that exist', async () => {
    const { jobs } = workflow;
    for (const name of ['npm', 'image']) expect(jobs[name]?.needs).toEqual(['check', 'build']);
    expect(jobs['release']?.needs).toEqual(['npm', 'image']);
    const lines = Object.values(jobs).flatMap(({ steps }) => steps.map((step) => step.run ?? ''));
    const scripts = lines.flatMap((line) => [...line.matchAll(/npm run (?:-s )?([\w:]+)/g)].map(([, name]) => name!));
    expect(scripts).toContain('release');
    expect(scripts.filter((name) => manifest.scripts[name] === undefined)).toEqual([]);
    expect(lines.join('\n')).toContain('npm publish --provenance --access public');
    const platforms = jobs['image']?.steps.find(({ uses }) => uses?.startsWith('docker/build-push-action@'))?.with;
    expect(platforms).toMatchObject({ platforms: 'linux/amd64,linux/arm64', provenance: 'mode=max', sbom: true });
  });

  it('takes no text of an event into a shell', async () => {
    const lines = Object.values(workflow.jobs).flatMap(({ steps }) => steps.map((step) => step.run ?? ''));
    expect(lines.filter((line) => line.includes('${{'))).toEqual([]);
  });
});
