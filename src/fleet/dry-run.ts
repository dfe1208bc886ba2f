import { fail, reasonOf } from '../core/errors.ts';
import { nameOfReal } from '../core/identifiers.ts';
import type { Outcome } from '../core/outcome.ts';
import { type Engine, report } from '../engine/engine.ts';
import { forget } from '../engine/forget.ts';
import type { Job } from '../engine/job.ts';
import { reconcile } from '../engine/reconcile.ts';
import type { RenewRequest } from '../fleet.ts';
import type { OpenFleet } from './opened.ts';
import { forStaging } from './staging.ts';
import { readAll } from './stored.ts';
import { allWanted, declaredOrNamed, type Wanted } from './wanted.ts';

export async function dryRun(
  fleet: OpenFleet,
  { names, hooks }: Pick<RenewRequest, 'names' | 'hooks'>,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const { engine } = fleet.composed;
  const stored = await readAll(fleet, signal);
  const all = names.length > 0 ? await declaredOrNamed(fleet, names, signal) : allWanted(fleet, stored);
  // As `renew` would do it, without a person; and always with an order, because "not due" would prove nothing.
  const jobs = all.filter(canTry).map(({ wanted, origin }): Job => {
    return { wanted: forStaging(wanted, hooks), origin, force: true, obeyBackoff: false, unattended: true };
  });
  try {
    const outcomes = await reconcile(engine, jobs, signal);
    const tried = outcomes.map((one): Outcome => ({ ...one, certificate: nameOfReal(one.certificate) }));
    // If nothing is left to try, the question has no answer, and that must not look like a yes.
    return [...tried, ...all.filter((one) => !canTry(one)).map(jobs.length > 0 ? notTried : refused)];
  } finally {
    // After a signal, too: a test that failed would be shown by `status` for ever.
    for (const { wanted } of jobs) if (!stored.has(wanted.spec.name)) await forgetTest(engine, wanted.spec.name);
  }
}

const canTry = ({ wanted: { issuer } }: Wanted): boolean => issuer.test || issuer.testDirectory !== undefined;

const notTried = ({ wanted: { spec } }: Wanted): Outcome => ({
  certificate: spec.name,
  result: 'unchanged',
  message: `not tried, because ${spec.issuer} has no test directory`,
});

function refused({ wanted: { spec } }: Wanted): Outcome {
  const error = fail('config/no-test-directory', { issuer: spec.issuer });
  return { certificate: spec.name, result: 'failed', message: error.message, error };
}

/** Deletes a test certificate. What its challenges left is journalled, so a sweep removes it. */
async function forgetTest(engine: Engine, name: string): Promise<void> {
  const deadline = engine.clock.deadline(engine.limits.shutdownBudgetMs);
  try {
    await forget(engine, name, { force: false }, deadline.signal);
  } catch (error) {
    const message = `the test certificate stays in the store: ${reasonOf(error)}`;
    report(engine, { level: 'warn', event: 'log', certificate: name, message });
  } finally {
    deadline.done();
  }
}
