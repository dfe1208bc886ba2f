import type { Json } from '../../core/text/json.ts';
import type { VersionBundle, VersionRef } from '../../ports/deployer.ts';
import { type Arrived, mostTogether } from '../memory/reloads.ts';
import { type Courier, callsTo, type Destination } from './calls-to-target.ts';

/** A staged version, which waits to be activated. */
interface Arrival extends Arrived {
  readonly run: Courier;
  readonly version: VersionBundle;
  readonly at: Destination;
  readonly calls: ReturnType<typeof callsTo>;
  readonly receipt: Json;
}

interface Result {
  readonly error?: unknown;
}

/**
 * Stages a version at once, waits for the other certificates of the pass that go to the same target, and activates all
 * of them with one reload. Fails like a delivery of this version alone.
 */
export async function shareReload(
  run: Courier,
  version: VersionBundle,
  at: Destination & { readonly again: boolean },
): Promise<void> {
  const calls = callsTo(run, version, at);
  const staged = await calls.stage(at.again);
  if (!staged) return;
  const { name: certificate, issuer } = run.job.wanted;
  const arrival: Arrival = {
    ...{ certificate, directory: issuer.settings.directory },
    ...{ run, version, at, calls, receipt: staged.receipt },
  };
  const { reloads } = run.engine.pass;
  const result = await reloads.share(calls.key, arrival, activateAll, run.signal);
  if ('error' in result) throw result.error;
}

/**
 * Activates what has arrived at a target, with one reload. If that fails, activates one after the other, so that a
 * version that the target refuses does not stop the others.
 */
async function activateAll(all: readonly Arrival[], signal: AbortSignal): Promise<readonly Result[]> {
  const results = new Map<Arrival, Result>();
  // Certificates with credentials of their own have their own deployer.
  for (const deployer of new Set(all.map(({ at }) => at.deployer))) {
    const group = all.filter(({ at }) => at.deployer === deployer);
    for (let from = 0; from < group.length; from += mostTogether) {
      const some = group.slice(from, from + mostTogether);
      const used = some.length > 1 ? await activateTogether(some, signal).catch(() => []) : [];
      const isUsed = ({ version }: Arrival) =>
        used.some(({ lineage, id }) => lineage === version.lineage && id === version.id);
      for (const one of some) results.set(one, isUsed(one) ? {} : await activateAlone(one));
    }
  }
  return all.map((one) => results.get(one) ?? {});
}

async function activateTogether(all: readonly Arrival[], signal: AbortSignal): Promise<readonly VersionRef[]> {
  const [first] = all;
  if (!first) return [];
  const { run, version, at } = first;
  return callsTo({ ...run, signal }, version, at).change((until) => {
    const bundles = all.map(({ calls }) => calls.bundle);
    let activate = async () => (await at.deployer.activateTogether?.(bundles, until)) ?? [];
    // Proves every lease before and after.
    for (const { run } of all) {
      const inner = activate;
      activate = () => run.holding.effect(until, inner);
    }
    return activate();
  });
}

const activateAlone = ({ calls, receipt }: Arrival): Promise<Result> =>
  calls.activate(receipt).then(
    () => ({}),
    (error: unknown) => ({ error }),
  );
