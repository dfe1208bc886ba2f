import { fail } from '../core/errors.ts';
import type { Outcome } from '../core/outcome.ts';
import { durationMs, durationPattern } from '../core/span.ts';
import type { Fleet } from '../fleet.ts';
import type { Run, Session } from './context.ts';
import type { Failed } from './failure.ts';
import { type Flags, listOf, textOf } from './flag-values.ts';
import { certificateNames } from './names.ts';
import { reportStart, tellOutcomes } from './outcomes.ts';

/** `certfleet renew`. */
export const renew: Run = async (session) => {
  const { args, flags } = session.invocation;
  const [force, redeploy] = [flags['force'] === true, flags['redeploy'] === true];
  const nextRunMs = nextRunMsOf(flags);
  const orders = force ? '--force' : nextRunMs === undefined ? undefined : '--next-run';
  if (orders !== undefined && redeploy)
    throw fail('usage/invalid', { what: `--redeploy orders nothing, and ${orders} orders: leave out one of them` });
  // Any other missing store is a mistyped path. Creating it would order everything again, or let it expire silently.
  const { certificates, storeIsDeclared } = await session.settings();
  const fleet = await session.fleet({ makeStore: storeIsDeclared === true && certificates.length > 0 });
  const names = certificateNames([...args, ...listOf(flags['name'])]);
  await reportStart(session, 'renew');
  const request = {
    names,
    force,
    ...(redeploy ? { redeploy } : {}),
    ...(nextRunMs === undefined ? {} : { nextRunMs }),
  };
  const outcomes = await fleet.renew(request, session.signal);
  const tooSlow = nextRunMs === undefined ? [] : await tooSlowFor(session, fleet, { outcomes, nextRunMs });
  return tellOutcomes(outcomes, session, { command: 'renew', renewsEarly: nextRunMs !== undefined, tooSlow });
};

/** A year: a longer interval is a mistake in the unit. */
const longestMs = 366 * 86_400_000;

function nextRunMsOf(flags: Flags): number | undefined {
  const text = textOf(flags['nextRun']);
  if (text === undefined) return undefined;
  const ms = durationPattern.test(text) ? durationMs(text) : 0;
  if (ms < 60_000 || ms > longestMs)
    throw fail('usage/invalid', {
      what: `--next-run ${text}: write how long after this run the next one comes, from 1m to 366d, such as 31d or 12h`,
    });
  return ms;
}

/** Reports each certificate of the run for which the interval is too long. */
async function tooSlowFor(
  session: Session,
  fleet: Fleet,
  { outcomes, nextRunMs }: { readonly outcomes: readonly Outcome[]; readonly nextRunMs: number },
): Promise<readonly Failed[]> {
  const { lifetimeMsOf, tooSlow } = await import('../core/schedule.ts');
  const inRun = new Set(outcomes.map(({ certificate }) => certificate));
  const found: Failed[] = [];
  for (const { name, notBefore, notAfter } of await fleet.status([], session.signal)) {
    if (!inRun.has(name) || notBefore === undefined || notAfter === undefined) continue;
    const lifetimeMs = lifetimeMsOf({ notBefore, notAfter });
    const slow = tooSlow(name, nextRunMs, lifetimeMs);
    if (!slow) continue;
    const { error, longestMs } = slow;
    const { message } = error;
    const data = { intervalMs: nextRunMs, lifetimeMs, longestMs };
    const time = (await session.now()).toISOString();
    session.reporter.report({
      v: 1,
      time,
      level: 'error',
      event: 'schedule.too-slow',
      certificate: name,
      message,
      data,
    });
    found.push({ certificate: name, result: 'failed', message, error });
  }
  return found;
}
