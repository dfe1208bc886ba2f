import { createHash } from 'node:crypto';
import { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { maxDocumentBytes, maxNameLength } from '../core/lineage/document-limits.ts';
import { decodeDocument, decodeLineage, encodeDocument, type Lineage } from '../core/lineage/lineage.ts';
import { type AccountFacts, createAccountUse, lacking, usedAccount, widowed } from '../core/lineage/store-parts.ts';
import { isStoredName } from '../core/names/identifiers.ts';
import { isDeepJson } from '../core/text/json.ts';
import type { Kind, Store } from '../ports/store.ts';
import { forgedAmong, isOpenSecret, notSealed, sealedWith } from '../stores/encrypted.ts';
import { readRestoreMark, restoreMarkKey, unfinished } from './restoring.ts';
import { storeIdKey } from './store-id.ts';
import { idOf, isVersionId, type PlainDocument, shown, versionsOf, withoutLease } from './without-lease.ts';

/**
 * A backup is one text file of JSON lines:
 *
 * ```
 * {"certfleet":"backup","version":1,"at":"2026-11-26T02:00:00.000Z"}
 * {"kind":"lineage","name":"www.example.com","data":"<base64>"}
 * {"documents":1,"sha256":"<hex, over all lines before>"}
 * ```
 *
 * Sealed documents stay sealed, so neither a backup nor a restore needs the key.
 */
const format = { certfleet: 'backup', version: 1 } as const;

/**
 * Lineages come first: others write keys and versions before the lineages that name them, and a backup reads them
 * after.
 */
const order = {
  lineage: 1,
  account: 2,
  credential: 3,
  key: 4,
  version: 5,
  ledger: 6,
  lock: 7,
  token: 8,
  replica: 9,
  history: 10,
  meta: 11,
  alarm: 12,
  declared: 13,
  user: 14,
  access: 15,
  audit: 16,
} as const satisfies Record<Exclude<Kind, 'session' | 'login'>, number>;
/** Without sessions and logins: what restores a backup, or moves a store, holds no leases, and people log in again. */
export const kinds = Object.keys(order) as readonly Kind[];

export interface Backup {
  readonly text: string;
  readonly documents: number;
  readonly certificates: number;
  /** Whether secrets are in the backup in plain text. */
  readonly isOpen: boolean;
  /** Documents that could not be read, and are left out. */
  readonly damaged: readonly string[];
  /** Documents that others need, but that the store does not have. */
  readonly missing: readonly string[];
}

/** How many times to read a certificate again if it changes during the backup. */
const rounds = 10;

/**
 * Reads a whole store. Documents may be from different moments if other processes write, but every certificate has the
 * keys and versions that its lineage names.
 */
export async function backUp(store: Store, at: Date, signal: AbortSignal): Promise<Backup> {
  const found = new Map<string, PlainDocument>();
  const damaged: string[] = [];
  for (const kind of kinds)
    for await (const page of store.scan(kind, signal))
      for (const { key, bytes, corrupt } of page) {
        if (corrupt) damaged.push(idOf(key));
        else found.set(idOf(key), { key, bytes });
      }
  const all = [...found.values()].map(({ key, bytes }) => [key, bytes] as const);
  for (const key of forgedAmong(all, found.get('meta/encryption')?.bytes)) {
    found.delete(idOf(key));
    damaged.push(idOf(key));
  }
  const lineages = new Map<string, Lineage>();
  for (const document of [...found.values()].filter(({ key }) => key.kind === 'lineage'))
    try {
      const lineage = await complete(store, { found, damaged }, document, signal);
      if (lineage) lineages.set(lineage.name, lineage);
    } catch (error) {
      if (!isFailure(error, 'store/corrupt')) throw error;
      found.delete(idOf(document.key));
      damaged.push(idOf(document.key));
    }
  const missing = missingIn(found, lineages, damaged);
  const certificates = lineages.size;
  const isOpen = [...found.values()].some(({ key, bytes }) => isOpenSecret(key, bytes));
  const documents = found.size;
  const lines = [lineOf({ ...format, at: at.toISOString() })];
  for (const [id, { key, bytes }] of found) {
    lines.push(lineOf({ ...key, data: Buffer.from(bytes).toString('base64') }));
    found.delete(id); // frees memory, so that a large store is not held twice
  }
  const hash = createHash('sha256');
  for (const line of lines) hash.update(line);
  lines.push(lineOf({ documents, sha256: hash.digest('hex') }));
  return { text: lines.join(''), documents, certificates, isOpen, damaged, missing };
}

const lineOf = (value: object): string => `${JSON.stringify(value)}\n`;
const digestOf = (body: string): string => createHash('sha256').update(body).digest('hex');

/** Returns the documents that the found documents need, and that are neither found nor unreadable. */
function missingIn(
  found: ReadonlyMap<string, PlainDocument>,
  lineages: ReadonlyMap<string, Lineage>,
  damaged: readonly string[],
): readonly string[] {
  const known = new Set([...found.keys(), ...damaged]);
  const all = [...found.values()];
  const namesOf = (kind: Kind) => ({
    has: (name: string) => known.has(idOf({ kind, name })),
    names: all.flatMap(({ key }) => (key.kind === kind ? [key.name] : [])),
  });
  const parts = { key: namesOf('key'), version: namesOf('version') };
  const use = createAccountUse('');
  for (const lineage of lineages.values()) use.add(lineage.name, usedAccount(lineage));
  const accounts = all.filter(({ key }) => key.kind === 'account');
  const open = accounts.filter(({ bytes }) => sealedWith(bytes) === undefined);
  const sealed = accounts.filter((one) => !open.includes(one)).map(({ key }) => key.name);
  const facts = open.map(({ key, bytes }) => decodeDocument<AccountFacts>(bytes, { key: idOf(key), file: '' }, []));
  const hasBadAccount = damaged.some((id) => id.startsWith('account/'));
  return [
    ...[...widowed(parts, namesOf('lineage').has).keys()].map((name) => `lineage/${name}`),
    ...[...lineages.values()].flatMap((lineage) => lacking(parts, lineage).map(idOf)),
    ...(hasBadAccount ? [] : use.missing(facts, sealed).map(({ account }) => `account/${account}`)),
  ].sort();
}

/**
 * Adds documents that a lineage names and that were not found, because a version was created or removed since the
 * lineage was read. Returns the lineage as it is now, or undefined if it was deleted.
 */
async function complete(
  store: Store,
  { found, damaged }: { readonly found: Map<string, PlainDocument>; readonly damaged: readonly string[] },
  document: PlainDocument,
  signal: AbortSignal,
): Promise<Lineage | undefined> {
  const { name } = document.key;
  let lineage: Lineage = decodeLineage(document.bytes, name, store.location);
  for (let round = 1; round <= rounds; round += 1) {
    let isMissing = false;
    for (const { id, isStored } of versionsOf(lineage))
      for (const kind of ['key', 'version'] as const) {
        const key = { kind, name: `${name}~${id}` };
        if (found.has(idOf(key)) || damaged.includes(idOf(key))) continue;
        const entry = await store.get(key, signal);
        if (entry) found.set(idOf(key), { key, bytes: entry.bytes });
        else isMissing ||= isStored;
      }
    if (!isMissing) return lineage;
    const now = await store.get({ kind: 'lineage', name }, signal);
    if (!now) {
      found.delete(idOf(document.key));
      return undefined;
    }
    found.set(idOf(document.key), { key: document.key, bytes: now.bytes });
    lineage = decodeLineage(now.bytes, name, store.location);
  }
  return lineage; // the document is permanently missing
}

/** Reports whether a file that begins like this is a backup, of this format version or a later one. */
export const isBackup = (first: Uint8Array): boolean =>
  new TextDecoder().decode(first).startsWith(JSON.stringify({ certfleet: format.certfleet }).slice(0, -1));

/** Returns the documents of a backup. Fails with `store/backup-damaged`, naming `file`, unless the backup is whole. */
export function readBackup(bytes: Uint8Array, file: string): readonly PlainDocument[] {
  const damaged = (reason: string) => fail('store/backup-damaged', { file, reason });
  const text = new TextDecoder().decode(bytes);
  const lines = text.split('\n');
  const [first, last] = [lines[0], lines.at(-2)].map(parsed);
  if (first?.['certfleet'] !== format.certfleet) throw damaged('it is no backup of certfleet');
  if (first['version'] !== format.version) throw damaged('a later version of certfleet has written it');
  const body = `${lines.slice(0, -2).join('\n')}\n`;
  if (lines.at(-1) !== '' || last?.['sha256'] === undefined)
    throw damaged('its end is missing, or something was added to it');
  if (last['sha256'] !== digestOf(body)) throw damaged('it has changed since it was written (checksum)');
  const documents = new Map<string, PlainDocument>();
  for (const line of lines.slice(1, -2)) {
    const document = documentIn(line, file);
    if (typeof document === 'string') throw damaged(document);
    const id = idOf(document.key);
    if (documents.has(id)) throw damaged(`it has ${id} twice`);
    documents.set(id, document);
  }
  const all = [...documents.values()].map(({ key, bytes: content }) => [key, content] as const);
  const [forged] = forgedAmong(all, documents.get('meta/encryption')?.bytes);
  if (forged) throw damaged(`${idOf(forged)}: ${notSealed}`);
  return [...documents.values()];
}

/**
 * Returns the document in a line, or the reason why the line is invalid. A backup may come from anywhere, and its names
 * become paths.
 */
function documentIn(line: string, file: string): PlainDocument | string {
  const { kind, name, data } = parsed(line) ?? {};
  if (typeof kind !== 'string' || !Object.hasOwn(order, kind)) return `it has a document of the kind ${shown(kind)}`;
  if (typeof name !== 'string' || name.length < 1 || name.length > maxNameLength || !isNameOf(kind as Kind, name))
    return `it has a document ${kind}/${shown(name)}, whose name is not valid`;
  const bytes = Buffer.from(typeof data === 'string' ? data : '', 'base64');
  const key = { kind: kind as Kind, name };
  if (bytes.length === 0 || bytes.length > maxDocumentBytes) return `${idOf(key)} is empty or too large`;
  if (sealedWith(bytes) !== undefined) return { key, bytes };
  if (isDeepJson(Buffer.from(bytes).toString('latin1'))) return `${idOf(key)} is nested too deeply`;
  try {
    decodeDocument(bytes, { key: idOf(key), file }, []);
    withoutLease({ key, bytes }, file);
  } catch (error) {
    return reasonOf(error);
  }
  return { key, bytes };
}

/** Reports whether a name is valid for this kind. Names of certificates and version IDs become parts of paths. */
function isNameOf(kind: Kind, name: string): boolean {
  if (kind === 'lineage' || kind === 'credential' || kind === 'history') return isStoredName(name);
  if (kind !== 'key' && kind !== 'version') return true;
  const end = name.lastIndexOf('~');
  return isStoredName(name.slice(0, Math.max(end, 0))) && isVersionId(name.slice(end + 1));
}

function parsed(line: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Writes the documents of a backup into an empty store. A mark shows from the beginning to the end that a restore is in
 * progress, so that a killed restore can be repeated, and its store is not mistaken for a whole one. Fails with
 * `store/not-empty`, and with `store/restoring` if the restore of another backup has not finished.
 *
 * @param file the path of the backup
 */
export async function restoreAll(
  store: Store,
  documents: readonly PlainDocument[],
  file: string,
  signal: AbortSignal,
): Promise<number> {
  const refused = () => fail('store/not-empty', { path: store.location });
  const isId = ({ key }: PlainDocument) => key.kind === 'meta' && key.name === 'store';
  const fresh = documents.map((document) => withoutLease(document, store.location));
  const revision = await begin(store, { documents, file }, signal);
  const write = async ({ key, bytes }: PlainDocument): Promise<void> => {
    try {
      await store.put(key, bytes, { ifRevision: null, signal });
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
      const there = await store.get(key, signal);
      if (!there || !Buffer.from(there.bytes).equals(bytes)) throw refused();
    }
  };
  const others = fresh.filter((one) => !isId(one));
  for (let done = 0; done < others.length; done += atOnce)
    await Promise.all(others.slice(done, done + atOnce).map(write));
  for (const one of fresh.filter(isId)) await write(one);
  await store.delete(restoreMarkKey, { ifRevision: revision, signal });
  return fresh.filter(({ key }) => key.kind === 'lineage').length;
}

/** Marks the store as being restored, or finds the mark of an earlier restore of the same backup. Resolves with its revision. */
async function begin(
  store: Store,
  { documents, file }: { readonly documents: readonly PlainDocument[]; readonly file: string },
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
  for (const { key, bytes } of documents) hash.update(`${JSON.stringify(idOf(key))} ${bytes.length}\n`).update(bytes);
  const sha256 = hash.digest('hex');
  const begun = await readRestoreMark(store, signal);
  if (begun && !('sha256' in begun.mark && begun.mark.sha256 === sha256)) throw unfinished(store, begun.mark);
  if (begun) return begun.revision;
  if (await store.get(storeIdKey, signal)) throw fail('store/not-empty', { path: store.location });
  await store.check(signal);
  return store.put(restoreMarkKey, encodeDocument({ schema: 1, sha256, file }), { ifRevision: null, signal });
}

const atOnce = 32;
