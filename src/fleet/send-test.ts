import type { Engine } from '../engine/engine.ts';

/** Sends a test message to a notifier. Returns its type. */
export async function sendTest(
  { connect, clock, node }: Engine,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly type: string }> {
  const notifier = await connect.notifier(name);
  const nothing = { opened: [], repeated: [], resolved: [], more: [] };
  await notifier.send({ node, at: clock.now().toISOString(), ...nothing, isTest: true }, signal);
  return { type: notifier.type };
}
