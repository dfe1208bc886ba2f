import { overruled } from '../../core/work.ts';
import type { Run } from '../run.ts';
import type { Finding } from './finding.ts';
import { verdictOn } from './preflight.ts';

/**
 * What the findings of a look mean for this run: it fails with the error, or goes on. Where a proven no is tried
 * against the CA all the same, that is remembered before the CA is asked: because the renewal time has passed (once a
 * day: a wrong look must never be the reason for an expiry), or because a person insists.
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
  // Other challenges of the order are looked at beside this one, and must not count as a second try.
  learned.overruled = true;
  if (verdict.overruled) await holding.apply(overruled(now), signal);
}
