import type { Run } from '../../context.ts';
import { openAny } from '../challenges/trial.ts';

/** `certfleet alarms test NAME` */
export const testAlarms: Run = async (session) => {
  const [name = ''] = session.invocation.args; // the parser requires one
  const { fleet } = await openAny(session);
  const { type } = await fleet.testAlarms(name, session.signal);
  session.printJson({ object: 'alarms-test', name, type, ok: true });
  if (!session.quiet) session.print(`Sent a test message to ${name} (${type}). Look whether it has arrived.`);
  return 0;
};
