import { reasonOf } from '../core/errors.ts';
import type { Undone, UndoneImport } from '../core/found.ts';
import { inPlaceTarget, isInPlace } from '../core/in-place.ts';
import { type Lineage, unfinishedWork } from '../core/lineage.ts';
import type { StoredSpec } from '../core/spec.ts';
import { storable } from '../core/storable.ts';
import { after, leftAlone, phaseOf } from '../core/work.ts';
import type { Entry } from '../ports/store.ts';
import { readBundle, readKey } from './bundles.ts';
import type { Engine } from './engine.ts';
import { forget } from './forget.ts';
import { readLineage } from './stored-lineage.ts';

/**
 * Makes another client's folder as it was before certfleet wrote into it. The certificates go first, so that no `renew`
 * delivers again; a kill in between leaves a folder in which the client can go on, and a second call finishes.
 */
export async function undoImport(engine: Engine, root: string, signal: AbortSignal): Promise<UndoneImport> {
  const certificates: Undone[] = [];
  for (const { entry, target } of await adopted(engine, root, signal))
    certificates.push(await leave(engine, entry, target, signal));
  if (certificates.some(({ result }) => result === 'failed')) return { certificates };
  const target = inPlaceTarget(root);
  const spec: StoredSpec = {
    spec: { name: '~undo', identifiers: [], issuer: '', solver: '', deploy: [target], endpoints: [] },
    issuer: { directory: '', email: [], agreeToTerms: false, test: false },
    solver: { type: '' },
    deployers: { [target]: { type: 'files', path: root, layout: 'certbot' } },
    preflight: { resolvers: [], http01Port: 80 },
  };
  const deployer = await engine.connect.deployer(spec, target);
  return { certificates, restored: (await deployer.restore?.(signal)) ?? [] };
}

/** The certificates that are delivered into the folder. */
async function adopted(engine: Engine, root: string, signal: AbortSignal) {
  const found: { readonly entry: Entry; readonly target: string }[] = [];
  for await (const page of engine.store.scan('lineage', signal))
    for (const entry of page) {
      if (entry.corrupt) continue;
      const { spec } = readLineage(engine, entry);
      const target = spec.spec.deploy.find((name) => isInPlace(spec.deployers[name], root));
      if (target !== undefined) found.push({ entry, target });
    }
  return found;
}

async function leave(engine: Engine, entry: Entry, target: string, signal: AbortSignal): Promise<Undone> {
  const { name } = entry.key;
  try {
    const lineage: Lineage = readLineage(engine, entry);
    // A killed call may have left a lease, which `forget` takes.
    const isBusy = lineage.previous === undefined ? unfinishedWork(lineage) !== undefined : phaseOf(lineage) !== 'idle';
    if (isBusy) {
      const reason = 'certfleet is working on it, or has unfinished work; run `certfleet renew` first';
      return { certificate: name, result: 'failed', reason };
    }
    const kept = await keptBecause(engine, lineage, target, signal);
    if (kept === undefined) {
      await forget(engine, name, { force: true }, signal);
      return { certificate: name, result: 'deleted' };
    }
    const next = after(lineage, leftAlone(target));
    const options = { ifRevision: entry.revision, signal };
    if (next) await engine.store.put(entry.key, storable(next).bytes, options);
    return { certificate: name, result: 'kept', reason: kept };
  } catch (error) {
    signal.throwIfAborted();
    return { certificate: name, result: 'failed', reason: reasonOf(error) };
  }
}

/** Why the store has the only copy of its keys; undefined if the folder has what it has. */
async function keptBecause(
  engine: Engine,
  { name, spec, current, previous }: Lineage,
  target: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (previous !== undefined) return 'certfleet has renewed it';
  // A killed call has deleted the key already.
  const version = { lineage: name, id: current?.id ?? '' };
  if (current === undefined || !(await readKey(engine, version, signal))) return undefined;
  const deployer = await engine.connect.deployer(spec, target);
  const { state } = await deployer.look(await readBundle(engine, version, signal), signal);
  return state === 'current' ? undefined : 'the folder no longer has it';
}
