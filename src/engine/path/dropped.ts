import type { RefusedName } from '../../core/errors/errors.ts';
import { withoutNames } from '../../core/lineage/dropped-names.ts';
import type { Tombstone } from '../../core/lineage/lineage.ts';
import { namesDropped } from '../../core/lineage/work/order.ts';
import { baseName } from '../../core/names/identifier.ts';
import { partsOf } from '../../core/spec/spec-parts.ts';
import { report } from '../engine.ts';
import { nameOf, type OrderRun } from '../run/run.ts';

/** Returns the run for its order: no step from the preflight to the version sees the names that were dropped. */
export function withoutDropped(run: OrderRun): OrderRun {
  const { job, parts, holding } = run;
  const { dropped } = holding.work.order ?? {};
  if (!dropped) return run;
  const wanted = withoutNames(job.wanted, dropped);
  const left = partsOf(wanted);
  return {
    ...run,
    job: { ...job, wanted },
    parts: parts.flatMap((part) => {
      const spec = left.find(({ solver }) => solver.name === part.spec.solver.name);
      return spec ? [{ ...part, spec }] : [];
    }),
  };
}

/**
 * Journals the names that are left out from now on, and what could not be removed, once their challenges are removed.
 */
export async function dropNames(
  run: OrderRun,
  dropped: readonly RefusedName[],
  left: readonly Tombstone[],
): Promise<void> {
  const { engine, holding, parts, learned, signal } = run;
  await endOrder(run, dropped);
  if (parts.some(({ solver }) => solver.stays)) learned.isPrepared = false;
  await holding.apply(namesDropped({ dropped, left, now: engine.clock.now() }), signal);
  for (const { identifier, reason } of dropped) {
    const message = `${identifier} is left out, and tried again at the next renewal: ${reason}`;
    report(engine, { level: 'warn', event: 'log', certificate: nameOf(run), message });
  }
}

/**
 * Ends the order that contains the dropped names, which may still be open: until it ends, no other order may replace
 * the current certificate. An order dies with one of its authorizations (RFC 8555 §7.1.6, §7.5.2).
 */
async function endOrder(run: OrderRun, dropped: readonly RefusedName[]): Promise<void> {
  const { account, holding, signal } = run;
  const { url } = holding.work.order ?? {};
  if (url === undefined) return;
  const names = dropped.map(({ identifier }) => baseName({ type: 'dns', value: identifier }));
  try {
    const { status, authorizationUrls } = await account.order(url, signal);
    if (status !== 'pending' && status !== 'ready') return;
    for (const one of authorizationUrls)
      if (names.includes(baseName((await account.authorization(one, signal)).identifier)))
        await holding.effect(signal, () => account.deactivateAuthorization(one, signal));
  } catch {
    // The order expires within days anyway.
    signal.throwIfAborted();
  }
}
