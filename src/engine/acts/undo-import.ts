import { asFailure } from '../../core/errors/errors.ts';
import type { RestoredFiles, Undone, UndoneImport } from '../../core/lineage/found.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { storable } from '../../core/lineage/storable.ts';
import { leftAlone } from '../../core/lineage/work/acts.ts';
import { after } from '../../core/lineage/work/transition.ts';
import { inPlaceTarget, isInPlace } from '../../core/spec/in-place.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { targetOf } from '../../core/spec/spec-parts.ts';
import { present } from '../../core/text/present.ts';
import type { Deployer, Restored } from '../../ports/deployer.ts';
import type { Engine } from '../engine.ts';
import { refuseHeld } from '../leases/lease.ts';
import { sweeperOf } from '../pass/sweep.ts';
import { readBundle, readKey } from '../run/bundles.ts';
import { lineageOf } from '../run/stored-lineage.ts';
import { forget } from './forget.ts';

/**
 * Restores another client's folder to its state before certfleet wrote into it. Everything is checked before anything
 * is changed. The certificates leave the store first, so that no `renew` delivers again. A kill in between leaves a
 * folder with which the client can continue, and a second call finishes. If a certificate fails anyway, only its files
 * stay as they are.
 */
export async function undoImport(
  engine: Engine,
  root: string,
  { dryRun }: { readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<UndoneImport> {
  const found = await adopted(engine, root, signal);
  const planned: (Adopted & { readonly undone: Undone })[] = [];
  for (const one of found) planned.push({ ...one, undone: await plan(engine, one, signal) });
  const failed = planned.map(({ undone }) => undone).filter(({ result }) => result === 'failed');
  if (failed.length > 0) return { certificates: failed };
  const deployer = await deployerOf(engine, root);
  const restored = (await deployer.restore?.({ dryRun: true }, signal)) ?? [];
  if (dryRun) return { certificates: planned.map(({ undone }) => undone), restored: filesOf(engine, restored) };

  const certificates: Undone[] = [];
  const except = new Set<string>();
  for (const one of planned) {
    const undone = await leave(engine, one, root, signal);
    certificates.push(undone);
    if (undone.result === 'failed') except.add(nameThere(one));
  }
  const done = (await deployer.restore?.({ dryRun: false, except }, signal)) ?? [];
  const swept: Undone[] = [];
  for (const one of certificates) swept.push(one.result === 'kept' ? await cleanUp(engine, one, signal) : one);
  return { certificates: swept, restored: filesOf(engine, done) };
}

/** Returns the folder's deployer, even if no certificate of the store uses it any longer. */
function deployerOf(engine: Engine, root: string): Promise<Deployer> {
  const target = inPlaceTarget(root);
  const spec: StoredSpec = {
    ...{ name: '~undo', identifiers: [], parts: [], endpoints: [] },
    issuer: { name: '', settings: { directory: '', email: [], agreeToTerms: false, test: false } },
    targets: [{ name: target, settings: { type: 'files', path: root, layout: 'certbot' } }],
    preflight: { resolvers: [], http01Port: 80 },
  };
  return engine.connect.deployer(spec, target);
}

const filesOf = ({ clock }: Engine, restored: readonly Restored[]): readonly RestoredFiles[] =>
  restored.map(({ what, notAfter }) => {
    const isExpired = notAfter !== undefined && Date.parse(notAfter) <= clock.now().getTime();
    return { what, ...present({ expired: isExpired ? notAfter : undefined }) };
  });

/** A certificate that is delivered into the folder. */
interface Adopted {
  readonly lineage: Lineage;
  /** The revision of its document when it was read. */
  readonly revision: string;
  readonly target: string;
}

/** Returns the certificates that are delivered into the folder, by name. */
async function adopted(engine: Engine, root: string, signal: AbortSignal): Promise<readonly Adopted[]> {
  const found: Adopted[] = [];
  for await (const page of engine.store.scan('lineage', signal))
    for (const entry of page) {
      const lineage = lineageOf(engine, entry);
      if (lineage instanceof Error) continue;
      const target = lineage.spec.targets.find((one) => isInPlace(one, root));
      if (target) found.push({ lineage, revision: entry.revision, target: target.name });
    }
  return found.sort((a, b) => (a.lineage.name < b.lineage.name ? -1 : 1));
}

/** Returns the name of the certificate's folder there. */
const nameThere = ({ lineage, target }: Adopted): string =>
  targetOf(lineage.spec, target)?.traits?.files?.name ?? lineage.name;

/**
 * Decides what happens to a certificate. It fails if another process is working on it, but not because of an earlier
 * failure.
 */
async function plan(engine: Engine, { lineage, target }: Adopted, signal: AbortSignal): Promise<Undone> {
  try {
    await refuseHeld(engine, lineage, signal);
    const kept = await keptBecause(engine, lineage, target, signal);
    return {
      certificate: lineage.name,
      ...(kept === undefined ? { result: 'deleted' } : { result: 'kept', reason: kept }),
    };
  } catch (error) {
    signal.throwIfAborted();
    return failedBy(lineage.name, error);
  }
}

function failedBy(certificate: string, error: unknown): Undone {
  const { message, hint } = asFailure(error);
  return { certificate, result: 'failed', reason: message, hint };
}

async function leave(
  engine: Engine,
  { lineage, revision, target, undone }: Adopted & { readonly undone: Undone },
  path: string,
  signal: AbortSignal,
): Promise<Undone> {
  const { name } = lineage;
  try {
    if (undone.result === 'deleted') {
      const { left = [] } = (await forget(engine, name, { force: true }, signal)) ?? {};
      return left.length > 0 ? { ...undone, left } : undone;
    }
    const next = after(lineage, leftAlone({ target, path, now: engine.clock.now() }));
    const options = { ifRevision: revision, signal };
    if (next) await engine.store.put({ kind: 'lineage', name }, storable(next).bytes, options);
    return undone;
  } catch (error) {
    signal.throwIfAborted();
    return failedBy(name, error);
  }
}

/** Removes what a kept certificate left in the outside world, rather than waiting for the next sweep. */
async function cleanUp(engine: Engine, undone: Undone, signal: AbortSignal): Promise<Undone> {
  const done = await sweeperOf(engine, undone.certificate)(signal);
  const failed = 'busy' in done ? [] : done.failed;
  return failed.length > 0 ? { ...undone, left: failed.map(({ what, reason }) => `${what}: ${reason}`) } : undone;
}

/** Returns why the store has the only copy of its keys, or undefined if the folder has the same. */
async function keptBecause(
  engine: Engine,
  { name, spec, current, previous }: Lineage,
  target: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (previous !== undefined) return 'certfleet has renewed it';
  // A killed call has already deleted the key.
  const version = { lineage: name, id: current?.id ?? '' };
  if (current === undefined || !(await readKey(engine, version, signal))) return undefined;
  const deployer = await engine.connect.deployer(spec, target);
  const { state } = await deployer.look(await readBundle(engine, version, signal), signal);
  return state === 'current' ? undefined : 'the folder no longer has it';
}
