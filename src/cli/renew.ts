import { fail } from '../core/errors.ts';
import type { Run } from './context.ts';
import { listOf } from './flag-values.ts';
import { certificateNames } from './names.ts';
import { reportStart, tellOutcomes } from './outcomes.ts';

/** `certfleet renew`. */
export const renew: Run = async (session) => {
  const { args, flags } = session.invocation;
  const [force, redeploy] = [flags['force'] === true, flags['redeploy'] === true];
  if (force && redeploy)
    throw fail('usage/invalid', { what: '--redeploy orders nothing, and --force orders: leave out one of them' });
  // Any other missing store is a mistyped path. Creating it would order everything again, or let it expire silently.
  const { certificates, storeIsDeclared } = await session.settings();
  const fleet = await session.fleet({ makeStore: storeIsDeclared === true && certificates.length > 0 });
  const names = certificateNames([...args, ...listOf(flags['name'])]);
  await reportStart(session, 'renew');
  const outcomes = await fleet.renew({ names, force, ...(redeploy ? { redeploy } : {}) }, session.signal);
  return tellOutcomes(outcomes, session, { command: 'renew' });
};
