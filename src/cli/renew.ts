import type { Run } from './context.ts';
import { listOf } from './flags.ts';
import { certificateNames } from './names.ts';
import { reportStart, tellOutcomes } from './outcomes.ts';

/** `certfleet renew`. */
export const renew: Run = async (session) => {
  const { args, flags } = session.invocation;
  // Where nothing is declared, a store that is not there is a mistyped path: silent in cron until everything expires.
  const { certificates } = await session.settings();
  const fleet = await session.fleet({ makeStore: certificates.length > 0 });
  const names = certificateNames([...args, ...listOf(flags['name'])]);
  await reportStart(session, 'renew');
  const outcomes = await fleet.renew({ names, force: flags['force'] === true }, session.signal);
  return tellOutcomes(outcomes, session, { command: 'renew' });
};
