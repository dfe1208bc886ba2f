import type { Run } from './context.ts';
import { listOf } from './flags.ts';
import { reportStart, tellOutcomes } from './outcomes.ts';

/** `certfleet renew`. */
export const renew: Run = async (session) => {
  const { args, flags } = session.invocation;
  const fleet = await session.fleet();
  const names = [...new Set([...args, ...listOf(flags['name'])])];
  await reportStart(session, 'renew');
  const outcomes = await fleet.renew({ names, force: flags['force'] === true }, session.signal);
  return tellOutcomes(outcomes, session, { command: 'renew' });
};
