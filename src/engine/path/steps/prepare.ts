import { fail } from '../../../core/errors/errors.ts';
import { identifierKey, identifierSet } from '../../../core/names/identifier.ts';
import { shortList } from '../../../core/text/short-list.ts';
import type { Prepared } from '../../../ports/solver.ts';
import { report } from '../../engine.ts';
import type { Finding } from '../../looks/finding.ts';
import { preflightBeforeOrder, saying, whyUnusable } from '../../looks/preflight.ts';
import { weigh } from '../../looks/preflight-verdict.ts';
import { vainTargets } from '../../looks/targets.ts';
import { announce, nameOf, type OrderRun, type Part, solverAccount } from '../../run/run.ts';
import { together, waitFor } from '../../run/wait.ts';

/** How long what was prepared may take to be in place. A load balancer's health checks need some of it. */
const readyBudgetMs = 10 * 60_000;

/**
 * Step 3: makes the public path lead to the solver, and checks what the CA will check. A probe file or a forward rule
 * is an effect, and was journalled with the lease.
 */
export async function prepare(run: OrderRun): Promise<void> {
  const { engine, job, holding, parts } = run;
  announce(run, 'lease', 'checking what the CA will check');
  await checkTargets(run);
  const found = await together(parts.map((part) => lookAtPart(run, part)));
  // A first issue can wait, so a mistyped server or key is reported before it costs an order.
  const unusable = found.map(whyUnusable).find((error) => error !== undefined);
  if (holding.work.first && !job.insists && unusable) throw unusable;
  const findings = found.flat();
  for (const finding of findings.filter(({ verdict }) => verdict !== 'pass')) {
    const { verdict, identifier } = finding;
    const message = finding.unusable ? `${saying(finding)}. ${finding.unusable.hint}` : saying(finding);
    const news = { level: 'warn', event: 'preflight.finding', message } as const;
    report(engine, { ...news, certificate: nameOf(run), data: { verdict, identifier } });
  }
  await weigh(run, findings);
}

/**
 * Refuses an order for a certificate that a target has no room for, or whose target does not exist. A renewal goes on,
 * because its other targets may take the certificate.
 */
async function checkTargets({ engine, job, holding, signal }: OrderRun): Promise<void> {
  const { wanted } = job;
  const vain = await vainTargets(engine, wanted, signal);
  const { current } = holding.lineage;
  const renews =
    current !== undefined && identifierSet(current.facts.identifiers) === identifierSet(wanted.identifiers);
  if (vain[0] && !renews && !job.insists) throw vain[0];
  for (const { message } of vain)
    report(engine, { level: 'warn', event: 'preflight.finding', certificate: wanted.name, message });
}

async function lookAtPart(run: OrderRun, part: Part): Promise<readonly Finding[]> {
  const { engine, holding, account, directory, signal } = run;
  const { solver, spec } = part;
  const prepared = await makeReady(run, part);
  const subject = {
    identifiers: spec.identifiers,
    solver,
    settings: spec.preflight,
    caaIdentities: directory.caaIdentities,
    account: solverAccount(account),
  };
  let findings = await preflightBeforeOrder(engine, subject, prepared, signal);
  const { again } = prepared;
  if (again && findings.some(({ verdict }) => verdict !== 'pass')) {
    const anew = await untilReady(run, part, await holding.effect(signal, () => again(signal)));
    findings = await preflightBeforeOrder(engine, subject, anew, signal);
  }
  if (!solver.stays) await solver.withdraw?.(spec.name, signal);
  return findings;
}

/** Makes the solvers whose preparation `stays` ready again, for a run that resumes an order. */
export async function makeStayingReady(run: OrderRun): Promise<void> {
  await together(run.parts.filter(({ solver }) => solver.stays).map((part) => makeReady(run, part)));
}

/** Prepares a solver, and waits until everything is in place. */
async function makeReady(run: OrderRun, part: Part): Promise<Prepared> {
  const { account, holding, signal } = run;
  const { solver, spec } = part;
  const { name, identifiers } = spec;
  if (!solver.prepare) return {};
  const { prepare } = solver;
  const make = () => prepare.call(solver, name, identifiers, signal, solverAccount(account));
  return untilReady(run, part, await holding.effect(signal, make));
}

async function untilReady(run: OrderRun, { spec, solver }: Part, prepared: Prepared): Promise<Prepared> {
  const { engine, holding, signal } = run;
  const { name, identifiers } = spec;
  const { ready } = prepared;
  if (!ready) return prepared;
  const budgetMs = solver.readyBudgetMs ?? readyBudgetMs;
  let told: string | undefined;
  const waited = await waitFor<true>(engine.clock, { budgetMs, firstMs: 50, mostMs: 2_000, signal }, async () => {
    await holding.check(signal);
    const now = await ready(signal);
    if (now.ready) return { done: true };
    const message = `waiting for ${solver.type}: ${now.reason}`;
    const level = now.isDoubtful ? 'warn' : 'info';
    if (told !== message) report(engine, { level, event: 'log', certificate: name, message });
    told = message;
    return { reason: now.reason, retryAfterMs: now.retryAfterMs };
  });
  if (!('timedOut' in waited)) return prepared;
  const identifier = shortList(identifiers.map(identifierKey));
  throw fail('solver/not-ready', {
    solver: solver.type,
    identifier,
    seconds: budgetMs / 1000,
    reason: waited.timedOut,
  });
}
