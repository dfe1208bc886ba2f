import { fail } from '../../../core/errors/errors.ts';
import type { Run } from '../../context.ts';
import { certificateNames } from '../../flags/names.ts';
import { listOf } from '../../flags/values.ts';
import { reportStart, tellOutcomes } from '../../output/outcomes.ts';
import { dateText } from '../../output/text.ts';

/** `certfleet rollback NAME`. */
export const rollback: Run = async (session) => {
  const { args, flags } = session.invocation;
  const [name, another] = await certificateNames(session, [...args, ...listOf(flags['name'])]);
  if (name === undefined || another !== undefined)
    throw fail('usage/arguments', { what: 'one certificate to roll back', form: 'certfleet rollback NAME' });
  const fleet = await session.fleet({ makeStore: false });
  await reportStart(session, 'rollback');
  const outcome = await fleet.rollback(name, session.signal);
  // The next step is printed below.
  const { next: _next, ...told } = outcome;
  const code = await tellOutcomes([told], session, { command: 'issue', rollback: true });
  const [found] = await fleet.status([name], session.signal);
  if (found?.rolledBack && !session.quiet) {
    const until = dateText(found.rolledBack.until, await session.now());
    session.print(
      `  Next: \`certfleet renew\` gets a new one around ${until}; \`certfleet issue ${name} --force\` at once.`,
    );
  }
  return code;
};
