import { fail, reasonOf } from '../core/errors/errors.ts';
import { nameOfReal } from '../core/names/identifiers.ts';
import type { Outcome } from '../core/plan/outcome.ts';
import { present } from '../core/text/present.ts';
import { forget, versionsOf } from '../engine/acts/forget.ts';
import { type Engine, report } from '../engine/engine.ts';
import { reconcile } from '../engine/pass/reconcile.ts';
import type { Job } from '../engine/run/job.ts';
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
  const { engine } = fleet;
  const stored = await readAll(fleet, signal);
  const all = names.length > 0 ? await declaredOrNamed(fleet, names, signal) : allWanted(fleet, stored);
  // As `renew` would do it, without a person, but always with an order, because "not due" would prove nothing.
  const jobs = all.filter(canTry).map(({ wanted, origin }): Job => {
    return { wanted: forStaging(wanted, hooks), origin, force: true, obeyBackoff: false, unattended: true };
  });
  try {
    const outcomes = await reconcile(engine, jobs, signal);
    const tried = outcomes.map((one): Outcome => ({ ...one, certificate: nameOfReal(one.certificate) }));
    // If nothing is left to try, the test has no result, which must not look like a success.
    return [...tried, ...all.filter((one) => !canTry(one)).map(jobs.length > 0 ? notTried : refused)];
  } finally {
    // After a signal, too: otherwise `status` would show a failed test for ever.
    await forgetTests(
      engine,
      jobs.map(({ wanted }) => wanted.name).filter((name) => !stored.has(name)),
    );
  }
}

const canTry = ({ wanted: { issuer } }: Wanted): boolean =>
  issuer.settings.test || issuer.settings.testDirectory !== undefined;

function notTried({ wanted, isStored }: Wanted): Outcome {
  const { name, issuer } = wanted;
  const how = isStored
    ? `\`certfleet issue ${name} --test-directory URL\` names one`
    : '`testDirectory` of the issuer names one';
  return {
    certificate: name,
    result: 'unchanged',
    message: `not tried, because ${issuer.name} has no test directory; ${how}`,
  };
}

function refused({ wanted }: Wanted): Outcome {
  const error = fail('config/no-test-directory', { issuer: wanted.issuer.name });
  return { certificate: wanted.name, result: 'failed', message: error.message, error };
}

/** How long the search for the tests' keys may take: it lists all keys of the store. */
const lookMs = 60_000;

/** Deletes test certificates. What their challenges left is journalled, so a sweep removes it. */
async function forgetTests(engine: Engine, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const versions = await inTime(engine, lookMs, (signal) => versionsOf(engine, new Set(names), signal)).catch(
    (error: unknown) => reportStays(engine, error),
  );
  if (!versions) return;
  for (const name of names)
    await inTime(engine, engine.limits.shutdownBudgetMs, (signal) =>
      forget(engine, name, { force: false, versions }, signal),
    ).catch((error: unknown) => reportStays(engine, error, name));
}

async function inTime<T>({ clock }: Engine, budgetMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const deadline = clock.deadline(budgetMs);
  try {
    return await work(deadline.signal);
  } finally {
    deadline.done();
  }
}

function reportStays(engine: Engine, error: unknown, certificate?: string): undefined {
  const what = certificate === undefined ? 'the test certificates stay' : 'the test certificate stays';
  const message = `${what} in the store: ${reasonOf(error)}`;
  report(engine, { level: 'warn', event: 'log', ...present({ certificate }), message });
}
