import type { Run } from './context.ts';
import { reportStart } from './outcomes.ts';

/** `certfleet sweep`. What could not be removed is a failure of the solver's side: exit 5. */
export const sweep: Run = async (session) => {
  const fleet = await session.fleet({ makeStore: false });
  await reportStart(session, 'sweep');
  const { cleaned, failed, waiting } = await fleet.sweep(session.signal);
  const code = failed.length > 0 ? 5 : 0;
  const message =
    cleaned.length + failed.length === 0
      ? 'nothing was left behind'
      : `${cleaned.length} removed, ${failed.length} could not be removed`;
  session.reporter.report({
    v: 1,
    time: (await session.now()).toISOString(),
    level: code === 0 ? 'info' : 'error',
    event: 'run.finished',
    message,
    data: { exitCode: code, cleaned, failed: failed.map(({ what, reason }) => ({ what, reason })), waiting },
  });
  if (session.quiet && failed.length === 0) return code;
  for (const what of cleaned) session.print(`removed: ${what}`);
  if (!session.json)
    for (const { what, reason } of failed) session.context.stderr.write(`could not remove ${what}: ${reason}\n`);
  session.print(`Swept: ${message}.`);
  if (failed.length > 0)
    session.note('Next: fix what is named and run `certfleet sweep` again; `certfleet renew` tries it too.');
  if (waiting > 0) session.print(`${waiting} removed earlier will be looked at once more (1 h and 24 h after).`);
  return code;
};
