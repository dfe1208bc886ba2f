import { overruled } from '../../core/lineage/work/order.ts';
import type { Run } from '../run/run.ts';
import type { Finding } from './finding.ts';
import { verdictOn } from './preflight.ts';

/**
 * Fails with the error that follows from the findings, or returns. A definite "no" is ignored if a person insists, or
 * once a day past the renewal time, so that a wrong check never lets a certificate expire. The latter is stored before
 * the CA is asked.
 */
export async function weigh(run: Run, findings: readonly Finding[]): Promise<void> {
  const { engine, job, holding, learned, signal } = run;
  const isRefusal = findings.some((finding) => finding.refusal);
  if (learned.overruled && !isRefusal) return;
  const { lineage } = holding;
  const now = engine.clock.now();
  const verdict = verdictOn(findings, {
    now,
    renewalAt: lineage.current ? lineage.renewal?.at : undefined,
    overruledAt: lineage.failure?.overruledAt,
    validations: lineage.failure?.validations ?? {},
  });
  if (verdict.error && (!job.insists || isRefusal)) throw verdict.error;
  if (!verdict.error && !verdict.overruled) return;
  // The order's other challenges are checked at the same time, and must not count as a second try.
  learned.overruled = true;
  if (verdict.overruled) await holding.apply(overruled(now), signal);
}
