import { fail } from '../../../core/errors/errors.ts';
import { longestReason, pauseText } from '../../../core/lineage/pause.ts';
import { withLetters } from '../../../core/names/letters.ts';
import type { Run } from '../../context.ts';
import { certificateNames } from '../../flags/names.ts';
import { listOf, textOf } from '../../flags/values.ts';
import { reportStart } from '../../output/outcomes.ts';
import { dateText, withDates } from '../../output/text.ts';
import { typing } from '../people/people.ts';

/** `certfleet pause NAME...` */
export const pause: Run = async (session) => {
  const { flags } = session.invocation;
  const names = await namesOf(session, 'pause');
  const reason = textOf(flags['reason']);
  if (reason !== undefined && reason.length > longestReason)
    throw fail('usage/invalid-value', { typed: '--reason', form: `at most ${longestReason} characters` });
  const fleet = await session.fleet({ makeStore: false });
  await reportStart(session, 'pause');
  const { name: by } = typing(session);
  for (const name of names) await fleet.pause({ name, by, reason }, session.signal);
  const now = await session.now();
  for (const one of await fleet.status(names, session.signal)) {
    session.printJson({ object: 'certificate', ...one });
    if (one.paused) session.print(`${withLetters(one.name)}: ${withDates(pauseText(one.paused), now)}`);
    if (one.notAfter !== undefined) session.print(`  It expires on ${dateText(one.notAfter, now)}.`);
  }
  session.print(`  Next: \`certfleet resume ${names.join(' ')}\` lets it be renewed and delivered again.`);
  return 0;
};

/** `certfleet resume NAME...` */
export const resume: Run = async (session) => {
  const names = await namesOf(session, 'resume');
  const fleet = await session.fleet({ makeStore: false });
  await reportStart(session, 'resume');
  const before = await fleet.status(names, session.signal);
  const { name: by } = typing(session);
  for (const name of names) await fleet.resume({ name, by }, session.signal);
  for (const one of await fleet.status(names, session.signal)) session.printJson({ object: 'certificate', ...one });
  for (const { name, paused } of before)
    session.print(`${withLetters(name)}: ${paused ? 'resumed' : 'it was not paused'}`);
  session.print('  Next: `certfleet run` or `certfleet renew` works on what is due.');
  return 0;
};

async function namesOf(session: Parameters<Run>[0], command: string): Promise<readonly string[]> {
  const { args, flags } = session.invocation;
  const names = await certificateNames(session, [...args, ...listOf(flags['name'])]);
  if (names.length === 0)
    throw fail('usage/arguments', { what: `a certificate to ${command}`, form: `certfleet ${command} NAME` });
  return names;
}
