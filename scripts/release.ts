import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

// What a release publishes, as far as no account is needed: the npm package, a Debian package, the SBOM and the
// checksums. .github/workflows/release.yml uploads them, and a long test tries them.
//
//   npm run release -- --out DIR                 (by default release/)
//   npm run release -- --out DIR --dist DIR      with a build that exists (for the test)

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const { values: flags } = parseArgs({
  options: { out: { type: 'string', default: join(root, 'release') }, dist: { type: 'string' } },
});
const out = resolve(flags.out);
const { name, version, description, homepage, author } = JSON.parse(
  await readFile(join(root, 'package.json'), 'utf8'),
) as Readonly<Record<'name' | 'version' | 'description' | 'homepage' | 'author', string>>;

/** The time of the last commit, so that the same commit makes the same files. */
const epoch = Number(
  process.env['SOURCE_DATE_EPOCH'] ?? (await run('git', ['log', '-1', '--format=%ct'], { cwd: root })).stdout,
);

await mkdir(out, { recursive: true });
const work = await mkdtemp(join(tmpdir(), 'certfleet-release-'));
try {
  const packed = await pack();
  await run('tar', ['--extract', '--gzip', '--file', packed, '--directory', work]);
  const source = join(work, 'package');
  const debian = await packDebian(source);
  const sbom = join(out, `${name}-${version}.cdx.json`);
  await copyFile(join(source, 'dist/sbom.cdx.json'), sbom);
  const sums = await Promise.all(
    [packed, debian, sbom].map(async (file) => `${await sha256(file)}  ${basename(file)}\n`),
  );
  await writeFile(join(out, 'SHA256SUMS'), sums.join(''));
  process.stdout.write(sums.join(''));
} finally {
  await rm(work, { recursive: true, force: true });
}

async function sha256(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

/** The npm package; `prepack` builds it. */
async function pack(): Promise<string> {
  let from = root;
  const more: string[] = [];
  if (flags.dist !== undefined) {
    from = join(work, 'source');
    await mkdir(from);
    for (const file of [
      'package.json',
      'README.md',
      'README.zh-CN.md',
      'LICENSE',
      'CHANGELOG.md',
      'SECURITY.md',
      'docs',
      'examples',
    ])
      await cp(join(root, file), join(from, file), { recursive: true });
    await cp(flags.dist, join(from, 'dist'), { recursive: true });
    more.push('--ignore-scripts');
  }
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', out, ...more], {
    cwd: from,
    maxBuffer: 64 * 1024 * 1024,
  });
  // What `prepack` prints comes before it.
  const [{ filename }] = JSON.parse(stdout.slice(stdout.search(/^\[/m))) as [{ readonly filename: string }];
  return join(out, filename);
}

/** A package for Debian and its derivatives. Its only dependency is Debian's own Node.js. */
async function packDebian(source: string): Promise<string> {
  const tree = join(work, 'debian');
  const at = (path: string) => join(tree, path);
  const write = async (path: string, content: string | Uint8Array, mode = 0o644) => {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), content);
    await chmod(at(path), mode);
  };
  const zipped = async (from: string) => gzipSync(await readFile(join(source, from)), { level: 9 });

  await mkdir(at('usr/lib/certfleet'), { recursive: true });
  await cp(join(source, 'dist'), at('usr/lib/certfleet/dist'), {
    recursive: true,
    // Types and maps are for who builds on it, and has npm.
    filter: (path) => !/\/types$|\.map$|\/certfleet\.1$/.test(path),
  });
  await copyFile(join(source, 'package.json'), at('usr/lib/certfleet/package.json'));
  const cli = 'usr/lib/certfleet/dist/cli.cjs';
  // Policy 10.4: not whichever node is first on PATH.
  const text = (await readFile(at(cli), 'utf8')).replace(/^#!.*\n/, '#!/usr/bin/node\n');
  await write(cli, text, 0o755);
  await mkdir(at('usr/bin'), { recursive: true });
  await symlink('../lib/certfleet/dist/cli.cjs', at('usr/bin/certfleet'));

  await write('usr/share/man/man1/certfleet.1.gz', await zipped('dist/certfleet.1'));
  const completions = {
    bash: 'usr/share/bash-completion/completions/certfleet',
    zsh: 'usr/share/zsh/vendor-completions/_certfleet',
    fish: 'usr/share/fish/vendor_completions.d/certfleet.fish',
  };
  for (const [shell, path] of Object.entries(completions)) {
    const { stdout } = await run(process.execPath, [join(source, 'dist/cli.cjs'), 'completion', shell], {
      env: { ...process.env, CERTFLEET_CODE_CACHE: 'off' },
    });
    await write(path, stdout);
  }
  const documents = 'usr/share/doc/certfleet';
  await cp(join(source, 'docs'), at(`${documents}/docs`), { recursive: true });
  await cp(join(source, 'examples'), at(`${documents}/examples`), { recursive: true });
  for (const file of ['README.md', 'README.zh-CN.md']) await copyFile(join(source, file), at(`${documents}/${file}`));
  await write(`${documents}/changelog.gz`, await zipped('CHANGELOG.md'));
  const notices = await readFile(join(source, 'dist/THIRD-PARTY-NOTICES'), 'utf8');
  await write(
    `${documents}/copyright`,
    `${name} ${version}, ${homepage}\nCopyright: ${author}\nLicense: Apache-2.0, in /usr/share/common-licenses/Apache-2.0\n\n${notices}`,
  );

  const files = (await readdir(tree, { recursive: true, withFileTypes: true }))
    .map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  let bytes = 0;
  const digests: string[] = [];
  for (const { entry, path } of files) {
    if (entry.isDirectory()) await chmod(path, 0o755);
    if (!entry.isFile()) continue;
    const content = await readFile(path);
    bytes += content.length;
    digests.push(`${createHash('md5').update(content).digest('hex')}  ${relative(tree, path)}\n`);
    if (path !== at(cli)) await chmod(path, 0o644);
  }
  await write('DEBIAN/md5sums', digests.join(''));
  await write(
    'DEBIAN/control',
    `${[
      `Package: ${name}`,
      `Version: ${version}`,
      'Architecture: all',
      `Maintainer: ${author}`,
      `Installed-Size: ${Math.ceil(bytes / 1024)}`,
      'Depends: nodejs (>= 20.19)',
      'Recommends: ca-certificates',
      'Section: net',
      'Priority: optional',
      `Homepage: ${homepage}`,
      'Description: HTTPS certificates for container clusters',
      // Lines of at most 80 characters.
      description.replace(/(.{1,78})(\s+|$)/g, ' $1\n').trimEnd(),
    ].join('\n')}\n`,
  );
  const debian = join(out, `${name}_${version}_all.deb`);
  // It also sets the time of every file back to that one.
  await run('dpkg-deb', ['--build', '--root-owner-group', '-Zxz', tree, debian], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
  });
  return debian;
}
