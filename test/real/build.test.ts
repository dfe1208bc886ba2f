import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { builtProgram } from '../support/built.ts';
import { bareEnvironment, repositoryRoot } from '../support/service.ts';

const run = promisify(execFile);
const { version } = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8')) as { version: string };

/** What the tests run; test/long/package.test.ts makes the whole package, with types. */
const dist = dirname(builtProgram());

/** A file and what it requires at once: what node reads before the first line runs. */
async function loadedAtStart(file: string, seen = new Set<string>()): Promise<Set<string>> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = await readFile(file, 'utf8');
  for (const [, from] of text.matchAll(/[=,;]require\(["'](\.[^"']+)["']\)/g)) {
    await loadedAtStart(join(dirname(file), from!), seen);
  }
  return seen;
}

describe('the build', () => {
  it('makes a command line that prints its version', async () => {
    const cli = join(dist, 'cli.cjs');
    expect((await stat(cli)).mode & 0o777).toBe(0o755);
    expect((await readFile(cli, 'utf8')).startsWith('#!/usr/bin/env node\n')).toBe(true);
    const { stdout, stderr } = await run(cli, ['--version'], { cwd: '/', env: bareEnvironment() });
    expect({ stdout, stderr }).toEqual({ stdout: `${version}\n`, stderr: '' });
  });

  it('loads almost nothing for --version', async () => {
    const files = await loadedAtStart(join(dist, 'cli.cjs'));
    let bytes = 0;
    for (const file of files) bytes += (await stat(file)).size;
    // The entry has a few lines; with any library it would be ten times this.
    expect(bytes).toBeLessThan(8_000);
  });

  it('loads what speaks with an OpenID provider only once someone logs in there', async () => {
    const chunks = (await readdir(join(dist, 'chunks'))).filter((file) => file.endsWith('.cjs'));
    const texts = await Promise.all(chunks.map((file) => readFile(join(dist, 'chunks', file), 'utf8')));
    // Those that only pass something on have none.
    const mapOf = (file: string) => readFile(join(dist, 'chunks', `${file}.map`), 'utf8').catch(() => '');
    const maps = await Promise.all(chunks.map(mapOf));
    const having = chunks.filter((_file, index) => maps[index]!.includes('/openid-client/'));
    expect(having).toHaveLength(1);
    const loaders = texts.flatMap((text) => [...text.matchAll(/(.{9})require\(["'`]\.\/([^"'`]+)/g)]);
    expect(loaders.filter(([, , file]) => file === having[0]).map(([, before]) => before)).toEqual([
      expect.stringMatching(/then\(\(\)=>$/),
    ]);
  });

  it('is a library with one copy of everything, also for external modules', async () => {
    const load = (name: string) => import(pathToFileURL(join(dist, name)).href);
    const [index, define, testing] = await Promise.all([load('index.js'), load('define.js'), load('testing.js')]);
    expect(index.version).toBe(version);
    expect(Object.keys(index)).toEqual(
      expect.arrayContaining(['openFleet', 'createWorld', 'CertfleetError', 'Secret']),
    );
    expect(define.Secret).toBe(index.Secret);
    expect(typeof testing.solverContract).toBe('function');
  });

  it('names every package of which it has code, and no other, in the notices and the SBOM', async () => {
    // The source maps say where each line came from.
    const maps = (await readdir(dist, { recursive: true })).filter((file) => file.endsWith('.map'));
    const bundled = new Set<string>();
    for (const file of maps) {
      const { sources } = JSON.parse(await readFile(join(dist, file), 'utf8')) as { readonly sources: string[] };
      for (const source of sources) {
        const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source) ?? [];
        if (name !== undefined) bundled.add(name);
      }
    }
    expect(bundled.size).toBeGreaterThan(8);
    // The pages send it as a text (`generated/page-assets.ts`).
    bundled.add('htmx.org');
    // Its helper functions have no source of their own.
    if ((await readdir(join(dist, 'chunks'))).some((file) => file.startsWith('rolldown-runtime')))
      bundled.add('rolldown');
    const versions = await Promise.all(
      [...bundled].map(async (name) => {
        const manifest = await readFile(join(repositoryRoot, 'node_modules', name, 'package.json'), 'utf8');
        return `${name}@${(JSON.parse(manifest) as { version: string }).version}`;
      }),
    );
    const wanted = versions.sort();

    const notices = await readFile(join(dist, 'THIRD-PARTY-NOTICES'), 'utf8');
    const parts = notices.split(/^─+$/m).slice(1);
    expect(parts.map((part) => /^(\S+) \(/.exec(part.trim())?.[1])).toEqual(wanted);
    // A licence, not only its name.
    for (const part of parts) expect(part).toMatch(/permission|redistribution|granted|free and unencumbered/i);

    const sbom = JSON.parse(await readFile(join(dist, 'sbom.cdx.json'), 'utf8'));
    expect(sbom).toMatchObject({
      ...{ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 },
      serialNumber: expect.stringMatching(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/),
      metadata: { component: { type: 'application', purl: `pkg:npm/certfleet@${version}` } },
    });
    expect(sbom.components).toEqual(
      wanted.map((one) => {
        const [, group, name, of] = /^(?:(@[^/]+)\/)?([^@]+)@(.+)$/.exec(one)!;
        const purl = `pkg:npm/${one.replace(/^@/, '%40')}`;
        return {
          ...{ type: 'library', 'bom-ref': purl, purl, name, version: of },
          ...(group === undefined ? {} : { group }),
          licenses: [expect.anything()],
          hashes: [{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) }],
        };
      }),
    );
    expect(sbom.dependencies[0]).toEqual({
      ref: `pkg:npm/certfleet@${version}`,
      dependsOn: sbom.components.map(({ purl }: { purl: string }) => purl),
    });
  });
});
