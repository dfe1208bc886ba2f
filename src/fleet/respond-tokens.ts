import { type ComposedResponder, composeResponder } from '../compose/responder.ts';
import type { ComposeContext } from '../compose.ts';
import { aborted } from '../core/async/on-abort.ts';
import { fail } from '../core/errors/errors.ts';
import type { Settings } from '../core/spec/spec.ts';
import { placeOfResponder, serveHealth } from '../daemon/health-server.ts';
import { tellSystemd } from '../daemon/systemd.ts';
import { createTrouble } from '../engine/steady/complain.ts';
import { createVitals, type VitalsLog } from '../engine/steady/vitals.ts';
import type { Fleet } from '../fleet.ts';
import { keepTurning, tellAddresses } from './answering.ts';
import { edgesOf, withParts } from './parts.ts';

/** How often it looks whether the store answers. */
const lookEveryMs = 5_000;
const turnEveryMs = 20_000;

/**
 * Opens a responder that reads nothing but tokens: it has no key of the store, and writes nothing, not even signs of life.
 */
export async function openTokenResponder(
  settings: Settings,
  context: ComposeContext,
): Promise<Pick<Fleet, 'respond' | 'close'>> {
  const composed = await composeResponder(settings, context);
  return {
    respond: ({ ready }, signal) => respond({ composed, settings, context, ready }, signal),
    close: (signal) => composed.close(signal),
  };
}

interface Responding {
  readonly composed: ComposedResponder;
  readonly settings: Settings;
  readonly context: ComposeContext;
  readonly ready: () => void;
}

async function respond({ composed, settings, context, ready }: Responding, signal: AbortSignal): Promise<void> {
  const { process } = composed;
  const vitals = createVitals(process.clock);
  await composed.look();
  const all = await composed.respondersOf(Object.values(settings.solvers).map((one) => one.settings));
  if (all.length === 0) throw fail('config/no-responder', {});
  const { world, env } = context;
  const edges = edgesOf({ composed, world, env }, vitals, signal);
  const ownPlace = { ...edges, settings: () => placeOfResponder(env) };
  const more = '; it writes nothing to the store, so `certfleet status` does not know of it';
  try {
    await withParts(
      [
        (over) => keepLooking(composed, vitals, over),
        ...all.map((one) => one.serve),
        (over) => serveHealth(ownPlace, over),
        (over) => tellSystemd(edges, over),
        (over) => keepTurning(process, vitals, turnEveryMs, over),
      ],
      (until) => {
        tellAddresses(process, all, more);
        vitals.ready();
        ready();
        return aborted(until);
      },
      signal,
    );
  } finally {
    await Promise.all(all.map((one) => one.close()));
  }
}

/** Looks whether the store answers, until the signal aborts. */
async function keepLooking({ process, look }: ComposedResponder, vitals: VitalsLog, over: AbortSignal): Promise<void> {
  const trouble = createTrouble(process);
  while (!over.aborted) {
    await process.clock.sleep(lookEveryMs, over).catch(() => undefined);
    if (over.aborted) return;
    try {
      await look();
      trouble.succeeded();
      vitals.store('read', undefined);
    } catch (error) {
      vitals.store('read', trouble.failed(error));
    }
  }
}
