import { reasonOf } from '../core/errors/errors.ts';
import type { Lineage } from '../core/lineage/lineage.ts';
import { isStagingName } from '../core/names/identifiers.ts';
import type { Outcome } from '../core/plan/outcome.ts';
import { withAlarms } from '../engine/alarms/pass-alarms.ts';
import { type Engine, report } from '../engine/engine.ts';
import { lookAfterMissing } from '../engine/ledger/missing-nodes.ts';
import { readReplicas } from '../engine/ledger/replica.ts';
import { reconcileAll } from '../engine/pass/reconcile.ts';
import type { Job } from '../engine/run/job.ts';
import type { RenewRequest } from '../fleet.ts';
import type { OpenFleet } from './opened.ts';
import { declaredOrNamed, renewedAsStored, type Wanted } from './wanted.ts';

export async function renew(fleet: OpenFleet, request: RenewRequest, signal: AbortSignal): Promise<readonly Outcome[]> {
  const { engine } = fleet;
  const { names, force, redeploy = false, nextRunMs, hooks } = request;
  const obeyBackoff = !force && !redeploy;
  // Whoever means all certificates does not mean those that someone has paused.
  const actsOnPaused = !obeyBackoff && names.length > 0;
  // Field by field, because a spread costs as much as the rest of the plan for a certificate that is not due.
  const jobOf = ({ wanted, origin, isStored }: Wanted): Job =>
    isStored
      ? { wanted, origin, isStored, force, redeploy, obeyBackoff, actsOnPaused, nextRunMs, hooks, unattended: true }
      : { wanted, origin, force, redeploy, obeyBackoff, actsOnPaused, nextRunMs, hooks, unattended: true };
  const ofStored = (stored: Lineage): Job | undefined => {
    if (names.length > 0) return undefined;
    const one = renewedAsStored(fleet.settings, stored);
    if (!one) reportUndeclared(engine, stored);
    return one && jobOf(one);
  };
  const jobs = (await declaredOrNamed(fleet, names, signal)).map(jobOf);
  const isWhole = names.length === 0;
  if (isWhole) reportRefused(fleet);
  const remembers = isWhole && obeyBackoff && !hooks ? { nextRunMs } : undefined;
  const pass = { jobs, jobOf: ofStored, isWhole, remembers };
  return withAlarms(
    engine,
    { jobs, isWhole },
    async (read) => {
      const outcomes = await reconcileAll(engine, { ...pass, read }, signal);
      if (isWhole) await lookAfterNodes(engine, signal);
      return outcomes;
    },
    signal,
  );
}

/** Raises an alarm about missing nodes. A failure does not affect the outcomes; the next run tries again. */
async function lookAfterNodes(engine: Engine, signal: AbortSignal): Promise<void> {
  try {
    await lookAfterMissing(engine, await readReplicas(engine, signal), () => false, signal);
  } catch (error) {
    signal.throwIfAborted();
    report(engine, { level: 'warn', event: 'log', message: `could not look after the nodes: ${reasonOf(error)}` });
  }
}

/** Warns of declarations in the store that cannot be used. */
function reportRefused({ engine, settings }: OpenFleet): void {
  for (const { section, name, why } of settings.inStore?.connections.refused ?? []) {
    const message = `${section}.${name}: its declaration in the store is refused: ${why}`;
    report(engine, { level: 'warn', event: 'log', message });
  }
  for (const [certificate, reason] of settings.inStore?.refused ?? []) {
    const message = `its declaration in the store is refused, so it keeps its settings of before: ${reason}`;
    report(engine, { level: 'warn', event: 'log', certificate, message });
  }
}

/** Warns that a certificate is no longer declared. `renew` does this, because people look at its output. */
function reportUndeclared(engine: Engine, { name, current, givenBack, settingsLost }: Lineage): void {
  // The other client renews what was given back to it.
  if (!current || givenBack || isStagingName(name)) return;
  const why = settingsLost ? 'its settings were lost with its document' : 'no longer declared';
  const message = `${why}, so it is not renewed; valid until ${current.facts.notAfter}`;
  report(engine, { level: 'warn', event: 'log', certificate: name, message });
}
