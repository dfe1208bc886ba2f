import { fail, isFailure, reasonOf } from '../../core/errors.ts';
import { decodeDocument, encodeDocument, type Lineage, type Version } from '../../core/lineage.ts';
import { Secret } from '../../core/secret.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import type { CertificateFacts } from '../../ports/pki.ts';
import { type EngineContext, report } from '../engine.ts';

interface KeyDocument {
  readonly keyPem: string;
}

export interface VersionDocument {
  readonly chainPem: string;
  readonly facts: CertificateFacts;
  readonly directory: string;
  readonly accountUrl: string;
  readonly profile?: string;
  readonly issuedAt?: string;
}

/** A version without an id would take the place of every other one without: it can only be a bug that asks for it. */
function mustHaveId(lineage: string, id: string): void {
  if (id === '') throw fail('bug/unexpected', { reason: `a version of ${lineage} has no id` });
}

const documentName = (lineage: string, id: string) => `${lineage}~${id}`;

/** Step 4: the private key of a version, stored before the CA hears of it; the same one however often it is asked for. */
export async function obtainKey(
  context: EngineContext,
  lineage: string,
  id: string,
  signal: AbortSignal,
): Promise<Secret> {
  mustHaveId(lineage, id);
  const key = { kind: 'key', name: documentName(lineage, id) } as const;
  const entry = await context.store.get(key, signal);
  if (entry) return readKey(context, lineage, id, entry.bytes);
  const keyPem = await context.pki.newKey();
  const document: KeyDocument = { keyPem: keyPem.reveal() };
  try {
    await context.store.put(key, encodeDocument(document), { ifRevision: null, signal });
    return keyPem;
  } catch (error) {
    if (!isFailure(error, 'store/conflict')) throw error;
    return obtainKey(context, lineage, id, signal);
  }
}

function readKey(context: EngineContext, lineage: string, id: string, bytes: Uint8Array): Secret {
  const where = { key: `key/${documentName(lineage, id)}`, file: context.store.location };
  return new Secret(decodeDocument<KeyDocument>(bytes, where, ['keyPem']).keyPem);
}

/** The stored version, where it was stored. */
export async function readVersion(
  context: EngineContext,
  lineage: string,
  id: string,
  signal: AbortSignal,
): Promise<VersionDocument | undefined> {
  const entry = await context.store.get({ kind: 'version', name: documentName(lineage, id) }, signal);
  if (!entry) return undefined;
  const where = { key: `version/${documentName(lineage, id)}`, file: context.store.location };
  return decodeDocument<VersionDocument>(entry.bytes, where, ['chainPem', 'facts', 'directory']);
}

/** Step 10. A version is written once; finding it there is an earlier process's success. */
export async function storeVersion(
  context: EngineContext,
  lineage: string,
  id: string,
  document: VersionDocument,
  signal: AbortSignal,
): Promise<void> {
  mustHaveId(lineage, id);
  try {
    await context.store.put({ kind: 'version', name: documentName(lineage, id) }, encodeDocument(document), {
      ifRevision: null,
      signal,
    });
  } catch (error) {
    if (!isFailure(error, 'store/conflict')) throw error;
  }
}

/** Takes retired versions and their keys out of the store; answers those that could not be. */
export async function removeRetired(
  context: EngineContext,
  { name, retired = [] }: Lineage,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const left: string[] = [];
  for (const id of retired) {
    try {
      // The key first: it is what must not lie around.
      for (const kind of ['key', 'version'] as const) {
        const key = { kind, name: documentName(name, id) };
        const entry = await context.store.get(key, signal);
        if (entry) await context.store.delete(key, { ifRevision: entry.revision, signal });
      }
    } catch (error) {
      signal.throwIfAborted();
      // The certificate is there and delivered: the next renewal tries again.
      report(context, 'warn', 'log', name, `version ${id} could not be removed from the store: ${reasonOf(error)}`);
      left.push(id);
    }
  }
  return left;
}

/** A version with its key, as deployers take it. */
export async function readBundle(
  context: EngineContext,
  lineage: string,
  version: Version,
  signal: AbortSignal,
): Promise<VersionBundle> {
  const [document, key] = await Promise.all([
    readVersion(context, lineage, version.id, signal),
    context.store.get({ kind: 'key', name: documentName(lineage, version.id) }, signal),
  ]);
  const where = { file: context.store.location };
  if (!document) throw missing(where, `version/${documentName(lineage, version.id)}`);
  if (!key) throw missing(where, `key/${documentName(lineage, version.id)}`);
  const keyPem = readKey(context, lineage, version.id, key.bytes);
  return bundleOf(lineage, version.id, keyPem, context.pki.readChain(document.chainPem));
}

/** The same from what was just issued. */
export function bundleOf(
  lineage: string,
  id: string,
  keyPem: Secret,
  { certificates, facts }: ReturnType<EngineContext['pki']['readChain']>,
): VersionBundle {
  const [certPem = '', ...rest] = certificates;
  return { lineage, id, facts, keyPem, certPem, chainPem: rest.join(''), fullchainPem: certificates.join('') };
}

const missing = (where: { readonly file: string }, key: string) =>
  fail('store/corrupt', { ...where, key, reason: 'it is missing, though the lineage names it' });
