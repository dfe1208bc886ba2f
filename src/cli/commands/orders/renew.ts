import { fail } from '../../../core/errors/errors.ts';
import { present } from '../../../core/text/present.ts';
import { durationMs, durationPattern } from '../../../core/text/span.ts';
import type { LineageStatus } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { hooksOfRun } from '../../flags/hooks.ts';
import { certificateNames } from '../../flags/names.ts';
import { type Flags, listOf, textOf } from '../../flags/values.ts';
import type { Failed } from '../../output/failure.ts';
import { reportStart, tellOutcomes } from '../../output/outcomes.ts';
import { adviseSweep } from '../../timers/crontab.ts';

/** `certfleet renew`. */
export const renew: Run = async (session) => {
  const { args, flags } = session.invocation;
  const [force, redeploy] = [flags['force'] === true, flags['redeploy'] === true];
  const nextRunMs = nextRunMsOf(flags);
  const orders = force ? '--force' : nextRunMs === undefined ? undefined : '--next-run';
  if (orders !== undefined && redeploy)
    throw fail('usage/flags-exclude', {
      one: '--redeploy',
      other: orders,
      reason: '--redeploy does not order certificates',
    });
  // Any other missing store is a mistyped path. Creating it would order everything again, or let certificates expire
  // silently.
  const { certificates, storeIsDeclared } = await session.settings();
  const fleet = await session.fleet({
    makeStore: storeIsDeclared === true && certificates.length > 0,
    tellsAlarms: true,
  });
  const names = await certificateNames(session, [...args, ...listOf(flags['name'])]);
  await reportStart(session, 'renew');
  if (flags['dryRun'] === true) {
    const other = force ? '--force' : redeploy ? '--redeploy' : nextRunMs === undefined ? undefined : '--next-run';
    if (other !== undefined)
      throw fail('usage/flags-exclude', {
        one: '--dry-run',
        other,
        reason: 'a dry run always orders a test certificate, and delivers nothing',
      });
    const tried = await fleet.dryRun({ names, ...hooksOfRun(flags) }, session.signal);
    return tellOutcomes(tried, session, { command: 'renew', dryRun: true });
  }
  const request = {
    names,
    force,
    ...present({ redeploy: redeploy || undefined, nextRunMs }),
    ...hooksOfRun(flags),
  };
  const isOfCertbot = flags['dns'] !== undefined || flags['impliedDns'] !== undefined;
  if (isOfCertbot) await (await import('./stored-dns.ts')).tellStored(session, fleet, names);
  const outcomes = await fleet.renew(request, session.signal);
  if (nextRunMs === undefined) return tellOutcomes(outcomes, session, { command: 'renew' });
  const inRun = new Set(outcomes.map(({ certificate }) => certificate));
  const statuses = (await fleet.status([], session.signal)).filter(({ name }) => inRun.has(name));
  const tooSlow = await reportTooSlow(session, statuses, nextRunMs);
  const code = await tellOutcomes(outcomes, session, { command: 'renew', renewsEarly: true, tooSlow });
  if (nextRunMs > soonMs && statuses.some(({ needsSweep }) => needsSweep)) await adviseSweep(session);
  return code;
};

/** If the next run is this soon, its own cleanup is enough. */
const soonMs = 2 * 3_600_000;

/** One year. A longer interval is a mistake in the unit. */
const longestMs = 366 * 86_400_000;

function nextRunMsOf(flags: Flags): number | undefined {
  const text = textOf(flags['nextRun']);
  if (text === undefined) return undefined;
  const ms = durationPattern.test(text) ? durationMs(text) : 0;
  if (ms < 60_000 || ms > longestMs)
    throw fail('usage/invalid-value', {
      typed: `--next-run ${text}`,
      form: 'the time until the next run, from 1m to 366d, such as 31d or 12h',
    });
  return ms;
}

/** Reports each certificate for which the interval is too long. */
async function reportTooSlow(
  session: Session,
  statuses: readonly LineageStatus[],
  nextRunMs: number,
): Promise<readonly Failed[]> {
  const { lifetimeMsOf, tooSlow } = await import('../../../core/plan/schedule.ts');
  const found: Failed[] = [];
  for (const { name, notBefore, notAfter } of statuses) {
    if (notBefore === undefined || notAfter === undefined) continue;
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
