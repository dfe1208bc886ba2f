import type { Composed } from '../compose.ts';
import type { Lineage } from '../core/lineage/lineage.ts';
import { usualLookTimes } from '../core/node/look-times.ts';
import { atOnceMs } from '../core/plan/schedule.ts';
import type { Settings } from '../core/spec/spec.ts';
import { storedSpecOf } from '../core/spec/stored-spec.ts';
import { placeBeside, serveHealth } from '../daemon/health-server.ts';
import { sendHeartbeats } from '../daemon/heartbeat.ts';
import { tellSystemd } from '../daemon/systemd.ts';
import type { Job } from '../engine/run/job.ts';
import { createAlarmWatch } from '../engine/steady/alarm-watch.ts';
import { createFollower } from '../engine/steady/follow.ts';
import { type Joining, joinPeers } from '../engine/steady/peers.ts';
import { createRows } from '../engine/steady/rows.ts';
import type { Declarations } from '../engine/steady/seen.ts';
import { keepRunning } from '../engine/steady/steady.ts';
import { createVitals } from '../engine/steady/vitals.ts';
import { createWatch } from '../engine/steady/watch.ts';
import type { RunRequest } from '../fleet.ts';
import type { World } from '../ports/world.ts';
import { edgesOf, withParts } from './parts.ts';
import { reloadOf } from './reload.ts';
import type { Sources } from './sources.ts';
import { renewedAsStored, type Wanted } from './wanted.ts';
import type { Seen } from './web/view.ts';

const dayMs = 86_400_000;
/** How often it looks whether there are pages now. */
const pagesMs = 5_000;

/** What the process runs on. */
export interface RunningFleet {
  readonly composed: Composed;
  readonly world: World;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly settings: () => Settings;
  readonly sources: Sources;
}

/** What pages and API show. */
export interface Shown extends Pick<Seen, 'rows' | 'declared' | 'nodes' | 'file'> {
  /** Aborts when the process is to end. */
  readonly stopping: AbortSignal;
}

/** Serves pages and API until the signal aborts. */
export type Serve = (fleet: RunningFleet, shown: Shown, signal: AbortSignal) => Promise<void>;

/** Runs the loop of a process on the settings that are declared at each time. */
export async function run(
  fleet: RunningFleet,
  { source, ready, done, serve, looks = usualLookTimes }: RunRequest,
  signal: AbortSignal,
): Promise<void> {
  const { sources } = fleet;
  const { process, configuration } = fleet.composed;
  fleet.world.processes.keepSmall?.();
  const vitals = createVitals(process.clock);
  const changes = await createFollower(process, vitals, signal);
  const everyMs = process.limits.leaseTtlMs / 3;
  const joining: Joining = { role: 'node', vitals, everyMs, configuration, changes };
  const peers = await joinPeers(process, joining, signal);
  const reload = reloadOf(fleet, source, changes.wake);
  const edges = edgesOf(fleet, vitals, signal);
  sources.onChange(changes.wake);
  changes.together(sources.store.lookAgain);
  let known: { readonly settings: Settings; readonly declared: Declarations } | undefined;
  const declared = (): Declarations => {
    const settings = fleet.settings();
    if (known?.settings !== settings) known = { settings, declared: declaredIn(settings) };
    return known.declared;
  };
  let begun = () => {};
  const listening = new Promise<void>((done) => {
    begun = done;
  });
  const rows = createRows(process, declared, {
    isBegun: fleet.settings().pages !== undefined,
    watch: changes.watch,
  });
  const watch = createWatch({ engine: process, declared, isMine: peers.isMine, times: looks });
  const alarms = createAlarmWatch(process, {
    ...{ declared, vitals, peers, changes, lookEveryMs: 30_000 },
    ...{ refused: () => reload.problem() ?? sources.store.problem(), generation: reload.generation },
  });
  const loop = {
    ...{ engine: process, vitals, alarms, declared, changes, rows, hasNewSecrets: reload.takeNewSecrets },
    ...{ rank: peers.rank, lateMs: () => 0, askEveryMs: 0, wholeEveryMs: dayMs },
  };
  await withParts(
    [
      (over) => changes.follow(over),
      (over) => peers.stay(over),
      (over) => reload.follow(over),
      (over) => watch.look(over),
      (over) => serveHealth({ ...edges, listens: vitals.listens }, over, begun),
      (over) => serveHealth({ ...edges, settings: () => placeBeside(fleet) }, over),
      (over) => alarms.run(over),
      (over) => sendHeartbeats(edges, over),
      (over) => tellSystemd(edges, over),
      async (over) => {
        if (!serve || !(await pagesAreDeclared(fleet, over))) return;
        await serve(fleet, { rows, declared, nodes: peers.known, file: source.file, stopping: signal }, over);
      },
    ],
    (until) => keepRunning({ ...loop, ready: () => void listening.then(ready), done, note: watch.note }, until),
    signal,
  );
}

/** Waits until pages are declared. Returns false if the signal aborts before. */
async function pagesAreDeclared({ settings, world }: RunningFleet, signal: AbortSignal): Promise<boolean> {
  while (!settings().pages && !signal.aborted) await world.clock.sleep(pagesMs, signal).catch(() => undefined);
  return !signal.aborted;
}

function declaredIn(settings: Settings): Declarations {
  const certificates = new Map(settings.certificates.map((spec) => [spec.name, spec]));
  const wantedOf = (name: string, lineage: Lineage | undefined): Wanted | undefined => {
    const spec = certificates.get(name);
    if (spec) return { wanted: storedSpecOf(settings, spec), origin: 'configuration' };
    return lineage && renewedAsStored(settings, lineage);
  };
  // The parts of a process ask for the same document one after another.
  let last: { readonly lineage: Lineage; readonly job: Job | undefined } | undefined;
  const jobOf = (name: string, lineage: Lineage | undefined): Job | undefined => {
    const found = wantedOf(name, lineage);
    if (!found) return undefined;
    const { wanted, origin } = found;
    const job = { wanted, origin, force: false, obeyBackoff: true, unattended: true, nextRunMs: atOnceMs };
    return found.isStored ? { ...job, isStored: true } : job;
  };
  return {
    names: () => certificates.keys(),
    jobOf(name, lineage) {
      if (!lineage || lineage.name !== name) return jobOf(name, lineage);
      if (last?.lineage !== lineage) last = { lineage, job: jobOf(name, lineage) };
      return last.job;
    },
  };
}
