import { createMemoryStore } from '../../../src/stores/memory.ts';
import { type AlarmChecks, createAlarmChecks } from './alarms.ts';
import { createCaModel } from './ca-model/ca-model.ts';
import { keyPem, publicKeyOf } from './ca-model/fake-pem.ts';
import { letsEncryptLimits } from './ca-model/settings.ts';
import { type Chance, chanceOf } from './chance.ts';
import { createChecks } from './checks.ts';
import { createDrifts } from './drifts.ts';
import { leftAtTheEnd } from './ending.ts';
import { endpointsOf } from './endpoints.ts';
import { engineOf, leaseTtlMs, type Surroundings } from './engines.ts';
import { endsProcess } from './faults.ts';
import { createFaults, createGate, type TakeFault } from './gate.ts';
import { type Grips, happen } from './incidents.ts';
import { emptyOutside, validates } from './outside.ts';
import { createPauses } from './pauses.ts';
import { request } from './person.ts';
import { createProcess, type Process } from './process.ts';
import { createPromises } from './promises.ts';
import { createPunctuality } from './punctual.ts';
import { createRefusals } from './refusals.ts';
import { live } from './replica.ts';
import {
  dayMs,
  directoryUrl,
  hourMs,
  otherDirectoryUrl,
  type ReplicaPlan,
  type Scenario,
  startMs,
} from './scenario.ts';
import { type Disk, storeOn } from './store.ts';
import { createTimeline } from './timeline.ts';
import { createTrace } from './trace.ts';

/** How long the world has to come to rest: tombstones are looked at for a day, and failures repeated after a day. */
const restMs = 4 * dayMs;

/** How a world ended. */
export interface Ending {
  readonly seed: number;
  /** The first thing that must not be, and when. */
  readonly violation: { readonly what: string; readonly at: string } | undefined;
  readonly hash: string;
  readonly events: number;
  /** How many certificates it got. */
  readonly certificates: number;
  /** How many questions for a renewal window the CA has answered. */
  readonly questions: number;
  /** How many of its orders replaced no certificate inside its window: all but those the CA's limits do not count. */
  readonly counted: number;
  /** How many of its orders renewed a certificate outside its window. */
  readonly outsideWindow: number;
  /** How many alarms were told. */
  readonly alarms: AlarmChecks['counts'];
}

/** Runs a world from its beginning to its end. */
export async function runWorld(
  scenario: Scenario,
  options: { readonly print?: (line: string) => void } = {},
): Promise<Ending> {
  const chance = chanceOf(scenario.seed);
  const timeline = createTimeline(startMs);
  const sinceMs = () => timeline.nowMs - startMs;
  const tracing = createTrace(() => timeline.nowMs, options.print);
  const { trace } = tracing;
  const disk: Disk = { isFull: false };
  const shared = storeOn(
    disk,
    createMemoryStore((bytes) => bytes),
  );
  const outside = emptyOutside(endpointsOf(scenario));
  const processes = new Map<number, Process>();
  /** The last process of each replica. */
  const newest = new Map<string, Process>();
  const listeners = new Map<string, () => void>();
  const changed = new Map<string, Set<string>>();
  const invalid = new Set<string>();
  const accounts = new Set<string>();
  const aheadMs = new Map(scenario.replicas.map(({ name, aheadMs: usual }) => [name, usual]));
  const wanted = new Map(scenario.specs.map((spec) => [spec.name, spec]));
  const stops = new Map<string, AbortController>();
  /** How often the configuration has changed. */
  let generation = 0;
  let violation: Ending['violation'];
  let pids = 0;
  let counted = 0;
  let outsideWindow = 0;

  const violate = (what: string) => {
    trace(undefined, 'violation', what);
    violation ??= { what, at: new Date(timeline.nowMs).toISOString() };
  };
  /** Tells every replica that the document or the spec of a certificate has changed. */
  const tellAll = (name: string) => {
    pauses.look(name);
    punctuality.look(name);
    alarmChecks.look(name);
    for (const names of changed.values()) names.add(name);
    for (const tell of listeners.values()) tell();
  };
  const refusals = createRefusals({
    nowMs: () => timeline.nowMs,
    checks: () => checks,
    isClockWrong: () =>
      scenario.incidents.some(
        (one) => one.what === 'clock' && sinceMs() >= one.atMs && sinceMs() < one.atMs + one.forMs + dayMs,
      ),
    violate,
    excused: (why) => trace(undefined, 'excused', why),
  });
  const isDead = (pid: number) => processes.get(pid)?.isDead !== false;
  const lineages = () => [...checks.lineages.values()].map(({ lineage }) => lineage);
  const punctuality = createPunctuality(scenario, {
    nowMs: () => timeline.nowMs,
    later: (ms, run) => void timeline.later(ms, run),
    wanted,
    lineageOf: (name) => checks.lineages.get(name)?.lineage,
    violate,
  });
  const alarmChecks = createAlarmChecks(scenario, {
    nowMs: () => timeline.nowMs,
    later: (ms, run) => void timeline.later(ms, run),
    wanted,
    lineageOf: (name) => checks.lineages.get(name)?.lineage,
    violate,
  });
  const drifts = createDrifts(scenario.looks, {
    nowMs: () => timeline.nowMs,
    later: (ms, run) => void timeline.later(ms, run),
    lineageOf: (name) => checks.lineages.get(name)?.lineage,
    isHindered: (name, fromMs) => punctuality.isHindered(name, fromMs),
    hasLostLook: (fromMs) => punctuality.hasLostLook(fromMs),
    isPausedSince: (name, fromMs) => pauses.since(name, fromMs),
    ...{ wanted, outside, violate },
  });
  const pauses = createPauses({
    nowMs: () => timeline.nowMs,
    later: (ms, run) => void timeline.later(ms, run),
    chance: chance.fork('pauses'),
    endMs: startMs + scenario.spanMs,
    lifetimeMs: scenario.lifetimeMs,
    nodes: scenario.replicas.map(({ name }) => name),
    lineageOf: (name) => checks.lineages.get(name)?.lineage,
    request: (command) => grips.request(command),
  });
  const promises = createPromises({
    nowMs: () => timeline.nowMs,
    wanted,
    lineages,
    cas: () => cas,
    ...{ shared, outside, violate },
  });
  const checks = createChecks({
    nowMs: () => timeline.nowMs,
    leaseTtlMs,
    isDead,
    wanted: () => wanted,
    asksAll: scenario.askEveryMs === 0 && scenario.replicas.length === 1,
    isCalm: scenario.faults.length === 0 && scenario.incidents.length === 0,
    violate,
    promises,
    pauses: () => pauses,
    changed: tellAll,
    later: (ms, run) => void timeline.later(ms, run),
  });
  const validationChance = chance.fork('validation');
  const caAt = (directory: string) =>
    createCaModel({
      nowMs: () => timeline.nowMs,
      random: chance.fork(directory === directoryUrl ? 'ca' : directory),
      later: (ms, run) => void timeline.later(ms, run),
      settings: {
        directoryUrl: directory,
        keepsLog: false,
        limits:
          directory === otherDirectoryUrl
            ? {}
            : {
                ...letsEncryptLimits,
                ...Object.fromEntries(
                  Object.entries(scenario.limits).map(([id, { count, hours }]) => [
                    id,
                    { burst: count, count, periodMs: hours * hourMs },
                  ]),
                ),
              },
        validate: ({ value }, _challenge, keyAuthorization) =>
          invalid.has(value)
            ? { type: 'connection', detail: `${value} does not answer` }
            : validates(outside, keyAuthorization, timeline.nowMs),
        validationMs: () => validationChance.between(0, validationChance() < 0.1 ? 20_000 : 400),
        profiles: {
          classic: {
            ...{ validityMs: scenario.lifetimeMs, pendingAuthorizationMs: 7 * dayMs, validAuthorizationMs: dayMs / 4 },
            ...{ orderMs: 7 * dayMs, mostNames: 100, types: ['dns'] },
          },
        },
      },
      onRequest(request) {
        if (request.kind !== 'newOrder') return;
        if (request.isExempt !== true) counted += 1;
        if (request.isRenewal && !request.isExempt && !request.isReused) outsideWindow += 1;
        if (request.account) accounts.add(request.account);
        refusals.look(request);
      },
      onIssued: (certificate) => checks.issued(directory, certificate),
    });
  const cas = new Map([directoryUrl, otherDirectoryUrl].map((directory) => [directory, caAt(directory)]));
  const faults = createFaults(scenario.faults, sinceMs, scenario.spanMs);
  const takeFault: TakeFault = (replica, call) => {
    const fault = faults(replica, call);
    if (fault) {
      refusals.struck(fault, call);
      if (endsProcess(fault)) punctuality.away(replica);
      else punctuality.struck();
      alarmChecks.struck();
    }
    return fault;
  };

  const surroundings: Surroundings = {
    ...{ chance, timeline, trace, checks, alarmChecks, shared, cas, outside, processes },
    declared: scenario.specs,
  };

  /** Starts a process on the machine of a replica. */
  function begin(
    { name, machine, own }: { readonly name: string; readonly machine: ReplicaPlan; readonly own: Chance },
    killed: () => void,
  ) {
    pids += 1;
    const { host } = machine;
    const process = createProcess(timeline, {
      ...{ replica: name, host, pid: pids },
      aheadMs: () => aheadMs.get(machine.name) ?? 0,
    });
    processes.set(pids, process);
    const gateOf = (purpose: string) =>
      createGate({ timeline, takeFault, trace }, process, own.fork(purpose), () => {
        trace(process, 'killed', '');
        killed();
      });
    const gates = { gate: gateOf('gate'), alarms: gateOf('alarms') };
    const engine = engineOf(surroundings, machine.name, process, gates);
    return { process, engine };
  }

  /** Starts a process of a replica, and another one whenever it has died. */
  function start(plan: ReplicaPlan, life = 1): void {
    const { name } = plan;
    if (newest.get(name)?.isDead === false) return;
    const own = chance.fork(`${name} ${life}`);
    const again = (afterMs: number) => {
      listeners.delete(name);
      timeline.later(afterMs, () => start(plan, life + 1));
    };
    const rest = own.fork('rest');
    const { process, engine } = begin({ name, machine: plan, own }, () =>
      again(rest.between(2_000, scenario.restartMs ?? rest.one([5_000, 120_000, 2 * 3_600_000]))),
    );
    newest.set(name, process);
    const stop = new AbortController();
    stops.set(name, stop);
    const news = new Set<string>();
    changed.set(name, news);
    const running = live({
      ...{ engine, process },
      chance: own.fork('wakes'),
      signal: stop.signal,
      wanted: () => wanted,
      generation: () => generation,
      takeChanged() {
        const names = [...news];
        news.clear();
        return names;
      },
      onChange: (wake) => void listeners.set(name, wake),
      askEveryMs: scenario.askEveryMs,
      looks: scenario.looks,
      done(outcome) {
        const { certificate, result, message } = outcome;
        trace(process, 'outcome', `${certificate} ${result}: ${message}`);
        if (outcome.result === 'failed' && outcome.error.code === 'bug/unexpected')
          violate(`${certificate}: ${message}`);
      },
    });
    const ended = (error: unknown) => {
      if (process.isDead) return;
      process.kill();
      if (stop.signal.aborted) return;
      // It needs the store to begin; the next process tries again.
      trace(process, 'ended', String(error));
      const { code } = error as { readonly code?: string };
      if (code !== 'store/unusable' && code !== 'store/conflict')
        violate(`${name} ended: ${String((error as Error).stack)}`);
      again(60_000);
    };
    running.then(ended, ended);
  }

  function restart(replica: string): void {
    const plan = scenario.replicas.find(({ name }) => name === replica);
    if (plan) start(plan, 1_000 + pids);
  }

  const grips: Grips = {
    cas,
    wanted,
    ...{ aheadMs, invalid, disk },
    trace,
    unpause() {
      for (const account of accounts) for (const ca of cas.values()) ca.unpause(account);
    },
    later: (ms, run) => void timeline.later(ms, run),
    putBack: (certificate, share) => drifts.putBack(certificate, share),
    configured(name) {
      generation += 1;
      tellAll(name);
    },
    wake: (replica) => listeners.get(replica)?.(),
    request: (command) =>
      request(command, {
        ...{ timeline, trace, wanted, violate },
        chance: chance.fork(`person ${timeline.nowMs}`),
        begin(name, machineName, killed) {
          const machine = scenario.replicas.find((one) => one.name === machineName) ?? scenario.replicas[0]!;
          return begin({ name, machine, own: chance.fork(`${name} ${pids}`) }, killed);
        },
        signForOther({ identifiers, issuer }, agoMs) {
          const key = keyPem({ type: 'p256', secret: `of another client ${timeline.nowMs}` });
          const chainPem = cas
            .get(issuer.settings.directory)!
            .signForOther({ identifiers, publicKey: publicKeyOf(key), agoMs });
          return { keyPem: key, chainPem };
        },
        done: (one, answer) => promises.done(one, answer),
      }),
    stop(replica, forMs) {
      punctuality.away(replica);
      stops.get(replica)?.abort(new Error('SIGTERM'));
      const stopped = newest.get(replica);
      timeline.later(forMs, () => {
        // If it has not ended by then, as a frozen one has not, it is killed, as service managers do.
        stopped?.kill();
        restart(replica);
      });
    },
  };
  for (const plan of scenario.replicas) timeline.later(plan.startsAtMs, () => start(plan));
  for (const name of wanted.keys()) punctuality.look(name);
  for (const incident of scenario.incidents) timeline.later(incident.atMs, () => happen(incident, grips));
  const isOver = () => violation !== undefined;
  await timeline.runUntil(startMs + scenario.spanMs + restMs, isOver);
  if (!violation) {
    const nodes = scenario.replicas.map(({ name }) => name);
    const now = new Date(timeline.nowMs);
    const left = leftAtTheEnd({ lineages: lineages(), wanted, outside, nodes, isDead, now });
    for (const what of [...left, ...(await promises.left())]) violate(what);
  }
  return {
    seed: scenario.seed,
    violation,
    hash: tracing.hash,
    events: timeline.happened,
    certificates: checks.made,
    questions: checks.questions,
    counted,
    outsideWindow,
    alarms: { ...alarmChecks.counts },
  };
}
