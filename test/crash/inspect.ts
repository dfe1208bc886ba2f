import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeDocument, type Lineage } from '../../src/core/lineage/lineage.ts';
import type { Kind, Store } from '../../src/ports/store.ts';
import { until } from '../support/service.ts';
import { challengeFiles, type Ran, type Rig, type State } from './rig.ts';
import { openStoreAt } from './stores.ts';

const { signal } = new AbortController();

/** Looks into the store of a state, beside the processes that work on it. */
async function inStore<T>({ place }: State, look: (store: Store) => Promise<T>): Promise<T> {
  const store = openStoreAt(place);
  try {
    return await look(store);
  } finally {
    await store.close?.();
  }
}

export const documents = (
  state: State,
  kind: Kind,
): Promise<ReadonlyMap<string, { revision: string; json: Record<string, unknown> }>> =>
  inStore(state, async (store) => {
    const found = new Map<string, { revision: string; json: Record<string, unknown> }>();
    for await (const page of store.scan(kind, signal))
      for (const { key, bytes, revision } of page)
        found.set(key.name, { revision, json: JSON.parse(new TextDecoder().decode(bytes)) });
    return found;
  });

export const readLineage = (state: State, name = 'abc'): Promise<Lineage | undefined> =>
  inStore(state, async (store) => {
    const entry = await store.get({ kind: 'lineage', name }, signal);
    return entry && (JSON.parse(new TextDecoder().decode(entry.bytes)) as Lineage);
  });

/** Changes a lineage's past. */
export const rewriteLineage = (state: State, change: (lineage: Lineage) => Lineage, name = 'abc'): Promise<void> =>
  inStore(state, async (store) => {
    const key = { kind: 'lineage', name } as const;
    const entry = await store.get(key, signal);
    if (!entry) throw new Error(`no lineage ${name}`);
    const lineage = JSON.parse(new TextDecoder().decode(entry.bytes)) as Lineage;
    await store.put(key, encodeDocument(change(lineage)), { ifRevision: entry.revision, signal });
  });

/** Whether the current version's certificate matches the key stored under its id. */
export async function currentKeyFits(state: State, name = 'abc'): Promise<boolean> {
  const id = (await readLineage(state, name))?.current?.id;
  const key = (await documents(state, 'key')).get(`${name}~${id}`)?.json as { keyPem?: string } | undefined;
  const version = (await documents(state, 'version')).get(`${name}~${id}`)?.json as { chainPem?: string } | undefined;
  if (!key?.keyPem || !version?.chainPem) return false;
  const spki = createPublicKey(key.keyPem).export({ type: 'spki', format: 'der' });
  return new X509Certificate(version.chainPem).publicKey.export({ type: 'spki', format: 'der' }).equals(spki);
}

/** Whether the deployed files are the current version's certificate and its key. */
export async function liveFits(state: State, name = 'abc'): Promise<boolean> {
  const current = (await readLineage(state, name))?.current;
  const folder = join(state.live, 'live', name);
  const [certPem, keyPem] = await Promise.all([
    readFile(join(folder, 'fullchain.pem'), 'utf8'),
    readFile(join(folder, 'privkey.pem'), 'utf8'),
  ]);
  const certificate = new X509Certificate(certPem);
  const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  const sameSerial =
    current !== undefined && BigInt(`0x${certificate.serialNumber}`) === BigInt(`0x${current.facts.serial}`);
  return sameSerial && certificate.publicKey.export({ type: 'spki', format: 'der' }).equals(spki);
}

// ── the outside world ──

/** Files and values of others, beside everything that certfleet changes; they must stay. */
export const foreign = 'somebody-else';

export async function plantForeign(rig: Rig): Promise<void> {
  await rig.bind.update('example.test', `add _acme-challenge.example.test. 60 TXT "${foreign}"`);
  await mkdir(join(rig.webroot, '.well-known/acme-challenge'), { recursive: true });
  await writeFile(join(rig.webroot, '.well-known/acme-challenge', foreign), foreign);
}

/** What exists but should not, or should exist but does not; nothing in a clean world. */
export async function leftovers(rig: Rig, state: State): Promise<readonly string[]> {
  const txt = (await rig.bind.txt('example.test')).filter((r) => r.name.startsWith('_acme-challenge'));
  const files = await challengeFiles(rig);
  const tokens = [...(await documents(state, 'token')).keys()];
  return [
    ...txt.filter((r) => r.value !== foreign).map((r) => `TXT ${r.name} ${r.value}`),
    ...(txt.some((r) => r.value === foreign) ? [] : ['the foreign TXT value is gone']),
    ...files.filter((file) => file !== foreign).map((file) => `file ${file}`),
    ...(files.includes(foreign) ? [] : ['the foreign file is gone']),
    ...tokens.map((token) => `token document ${token}`),
  ];
}

/** Temporary files below a folder, which only a killed process may leave. */
export async function temporaries(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name.endsWith('.tmp'));
}

// ── processes ──

/** `T` is stopped, `Z` a zombie; undefined if there is no such process. */
export async function processState(pid: number): Promise<string | undefined> {
  const line = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  return line?.slice(line.lastIndexOf(')') + 2)[0];
}

/** Waits until a run has stopped itself (SIGSTOP); returns how it ended if it ended instead. */
export async function untilStopped(run: {
  readonly pid: number;
  readonly done: Promise<Ran>;
}): Promise<Ran | undefined> {
  let ended: Ran | undefined;
  run.done.then((ran) => (ended = ran));
  await until(async () => ended !== undefined || (await processState(run.pid)) === 'T', {
    what: 'the process has stopped itself',
    deadlineMs: 60_000,
    everyMs: 5,
  });
  return ended;
}

/** The outcome of a run with one certificate. */
export function resultOf(ran: Ran): string | undefined {
  const outcomes = ran.answer?.result as readonly { readonly result?: string }[] | undefined;
  return Array.isArray(outcomes) ? outcomes[0]?.result : undefined;
}
