import { onceForEach } from '../../core/async/once-for-each.ts';
import { asFailure } from '../../core/errors/errors.ts';
import { dataOf } from '../../core/errors/stored-error.ts';
import { type Engine, report } from '../engine.ts';
import { holdOf } from '../ledger/ca-hold.ts';
import { type Answer, askAgain, type SeenCertificate } from '../path/window.ts';
import { inLanes } from './lanes.ts';

/**
 * Asks the CAs for the renewal windows of certificates that a process which keeps running knows. It takes no lease, and
 * writes nothing where the window is unchanged, so the process must remember when to ask again. Returns the answers by
 * name.
 */
export async function askWindows(
  engine: Engine,
  seen: readonly SeenCertificate[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Answer>> {
  const answers = new Map<string, Answer>();
  const hold = onceForEach(
    (directory: string) => directory,
    (directory) => holdOf(engine, directory, signal),
  );
  const errands = seen.map((one) => {
    const { name } = one.lineage;
    const { directory } = one.issuer.settings;
    const ca = engine.pass.cas(directory);
    return {
      group: directory,
      limit: ca.lanes,
      onGrowth: ca.onGrowth,
      async run(lane: AbortSignal) {
        answers.set(name, await answerFor(engine, one, hold, lane));
        return answers;
      },
    };
  });
  await inLanes(engine, errands, signal);
  return answers;
}

async function answerFor(
  engine: Engine,
  one: SeenCertificate,
  hold: (directory: string) => ReturnType<typeof holdOf>,
  signal: AbortSignal,
): Promise<Answer> {
  const { name } = one.lineage;
  try {
    return await askAgain(engine, one, await hold(one.issuer.settings.directory), signal);
  } catch (error) {
    signal.throwIfAborted();
    const failure = asFailure(error, name);
    const data = dataOf(failure);
    report(engine, { level: 'error', event: 'certificate.failed', certificate: name, message: failure.message, data });
    return 'changed';
  }
}
