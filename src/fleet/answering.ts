import type { Composed } from '../compose.ts';
import type { EngineProcess } from '../engine/engine.ts';
import { report } from '../engine/engine.ts';
import type { VitalsLog } from '../engine/steady/vitals.ts';

export type ServingResponder = Awaited<ReturnType<Composed['respondersOf']>>[number];

/** A responder has no loop, but its event loop turns. */
export async function keepTurning(
  { clock }: Pick<EngineProcess, 'clock'>,
  vitals: VitalsLog,
  everyMs: number,
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    vitals.turns();
    vitals.turned(everyMs);
    await clock.sleep(everyMs, over).catch(() => undefined);
  }
}

/** Tells where challenges are answered. */
export function tellAddresses(process: EngineProcess, ones: readonly ServingResponder[], more = ''): void {
  const where = ones.map(({ address }) => address).join(', ');
  const message = `answering the challenges of all nodes of the store at ${where}${more}`;
  report(process, { level: 'info', event: 'log', message });
}
