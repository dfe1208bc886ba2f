import { createBell } from '../core/async/bell.ts';
import { aborted } from '../core/async/on-abort.ts';
import { asFailure, fail } from '../core/errors/errors.ts';
import type { Lineage } from '../core/lineage/lineage.ts';
import { hasAlso } from '../core/names/listen-address.ts';
import type { AdapterSettings } from '../core/spec/spec.ts';
import { partsOf } from '../core/spec/spec-parts.ts';
import { placeOfResponder, serveHealth } from '../daemon/health-server.ts';
import { tellSystemd } from '../daemon/systemd.ts';
import { inPass } from '../engine/engine.ts';
import { complain } from '../engine/steady/complain.ts';
import { createFollower } from '../engine/steady/follow.ts';
import { joinPeers } from '../engine/steady/peers.ts';
import { createVitals } from '../engine/steady/vitals.ts';
import { keepTurning, type ServingResponder, tellAddresses } from './answering.ts';
import { edgesOf, withParts } from './parts.ts';
import type { RunningFleet } from './run.ts';
import { readAll, readOne, type Stored } from './stored.ts';

/** An address that another program has is tried again after this time. */
const retryMs = 60_000;
const longestSleepMs = 3_600_000;

const solversOf = (stored: Stored): readonly AdapterSettings[] =>
  [...stored.values()]
    .flatMap((found) => (found instanceof Error ? [] : partsOf(found.spec)))
    .map(({ solver }) => solver.settings);

/**
 * Answers the challenges of other nodes from the store, at every address at which a declared or stored solver listens, also
 * one that is stored later. Writes nothing but its signs of life.
 */
export async function respond(
  fleet: Omit<RunningFleet, 'sources'>,
  { ready }: { readonly ready: () => void },
  signal: AbortSignal,
): Promise<void> {
  const { composed, settings } = fleet;
  const { process, configuration } = composed;
  const { clock } = process;
  const everyMs = process.limits.leaseTtlMs / 3;
  const vitals = createVitals(clock);
  const changes = await createFollower(process, vitals, signal);
  const stored = await inPass(process, (engine) => readAll({ settings: settings(), composed, engine }, signal));
  const declared = Object.values(settings().solvers).map((one) => one.settings);
  const responders: ServingResponder[] = [...(await composed.respondersOf([...declared, ...solversOf(stored)]))];
  const first = [...responders];
  if (first.length === 0) throw fail('config/no-responder', {});
  const peers = await joinPeers(process, { role: 'responder', vitals, everyMs, configuration, changes }, signal);
  const edges = edgesOf(fleet, vitals, signal);
  const ownPlace = { ...edges, settings: () => placeOfResponder(fleet.env) };

  /** Returns the responders at new addresses of certificates that have changed. */
  async function newOnes(over: AbortSignal): Promise<readonly ServingResponder[]> {
    const found = new Map<string, Lineage>();
    await inPass(process, async (engine) => {
      for (const name of changes.take()) {
        const lineage = await readOne({ settings: settings(), composed, engine }, name, over).catch(() => undefined);
        if (lineage) found.set(name, lineage);
      }
    });
    const fresh: ServingResponder[] = [];
    for (const one of await composed.respondersOf(solversOf(found)))
      if (responders.some(({ address }) => hasAlso(address, one.address))) await one.close();
      else fresh.push(one);
    return fresh;
  }

  /** Answers at an address. If it cannot, it says so once, and tries again. */
  async function keepServing(one: ServingResponder, over: AbortSignal): Promise<void> {
    let before = '';
    while (!over.aborted) {
      const message = await one.serve(over).then(
        () => '',
        (error: unknown) => (asFailure(error).message === before ? before : complain(process, error)),
      );
      before = message;
      await clock.sleep(retryMs, over).catch(() => undefined);
    }
  }

  async function serveNew(over: AbortSignal): Promise<void> {
    const bell = createBell();
    changes.onChange(bell.ring);
    const serving: Promise<void>[] = [];
    while (!over.aborted) {
      await bell.orAfter(longestSleepMs, clock, over);
      if (over.aborted) break;
      const fresh = await newOnes(over).catch((error: unknown) => {
        if (!over.aborted) complain(process, error);
        return [];
      });
      for (const one of fresh) {
        responders.push(one);
        tellAddresses(process, [one]);
        serving.push(keepServing(one, over));
      }
    }
    await Promise.all(serving);
  }

  try {
    await withParts(
      [
        (over) => changes.follow(over),
        serveNew,
        ...first.map((one) => one.serve),
        (over) => peers.stay(over),
        (over) => serveHealth(ownPlace, over),
        (over) => tellSystemd(edges, over),
        (over) => keepTurning(process, vitals, everyMs, over),
      ],
      (until) => {
        tellAddresses(process, first);
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
