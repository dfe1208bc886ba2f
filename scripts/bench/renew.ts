import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { settingsOf } from '../../src/core/lineage/deployments.ts';
import { decodeLineage, encodeDocument, type Lineage } from '../../src/core/lineage/lineage.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { Kind, Store } from '../../src/ports/store.ts';
import { encodeStored, noPredecessor } from '../../src/stores/file/document.ts';
import { pathOf, placeOf } from '../../src/stores/file/layout.ts';
import fileStore from '../../src/stores/file.ts';
import { inTurn, measure, medianOf, printNote, printRow, range } from './measure.ts';
import { certfleet, configure, type Rig } from './rig.ts';

const day = 86_400_000;

/** `renew` where nothing is due: lineages with cached ARI answers, against `certbot renew`. */
export async function renew(rig: Rig): Promise<void> {
  const [few, many, most] = [rig.count(100), rig.count(1_000), rig.count(10_000)];
  const model = await configure(rig, 'renew-model', [
    { name: 'model', identifiers: ['model.example.test'], solver: 'webroot' },
  ]);
  await measure(certfleet(model, 'issue', 'model'));
  const folders = {
    few: await cloneOurs(rig, model, 'few', few),
    many: await cloneOurs(rig, model, 'many', many),
    most: await cloneOurs(rig, model, 'most', most),
    bare: await cloneOurs(rig, model, 'bare', most, { hasFiles: false }),
  };
  const certbotMany = await cloneCertbots(rig, model, many);

  // The first pass fills the page cache, and tidies the store, which happens once an hour.
  for (const folder of Object.values(folders)) await measure(certfleet(folder, 'renew'));
  const costs = await inTurn(rig.rounds(5), {
    few: () => measure(certfleet(folders.few, 'renew')),
    many: () => measure(certfleet(folders.many, 'renew')),
    most: () => measure(certfleet(folders.most, 'renew')),
    bare: () => measure(certfleet(folders.bare, 'renew')),
    certbot: () =>
      measure(['certbot', 'renew', '--quiet', '--non-interactive', '--no-random-sleep-on-renew', ...certbotMany]),
  });
  const wall = (name: keyof typeof costs) => medianOf(costs[name], 'wall');
  const walls = (name: keyof typeof costs) => range(costs[name].map((cost) => cost.wall));
  const eachMore = (more: 'many' | 'most', count: number) =>
    `${(((wall(more) - wall('few')) / (count - few)) * 1e6).toFixed(0)} µs`;
  printRow({
    what: `renew, nothing due, ${many} lineages: wall time against certbot`,
    ours: walls('many'),
    peer: `certbot ${walls('certbot')}`,
    ratio: wall('many') / wall('certbot'),
    bound: { atMost: 0.1 },
  });
  printNote(`${few} lineages take ${walls('few')}: ${eachMore('many', many)} for each one more`);
  printRow({
    what: `renew, nothing due, ${most} lineages without a target: wall time against certbot with ${many}`,
    ours: walls('bare'),
    peer: `certbot ${walls('certbot')}`,
    ratio: wall('bare') / wall('certbot'),
    bound: { atMost: 0.05 },
  });
  // What a node pays for finding out whether it has them all.
  printRow({
    what: `renew, nothing due, ${most} lineages with \`files\`: wall time against lineages without a target`,
    ours: walls('most'),
    peer: `without ${walls('bare')}`,
    ratio: wall('most') / wall('bare'),
    bound: { atMost: 2.5 },
  });
  printNote(`${(wall('most') / wall('certbot')).toFixed(2)} of certbot with ${many}`);
  const peak = (name: keyof typeof costs) => medianOf(costs[name], 'peakMib');
  const eachKib = ((peak('most') - peak('few')) / (most - few)) * 1024;
  printNote(
    `${eachMore('most', most)} and ${eachKib.toFixed(1)} KiB for each one more than ${few}; peak ${peak('most').toFixed(0)} MiB (with ${few}: ${peak('few').toFixed(0)})`,
  );
}

/**
 * A store with many copies of one lineage, each under its own name; answers the folder of its configuration.
 *
 * @param options.change what else is to be different in the copy of this number
 */
export async function cloneOurs(
  rig: Rig,
  model: string,
  to: string,
  count: number,
  {
    hasFiles = true,
    change = (copy) => copy,
  }: { readonly hasFiles?: boolean; readonly change?: (copy: Lineage, i: number) => Lineage } = {},
): Promise<string> {
  const folder = await configure(rig, `many-${to}`, []);
  const log = { debug() {}, info() {}, warn() {} };
  const world = createWorld({ env: {}, log });
  const open = (path: string): Store => fileStore.connect({ options: { path }, name: 'store', world });
  const [source, target] = [open(join(model, 'store')), open(join(folder, 'store'))];
  const { signal } = new AbortController();
  const read = async (kind: Kind, name: string) => {
    const entry = await source.get({ kind, name }, signal);
    if (!entry) throw new Error(`the model has no ${kind}/${name}`);
    return entry.bytes;
  };
  const write = (kind: Kind, name: string, bytes: Uint8Array) =>
    target.put({ kind, name }, bytes, { ifRevision: null, signal });
  // As the store writes a first revision, but without a sync, which takes ten times as long.
  const lay = async (kind: Kind, name: string, bytes: Uint8Array) => {
    const place = placeOf(join(folder, 'store'), { kind, name });
    await mkdir(place.folder, { recursive: true, mode: 0o700 });
    const document = { state: 'live', number: 1, name, nonce: 'benchNon', after: noPredecessor, bytes } as const;
    await writeFile(pathOf(place, 1), encodeStored(document), { mode: 0o600 });
  };
  // A store is known by it: `renew` refuses a folder without one.
  await write('meta', 'store', await read('meta', 'store'));
  const lineage = decodeLineage(await read('lineage', 'model'), 'model', source.location);
  const { current, renewal } = lineage;
  if (!current || !renewal) throw new Error('the model has no certificate');
  const certs = join(folder, 'certs');
  const spec = {
    ...lineage.spec,
    targets: hasFiles
      ? lineage.spec.targets.map((one) => ({ ...one, settings: { ...one.settings, path: certs } }))
      : [],
  };
  const deployments = Object.fromEntries(
    spec.targets.map(({ name }) => [name, { ...lineage.deployments[name]!, settings: settingsOf(spec, name) }]),
  );
  for (const part of ['live', 'archive']) await mkdir(join(certs, part), { recursive: true });
  const [key, version] = [await read('key', `model~${current.id}`), await read('version', `model~${current.id}`)];
  const clone = async (i: number) => {
    const name = nameOfCopy(i);
    const copy = copyOf({ ...lineage, spec, deployments }, name);
    await lay('lineage', name, encodeDocument(change(copy, i)));
    await lay('key', `${name}~${current.id}`, key);
    await lay('version', `${name}~${current.id}`, version);
    if (!hasFiles) return;
    const archive = join(certs, 'archive', name);
    await mkdir(archive);
    await cp(join(model, 'certs/archive/model', current.id), join(archive, current.id), { recursive: true });
    await symlink(`../archive/${name}/${current.id}`, join(certs, 'live', name));
  };
  const names = Array.from({ length: count }, (_, i) => i).values();
  const lane = async () => {
    for (const i of names) await clone(i);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
  await world.close();
  return folder;
}

export const nameOfCopy = (i: number): string => `n${i}.example.test`;

/**
 * A lineage with its certificate under another name, as `issue` by flags leaves it: the whole spec is in it, and no
 * configuration names it.
 */
export function copyOf(lineage: Lineage, name: string): Lineage {
  const identifiers = [{ type: 'dns', value: name }] as const;
  const { spec, current, renewal } = lineage;
  if (!current || !renewal) throw new Error('the model has no certificate');
  return {
    ...lineage,
    name,
    origin: 'command-line',
    spec: { ...spec, name, identifiers, parts: spec.parts.map((part) => ({ ...part, identifiers })) },
    current: { ...current, facts: { ...current.facts, identifiers } },
    renewal: { ...renewal, checkAfter: new Date(Date.now() + day).toISOString() },
  };
}

/** The same certificate as many certbot lineages; answers the flags that name the folders. */
async function cloneCertbots(rig: Rig, model: string, count: number): Promise<readonly string[]> {
  const base = join(rig.folder, 'certbot-renew');
  const config = join(base, 'c');
  for (const folder of ['renewal', 'archive', 'live', 'accounts'])
    await mkdir(join(config, folder), { recursive: true });
  const parts = ['cert', 'chain', 'fullchain', 'privkey'];
  for (let i = 0; i < count; i++) {
    const name = `n${i}.example.test`;
    const [live, archive] = [join(config, 'live', name), join(config, 'archive', name)];
    await Promise.all([mkdir(live), mkdir(archive)]);
    for (const part of parts) {
      await cp(join(model, 'certs/live/model', `${part}.pem`), join(archive, `${part}1.pem`));
      await symlink(`../../archive/${name}/${part}1.pem`, join(live, `${part}.pem`));
    }
    const settings = [
      'version = 4.0.0',
      `archive_dir = ${archive}`,
      ...parts.map((part) => `${part} = ${join(live, `${part}.pem`)}`),
      '[renewalparams]',
      'account = 00000000000000000000000000000000',
      'authenticator = standalone',
      `server = ${rig.ca.directoryUrl}`,
      'key_type = ecdsa',
    ];
    await writeFile(join(config, 'renewal', `${name}.conf`), `${settings.join('\n')}\n`);
  }
  await readFile(join(config, 'live/n0.example.test/cert.pem')); // the links lead somewhere
  return ['--config-dir', config, '--work-dir', join(base, 'w'), '--logs-dir', join(base, 'l')];
}
