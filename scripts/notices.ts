import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { present } from '../src/core/text/present.ts';

/** A package of which the build contains code. */
export interface Bundled {
  readonly name: string;
  readonly version: string;
  /** An SPDX id or expression. */
  readonly license: string;
  /** Its licence, and its notices if it has some. */
  readonly texts: readonly string[];
  /** Where npm had it from, and its SHA-512 in hex, if the lock file says so. */
  readonly resolved?: string | undefined;
  readonly sha512?: string | undefined;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  /** The old form. */
  readonly licenses?: readonly { readonly type: string }[];
  readonly description?: string;
}

/**
 * The packages that modules belong to, by name. Rolldown's own modules count too: its helper functions are in the build.
 *
 * @param modules as rolldown names them: paths, and `\0…` for what it makes itself
 */
export async function bundledPackages(root: string, modules: Iterable<string>): Promise<readonly Bundled[]> {
  const folders = new Set<string>();
  for (const module of modules) {
    const folder = module.startsWith('\0rolldown') ? join(root, 'node_modules/rolldown') : packageOf(module);
    if (folder !== undefined) folders.add(folder);
  }
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly resolved?: string; readonly integrity?: string }>>;
  };
  const found = await Promise.all(
    [...folders].map(async (folder): Promise<Bundled> => {
      const {
        name,
        version,
        licenses,
        license = licenses?.map(({ type }) => type).join(' OR '),
      } = await manifestIn(folder);
      const own = await textsIn(folder);
      const texts = own.length === 0 && name.startsWith('@hono/') ? await textsIn(ofHono(root)) : own;
      if (license === undefined || texts.length === 0)
        throw new Error(
          `${name}@${version} is bundled, but has no ${license === undefined ? '`license`' : 'licence text'}`,
        );
      const locked = lock.packages[`node_modules/${folder.split('/node_modules/').slice(1).join('/node_modules/')}`];
      const [, digest] = /^sha512-(\S+)$/.exec(locked?.integrity ?? '') ?? [];
      const sha512 = digest === undefined ? undefined : Buffer.from(digest, 'base64').toString('hex');
      return { name, version, license, texts, resolved: locked?.resolved, sha512 };
    }),
  );
  return found.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

const keyOf = ({ name, version }: Pick<Bundled, 'name' | 'version'>) => `${name}@${version}`;

/** Its makers publish their other packages under the same licence, without its text. */
const ofHono = (root: string) => join(root, 'node_modules/hono');

/** The folder of the package that a module is in; undefined for our own. */
const packageOf = (module: string): string | undefined =>
  /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/@]+)\//.exec(module.split('?')[0] ?? '')?.[1];

const manifestIn = async (folder: string) =>
  JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;

async function textsIn(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => /^(licen[cs]e|copying|notice)\b(?!.*\.js$)/i.test(name));
  if (names.length === 0) return licenceInReadme(folder);
  return Promise.all(names.toSorted().map(async (name) => (await readFile(join(folder, name), 'utf8')).trim()));
}

/** Some packages have their licence at the end of their README, under a heading of its own. */
async function licenceInReadme(folder: string): Promise<readonly string[]> {
  const readme = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '');
  const [, text = ''] = /^#+ *licen[cs]e\n(.*)$/ims.exec(readme) ?? [];
  return text.includes('Permission is hereby granted') ? [text.trim()] : [];
}

/** What the licences ask for: each one's text, with the package that it belongs to. */
export function noticesText(packages: readonly Bundled[]): string {
  const parts = packages.map((one) => `${keyOf(one)} (${one.license})\n\n${one.texts.join('\n\n')}\n`);
  return ['certfleet contains code of these packages.\n', ...parts].join(`\n${'─'.repeat(78)}\n\n`);
}

const purlOf = ({ name, version }: Pick<Bundled, 'name' | 'version'>) =>
  `pkg:npm/${name.replace('@', '%40')}@${version}`;

/** Text that is an SPDX expression, or one id. */
const licensesOf = (license: string) =>
  /[\s(]/.test(license) ? [{ expression: license }] : [{ license: { id: license } }];

/** A CycloneDX 1.6 document. It has no time and no random number, so that the same sources make the same file. */
export async function sbomText(root: string, packages: readonly Bundled[]): Promise<string> {
  const { name, version, license = '', description = '' } = await manifestIn(root);
  const own = purlOf({ name, version });
  const digest = createHash('sha256')
    .update(JSON.stringify([own, packages.map(keyOf)]))
    .digest('hex');
  // The form of a version 8 UUID, which is for digests (RFC 9562).
  const uuid = /^(.{8})(.{4}).(.{3}).(.{3})(.{12})/.exec(digest)!.slice(1);
  const component = (one: Bundled) => {
    const [group, bare] = one.name.startsWith('@') ? one.name.split('/') : [undefined, one.name];
    return {
      type: 'library',
      'bom-ref': purlOf(one),
      ...present({ group }),
      name: bare,
      version: one.version,
      licenses: licensesOf(one.license),
      purl: purlOf(one),
      ...present({
        hashes: one.sha512 === undefined ? undefined : [{ alg: 'SHA-512', content: one.sha512 }],
        externalReferences: one.resolved === undefined ? undefined : [{ type: 'distribution', url: one.resolved }],
      }),
    };
  };
  const sbom = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuid[0]}-${uuid[1]}-8${uuid[2]}-8${uuid[3]}-${uuid[4]}`,
    version: 1,
    metadata: {
      component: {
        ...{ type: 'application', 'bom-ref': own, name, version, description },
        ...{ licenses: licensesOf(license), purl: own },
      },
    },
    components: packages.map(component),
    dependencies: [{ ref: own, dependsOn: packages.map(purlOf) }, ...packages.map((one) => ({ ref: purlOf(one) }))],
  };
  return `${JSON.stringify(sbom, undefined, 2)}\n`;
}
