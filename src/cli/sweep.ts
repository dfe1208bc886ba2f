import { exitCodeOfError } from '../core/errors.ts';
import type { Run } from './context.ts';
import { exitPrecedence } from './exit-codes.ts';
import { reportStart } from './outcomes.ts';

/** What could not be removed for a reason without a code: the solver's side. */
const ofSolvers = 5;

/** `certfleet sweep`. Its exit code is the worst of what could not be removed. */
export const sweep: Run = async (session) => {
  const fleet = await session.fleet({ makeStore: false });
  await reportStart(session, 'sweep');
  const { cleaned, failed, waiting } = await fleet.sweep(session.signal);
  const codes = new Set<number>(failed.map(({ code }) => (code === undefined ? ofSolvers : exitCodeOfError(code))));
  const code = exitPrecedence.find((one) => codes.has(one)) ?? 0;
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
    data: { exitCode: code, cleaned, failed: failed.map((one) => ({ ...one })), waiting },
  });
  if (session.quiet && failed.length === 0) return code;
  for (const what of cleaned) session.print(`removed: ${what}`);
  for (const { what, reason } of failed) session.complain(`could not remove ${what}: ${reason}`);
  session.print(`Swept: ${message}.`);
  if (failed.length > 0)
    session.note('Next: fix what is named and run `certfleet sweep` again; `certfleet renew` tries it too.');
  else session.note('Next: nothing to do; `certfleet renew` sweeps by itself.');
  if (waiting > 0) session.print(`${waiting} removed earlier will be looked at once more (1 h and 24 h after).`);
  return code;
};
