import { aborted } from '../core/async/on-abort.ts';
import { fail } from '../core/errors/errors.ts';
import { partsOf } from '../core/spec/spec-parts.ts';
import { placeOfResponder, serveHealth } from '../daemon/health-server.ts';
import { tellSystemd } from '../daemon/systemd.ts';
import { inPass, report } from '../engine/engine.ts';
import { joinPeers } from '../engine/steady/peers.ts';
import { createVitals } from '../engine/steady/vitals.ts';
import { edgesOf, withParts } from './parts.ts';
import type { RunningFleet } from './run.ts';
import { readAll } from './stored.ts';

/**
 * Answers the challenges of other nodes from the store, at every address at which a declared or stored solver listens.
 * Writes nothing but its signs of life.
 */
export async function respond(
  fleet: Omit<RunningFleet, 'declare'>,
  { ready }: { readonly ready: () => void },
  signal: AbortSignal,
): Promise<void> {
  const { composed, settings } = fleet;
  const { process, configuration } = composed;
  const { clock } = process;
  const stored = await inPass(process, (engine) => readAll({ settings: settings(), composed, engine }, signal));
  const used = [...stored.values()].flatMap((found) => (found instanceof Error ? [] : partsOf(found.spec)));
  const solvers = [...Object.values(settings().solvers), ...used.map(({ solver }) => solver)];
  const responders = await composed.respondersOf(solvers.map((one) => one.settings));
  if (responders.length === 0) throw fail('config/no-responder', {});
  const everyMs = process.limits.leaseTtlMs / 3;
  const vitals = createVitals(clock);
  const peers = await joinPeers(process, { role: 'responder', vitals, everyMs, configuration }, signal);
  const edges = edgesOf(fleet, vitals, signal);
  const ownPlace = { ...edges, settings: () => placeOfResponder(fleet.env) };

  /** It has no loop, but its event loop turns. */
  async function turn(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      vitals.turns();
      vitals.turned(everyMs);
      await clock.sleep(everyMs, over).catch(() => undefined);
    }
  }

  try {
    await withParts(
      [
        ...responders.map((one) => one.serve),
        (over) => peers.stay(over),
        (over) => serveHealth(ownPlace, over),
        (over) => tellSystemd(edges, over),
        turn,
      ],
      (until) => {
        const where = responders.map(({ address }) => address).join(', ');
        const message = `answering the challenges of all nodes of the store at ${where}`;
        report(process, { level: 'info', event: 'log', message });
        vitals.ready();
        ready();
        return aborted(until);
      },
      signal,
    );
  } finally {
    await Promise.all(responders.map((one) => one.close()));
  }
}
