import { fail } from '../core/errors/errors.ts';
import type { Lineage } from '../core/lineage/lineage.ts';
import { pauseOf } from '../core/lineage/pause.ts';
import type { Outcome } from '../core/plan/outcome.ts';
import { forget } from '../engine/acts/forget.ts';
import type { PauseRequest } from '../engine/acts/pause.ts';
import { reconcile } from '../engine/pass/reconcile.ts';
import type { Job } from '../engine/run/job.ts';
import type { Deleted, DeleteRequest, ExportRequest } from '../fleet.ts';
import type { OpenFleet } from './opened.ts';
import { isDeclared, notThere, readNamed } from './stored.ts';
import { declaredOrNamed, type Wanted, wantedOf } from './wanted.ts';

export async function deleteOne(
  fleet: OpenFleet,
  { name, force }: DeleteRequest,
  signal: AbortSignal,
): Promise<Deleted> {
  const forgotten = await forget(
    fleet.engine,
    name,
    { force, wantedOf: (lineage) => wantedOf(fleet, lineage)?.wanted },
    signal,
  );
  if (!forgotten) throw await notThere(fleet, name, signal);
  return { ...forgotten, isDeclared: isDeclared(fleet, name) };
}

export async function exportOne(
  fleet: OpenFleet,
  { name, to, pkcs12, write }: ExportRequest,
  signal: AbortSignal,
): Promise<void> {
  const { engine } = fleet;
  await readNamed(fleet, name, signal);
  const { exportCurrent } = await import('../engine/acts/export.ts');
  const format = pkcs12 ? 'pkcs12' : 'pem';
  const done = await exportCurrent(engine, { name, to, format }, signal, async (bundle) => {
    if (!pkcs12) return write({ bundle });
    const { keyPem, certPem, chainPem } = bundle;
    const content = { friendlyName: name, keyPem, certificates: [certPem, chainPem], ...pkcs12 };
    return write({ bundle, pkcs12: await engine.pki.pkcs12(content) });
  });
  if (!done) throw fail('lineage/no-certificate', { name });
}

/** Pauses a certificate. Fails with `lineage/not-found`, `lineage/not-issued`, and like {@link changePause}. */
export async function pauseOne(
  fleet: OpenFleet,
  { reason, ...request }: Omit<PauseRequest, 'pause'> & { readonly reason?: string | undefined },
  signal: AbortSignal,
): Promise<Lineage> {
  const pause = pauseOf(request.by, reason, fleet.engine.clock.now());
  return changeOne(fleet, { ...request, pause }, signal);
}

/** Resumes a certificate. Fails like {@link pauseOne}. */
export const resumeOne = (
  fleet: OpenFleet,
  request: Omit<PauseRequest, 'pause'>,
  signal: AbortSignal,
): Promise<Lineage> => changeOne(fleet, { ...request, pause: undefined }, signal);

async function changeOne(fleet: OpenFleet, request: PauseRequest, signal: AbortSignal): Promise<Lineage> {
  const { changePause } = await import('../engine/acts/pause.ts');
  const changed = await changePause(fleet.engine, request, signal);
  if (!changed) throw await notThere(fleet, request.name, signal);
  return changed;
}

/**
 * Orders a certificate anew, or delivers it again, and nothing else: unlike `renew`, it looks at no other certificate. Fails
 * with `lineage/not-found`, `lineage/not-renewed`.
 */
export async function renewOne(
  fleet: OpenFleet,
  { name, force }: { readonly name: string; readonly force: boolean },
  signal: AbortSignal,
): Promise<Outcome> {
  const [found] = await declaredOrNamed(fleet, [name], signal);
  return workOn(fleet, found!, force, signal); // one for each name
}

/** Orders a certificate anew, or delivers it again, because a person has asked for that. */
async function workOn({ engine }: OpenFleet, found: Wanted, force: boolean, signal: AbortSignal): Promise<Outcome> {
  const job: Job = { ...found, force, redeploy: !force, obeyBackoff: false, actsOnPaused: true, unattended: true };
  const [outcome] = await reconcile(engine, [job], signal);
  return outcome!; // one for each job
}

export async function rollBackOne(fleet: OpenFleet, name: string, signal: AbortSignal): Promise<Outcome> {
  const { engine } = fleet;
  const lineage = await readNamed(fleet, name, signal);
  const found = wantedOf(fleet, lineage) ?? { wanted: lineage.spec, origin: lineage.origin };
  const { rollBack } = await import('../engine/acts/rollback.ts');
  if (!(await rollBack(engine, { name, wanted: found.wanted }, signal))) throw await notThere(fleet, name, signal);
  return workOn(fleet, found, false, signal);
}
