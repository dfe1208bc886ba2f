import { sayAlarm } from '../../../core/alarm/alarm-wording.ts';
import { isFailure, withHint } from '../../../core/errors/errors.ts';
import { say } from '../../../core/errors/wording.ts';
import { withLetters } from '../../../core/names/letters.ts';
import type { Fleet, OpenAlarms } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { dateText, withDates } from '../../output/text.ts';
import { openAny } from '../challenges/trial.ts';

/** `certfleet alarms`, and `certfleet alarms list`. */
export const listAlarms: Run = async (session) => {
  const fleet = await fleetOfAlarms(session);
  const { open, more } = await fleet.alarms(session.signal);
  for (const alarm of open) session.printJson({ object: 'alarm', ...alarm });
  if (session.json) return 0;
  if (open.length === 0) {
    session.print('No alarm is open.');
    const { alarms } = fleet.settings();
    if (Object.keys(alarms).length === 0)
      session.note('`alarms` in the configuration says whom to tell. Without it, only `certfleet run` keeps alarms.');
    return 0;
  }
  const now = await session.now();
  for (const alarm of open) {
    const { since, toldAt, kind } = alarm;
    const { message, hint } = sayAlarm(alarm, session.language);
    session.print(withDates(withLetters(message), now));
    const told = `${kind}, since ${dateText(since, now)}, last told on ${dateText(toldAt, now)}`;
    session.print(`  ${hint === '' ? '' : `${withDates(hint, now)}\n  `}(${told})`);
  }
  if (more > 0) session.print(`There are ${more} more.`);
  return 0;
};

/** Opens the store. A broken configuration is when alarms matter, so the store is then that of --store or the default. */
async function fleetOfAlarms(session: Session): Promise<Fleet> {
  try {
    return await session.fleet({ makeStore: false });
  } catch (error) {
    if (!isFailure(error, 'config/invalid', 'config/unreadable')) throw error;
    session.useDefaults();
    const fleet = await session.fleet({ makeStore: false }).catch(() => undefined);
    const hint = `${error.hint} With \`--store\`, \`certfleet alarms\` lists the alarms of a store without the configuration.`;
    if (!fleet) throw withHint(error, hint);
    session.complain(say(error, session.language).message);
    if (session.invocation.flags['store'] === undefined)
      session.complain('These are the alarms of the default store. `--store` names another one.');
    return fleet;
  }
}

/** Mentions open alarms below the status of certificates. */
export const openAlarmsText = ({ open, more }: OpenAlarms): string | undefined => {
  const count = open.length + more;
  if (count === 0) return undefined;
  return `${count} ${count === 1 ? 'alarm is' : 'alarms are'} open: \`certfleet alarms\` lists ${count === 1 ? 'it' : 'them'}.`;
};

/** `certfleet alarms test NAME` */
export const testAlarms: Run = async (session) => {
  const [name = ''] = session.invocation.args; // the parser requires one
  const { fleet } = await openAny(session);
  const { type } = await fleet.testAlarms(name, session.signal);
  session.printJson({ object: 'alarms-test', name, type, ok: true });
  if (!session.quiet) session.print(`Sent a test message to ${name} (${type}). Look whether it has arrived.`);
  return 0;
};
