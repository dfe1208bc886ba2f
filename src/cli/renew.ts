import type { Run } from './context.ts';
import { listOf } from './flag-values.ts';
import { certificateNames } from './names.ts';
import { reportStart, tellOutcomes } from './outcomes.ts';

/** `certfleet renew`. */
export const renew: Run = async (session) => {
  const { args, flags } = session.invocation;
  // Any other store that is not there is a mistyped path: everything would be ordered again, or in silence expire.
  const { certificates, storeIsDeclared } = await session.settings();
  const fleet = await session.fleet({ makeStore: storeIsDeclared === true && certificates.length > 0 });
  const names = certificateNames([...args, ...listOf(flags['name'])]);
  await reportStart(session, 'renew');
  const outcomes = await fleet.renew({ names, force: flags['force'] === true }, session.signal);
  return tellOutcomes(outcomes, session, { command: 'renew' });
};
