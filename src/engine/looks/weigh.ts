import type { Opened, Run } from '../run.ts';
import { type Finding, judge } from './preflight.ts';

/**
 * What the findings of a look mean for this run: it fails with the error, or goes on. Where a proven no is tried
 * against the CA all the same, that is remembered before the CA is asked: because the renewal time has passed (once a
 * day: a wrong look must never be the reason for an expiry), or because a person insists.
 */
export async function weigh(run: Run, opened: Pick<Opened, 'overruled'>, findings: readonly Finding[]): Promise<void> {
  const isRefusal = findings.some((finding) => finding.refusal);
  if (opened.overruled && !isRefusal) return;
  const { context, holding, signal } = run;
  const { lineage } = holding;
  const now = context.clock.now();
  const { error, overruled } = judge(findings, {
    now,
    renewalAt: lineage.current ? lineage.renewal?.at : undefined,
    overruledAt: lineage.failure?.overruledAt,
    validations: lineage.failure?.validations ?? {},
  });
  if (error && run.insists && !isRefusal) {
    opened.overruled = true;
    return;
  }
  if (error) throw error;
  if (!overruled) return;
  // Other challenges of the order are looked at beside this one, and must not count as a second try.
  opened.overruled = true;
  const at = now.toISOString();
  await holding.update(
    (l) => ({
      ...l,
      failure: {
        ...(l.failure ?? { count: 0, at, code: 'preflight/no', message: '', hint: '', retryAt: at }),
        overruledAt: at,
      },
    }),
    signal,
  );
}
