import { report } from '../engine.ts';
import { preflightBeforeOrder, saying, whyUnusable } from '../looks/preflight.ts';
import { weigh } from '../looks/weigh.ts';
import { announce, nameOf, type OrderRun } from '../run.ts';

/** Step 3: checks what the CA will check. A probe file is an effect, and was journalled with the lease. */
export async function prepare(run: OrderRun): Promise<void> {
  const { engine, job, holding, account, directory, solver, signal } = run;
  const { spec, preflight } = job.wanted;
  announce(run, 'lease', 'checking what the CA will check');
  const probe = await solver.probe?.(spec.name, signal);
  const subject = {
    identifiers: spec.identifiers,
    solver,
    settings: preflight,
    caaIdentities: directory.caaIdentities,
    accountUrl: account.accountUrl,
  };
  const findings = await preflightBeforeOrder(engine, subject, probe, signal);
  await solver.unprobe?.(spec.name, signal);
  // A first issue can wait, so a mistyped server or key is reported before it costs an order.
  const unusable = whyUnusable(findings);
  if (holding.work.first && !job.insists && unusable) throw unusable;
  for (const finding of findings.filter(({ verdict }) => verdict !== 'pass')) {
    const { verdict, identifier } = finding;
    const news = { level: 'warn', event: 'preflight.finding', message: saying(finding) } as const;
    report(engine, { ...news, certificate: nameOf(run), data: { verdict, identifier } });
  }
  await weigh(run, findings);
}
