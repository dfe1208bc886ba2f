import { present } from '../../../core/text/present.ts';
import type { Run } from '../../context.ts';
import { exitCodeOfSweep } from '../../output/exit-codes.ts';
import { reportStart } from '../../output/outcomes.ts';
import { dateText, fromNow } from '../../output/text.ts';
import { removalOf, sweepLost } from './lost.ts';

/** `certfleet sweep`. Exits with the worst code among the failures to remove something. */
export const sweep: Run = async (session) => {
  const { flags } = session.invocation;
  const removal = removalOf(flags);
  if (flags['lost'] === true) return sweepLost(session, removal);
  const fleet = await session.fleet({ makeStore: false });
  await reportStart(session, 'sweep');
  const { cleaned, unsure, delivered, revoked, failed, waiting, nextLook } = await fleet.sweep(session.signal);
  const code = exitCodeOfSweep(failed);
  const failedTo = (what: 'deliver' | 'revoke') => failed.filter(({ verb }) => verb === what).length;
  const removals = [cleaned, failed.filter(({ verb }) => verb === undefined)].map(({ length }) => length);
  const parts = [
    ...(removals.some((count) => count > 0) ? [`${removals[0]} removed, ${removals[1]} could not be removed`] : []),
    ...(unsure.length > 0 ? [`${unsure.length} not in the provider’s list yet`] : []),
    ...(delivered.length > 0 ? [`${delivered.length} delivered`] : []),
    ...(failedTo('deliver') > 0 ? [`${failedTo('deliver')} could not be delivered`] : []),
    ...(revoked.length > 0 ? [`${revoked.length} revoked`] : []),
    ...(failedTo('revoke') > 0 ? [`${failedTo('revoke')} could not be revoked`] : []),
  ];
  const message = parts.length > 0 ? parts.join(', ') : 'nothing to clean up';
  const now = await session.now();
  session.reporter.report({
    v: 1,
    time: now.toISOString(),
    level: code === 0 ? 'info' : 'error',
    event: 'run.finished',
    message,
    data: {
      ...{ exitCode: code, cleaned, unsure, delivered, revoked, failed: failed.map((one) => ({ ...one })), waiting },
      ...present({ nextLook }),
    },
  });
  if (session.quiet && failed.length === 0) return code;
  for (const what of cleaned) session.print(`removed: ${what}`);
  for (const what of unsure) session.print(`${what}: not seen in the provider’s list yet; it is looked for again`);
  for (const what of delivered) session.print(`delivered: ${what}`);
  for (const what of revoked) session.print(`revoked: ${what}`);
  for (const { what, reason, verb = 'remove' } of failed) session.complain(`could not ${verb} ${what}: ${reason}`);
  session.print(`Sweep: ${message}.`);
  if (failed.length > 0)
    session.note('Next: fix the problem and run `certfleet sweep` again; `certfleet renew` also tries again.');
  else if (unsure.length === 0) session.note('Next: nothing to do; `certfleet renew` also sweeps.');
  if (nextLook !== undefined)
    session.print(
      `${waiting} may still appear: \`certfleet sweep\` and \`certfleet renew\` look again, from ${dateText(nextLook, now)} on (${fromNow(nextLook, now)}).`,
    );
  return code;
};
