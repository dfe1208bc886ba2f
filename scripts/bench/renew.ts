import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeLineage, encodeDocument, type Lineage } from '../../src/core/lineage.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { Store } from '../../src/ports/store.ts';
import fileStore from '../../src/stores/file.ts';
import { inTurn, measure, medianOf, printNote, printRow, range } from './measure.ts';
import { certfleet, configure, type Rig } from './rig.ts';

const many = 1_000;
const few = 100;
const day = 86_400_000;

/** `renew` where nothing is due, 1,000 lineages with cached ARI answers, against `certbot renew` of as many. */
export async function renew(rig: Rig): Promise<void> {
  const model = await configure(rig, 'renew-model', [
    { name: 'model', identifiers: ['model.example.test'], solver: 'webroot' },
  ]);
  await measure(certfleet(model, 'issue', 'model'));
  const [ourMany, ourFew] = [await cloneOurs(rig, model, many), await cloneOurs(rig, model, few)];
  const certbotMany = await cloneCertbots(rig, model, many);

  await measure(certfleet(ourMany, 'renew')); // fills the page cache, and the store's own
  const costs = await inTurn(5, {
    many: () => measure(certfleet(ourMany, 'renew')),
    few: () => measure(certfleet(ourFew, 'renew')),
    certbot: () =>
      measure(['certbot', 'renew', '--quiet', '--non-interactive', '--no-random-sleep-on-renew', ...certbotMany]),
  });
  const ours = medianOf(costs.many, 'wall');
  printRow({
    what: `renew, nothing due, ${many} lineages: wall time against certbot`,
    ours: range(costs.many.map((cost) => cost.wall)),
    peer: `certbot ${range(costs.certbot.map((cost) => cost.wall))}`,
    ratio: ours / medianOf(costs.certbot, 'wall'),
    bound: { atMost: 0.1 },
  });
  const each = ((ours - medianOf(costs.few, 'wall')) / (many - few)) * 1e6;
  printNote(
    `${few} lineages take ${range(costs.few.map((cost) => cost.wall))}: ${each.toFixed(0)} µs for each one more; peak ${medianOf(costs.many, 'peakMib').toFixed(0)} MiB`,
  );
}

/** A store with many copies of one lineage, each under its own name; answers the folder of its configuration. */
async function cloneOurs(rig: Rig, model: string, count: number): Promise<string> {
  const folder = await configure(rig, `renew${count}`, []);
  const log = { debug() {}, info() {}, warn() {} };
  const world = createWorld({ env: {}, log });
  const open = (path: string): Store => fileStore.connect({ options: { path }, name: 'store', world });
  const [from, to] = [open(join(model, 'store')), open(join(folder, 'store'))];
  const { signal } = new AbortController();
  const read = async (kind: 'lineage' | 'key' | 'version', name: string) => {
    const entry = await from.get({ kind, name }, signal);
    if (!entry) throw new Error(`the model has no ${kind}/${name}`);
    return entry.bytes;
  };
  const lineage = decodeLineage(await read('lineage', 'model'), 'model', from.location);
  const { current, renewal } = lineage;
  if (!current || !renewal) throw new Error('the model has no certificate');
  const [key, version] = [await read('key', `model~${current.id}`), await read('version', `model~${current.id}`)];
  // As `issue` by flags leaves it: the whole spec is in the lineage, no configuration names it.
  for (let i = 0; i < count; i++) {
    const name = `n${i}.example.test`;
    const identifiers = [{ type: 'dns', value: name }] as const;
    const clone: Lineage = {
      ...lineage,
      name,
      origin: 'command-line',
      spec: { ...lineage.spec, spec: { ...lineage.spec.spec, name, identifiers } },
      current: { ...current, facts: { ...current.facts, identifiers } },
      renewal: { ...renewal, checkAfter: new Date(Date.now() + day).toISOString() },
    };
    await to.put({ kind: 'lineage', name }, encodeDocument(clone), { ifRevision: null, signal });
    await to.put({ kind: 'key', name: `${name}~${current.id}` }, key, { ifRevision: null, signal });
    await to.put({ kind: 'version', name: `${name}~${current.id}` }, version, { ifRevision: null, signal });
  }
  await world.close();
  return folder;
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
      `server = ${rig.pebble.directoryUrl}`,
      'key_type = ecdsa',
    ];
    await writeFile(join(config, 'renewal', `${name}.conf`), `${settings.join('\n')}\n`);
  }
  await readFile(join(config, 'live/n0.example.test/cert.pem')); // the links lead somewhere
  return ['--config-dir', config, '--work-dir', join(base, 'w'), '--logs-dir', join(base, 'l')];
}
