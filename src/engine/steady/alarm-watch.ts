import {
  type Condition,
  type ConditionFacts,
  conditionsOf,
  conditionsOfNodes,
  conditionsOfOutcome,
  configurationCondition,
  listenCondition,
  nextConditionMs,
  storeCondition,
} from '../../core/alarm/conditions.ts';
import { type Look, steadyRhythm } from '../../core/alarm/open-alarms.ts';
import { createBell } from '../../core/async/bell.ts';
import { asFailure, isFailure } from '../../core/errors/errors.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import { createAlarms } from '../alarms/alarms.ts';
import { createStoreBook } from '../alarms/book.ts';
import { createOwnAlarms, warnOfAlarms } from '../alarms/pass-alarms.ts';
import type { EngineProcess } from '../engine.ts';
import { lineageNamed } from '../run/stored-lineage.ts';
import type { Hearing } from './follow.ts';
import type { Peers } from './peers.ts';
import type { Declarations } from './seen.ts';
import type { VitalsLog } from './vitals.ts';
import { createWakes } from './wakes.ts';

/** What the loop tells about certificates, for the alarms. */
export interface AlarmSigns {
  /** Takes note of a lineage as it is stored; undefined if it does not exist. */
  see(name: string, lineage: Lineage | undefined): void;
  done(outcome: Outcome): void;
}

/** Keeps the alarms of a process that keeps running. */
export interface AlarmWatch extends AlarmSigns {
  /** Looks and sends until the signal aborts. Never fails. */
  run(signal: AbortSignal): Promise<void>;
}

export interface AlarmSurroundings {
  readonly declared: () => Declarations;
  readonly vitals: Pick<
    VitalsLog,
    'readyAt' | 'cannotRead' | 'cannotReadOne' | 'cannotWrite' | 'storeFailsSinceMs' | 'cannotListen' | 'alarmed'
  >;
  readonly peers: Pick<Peers, 'isMine' | 'known' | 'missing'>;
  /** How it hears of alarms that other processes have changed. Without it, it reads them again every hour. */
  readonly changes?: Hearing | undefined;
  /** How often it looks at what time alone brings. */
  readonly lookEveryMs: number;
  /** Returns why the configuration was refused, if it was. */
  readonly refused: () => Refused | undefined;
  /** Returns a number that changes with the settings and with the secrets that are in files. */
  readonly generation: () => number;
}

interface Refused {
  readonly since: string;
  readonly message: string;
  readonly hint: string;
}

/** A pass reports a damaged document. */
const damagedOrThrow = (error: unknown) => {
  if (!isFailure(error, 'store/corrupt')) throw error;
  return error;
};

const minuteMs = 60_000;
/** What changes within this time shares a message. */
const gatherMs = 10_000;
/** How long the store must fail. A network file system may be away for a moment. */
const storeFailsMs = minuteMs;
/** How often it reads what other processes may have changed. */
const readEveryMs = 60 * minuteMs;

/**
 * Watches for what is worth an alarm. It keeps the conditions of the certificates that have some, and of the others only
 * when time alone may bring one: then it reads the document.
 */
export function createAlarmWatch(engine: EngineProcess, world: AlarmSurroundings): AlarmWatch {
  const { clock, connections, limits, memory, node, store } = engine;
  const { declared, vitals, peers } = world;
  const shared = createAlarms(engine, createStoreBook(engine));
  const bell = createBell();
  const conditions = new Map<string, readonly Condition[]>();
  /** What the last pass has found that no document tells. */
  const outcomes = new Map<string, ReturnType<typeof conditionsOfOutcome>>();
  /** Certificates whose documents could not be read. */
  const unreadable = new Set<string>();
  const wakes = createWakes();
  const stale = new Set<string>();
  let declaredBefore: Declarations | undefined;
  let generationBefore = world.generation();
  let ownOpen = 0;
  let wasMine = false;
  let readMs = Number.NEGATIVE_INFINITY;
  let complained: string | undefined;

  world.changes?.hear('alarm', (changed) => {
    if (changed.length > 0) shared.readAgain();
  });

  const connect = connections.open();
  const own = createOwnAlarms({ ...engine, connect }, store.location);
  connect.end();

  function see(name: string, lineage: Lineage | undefined): void {
    const canBeReadAgain = unreadable.delete(name);
    if (!lineage || canBeReadAgain) outcomes.delete(name);
    const wanted = declared().jobOf(name, lineage)?.wanted;
    const { limit, damaged = [] } = outcomes.get(name) ?? {};
    const facts: ConditionFacts = { now: clock.now(), deployTimeoutMs: limits.deployTimeoutMs, limit };
    keep(name, [...conditionsOf(wanted, lineage, facts), ...damaged]);
    wakes.set(name, nextConditionMs(wanted, lineage, facts));
  }

  function keep(name: string, found: readonly Condition[]): void {
    const before = conditions.get(name) ?? [];
    if (found.length + before.length === 0) return;
    if (found.length > 0) conditions.set(name, found);
    else conditions.delete(name);
    if (found.map(({ key }) => key).join() !== before.map(({ key }) => key).join()) bell.ring();
  }

  /** Reads the certificates whose conditions time or other settings may have changed. */
  async function lookAgain(signal: AbortSignal): Promise<void> {
    if (declaredBefore !== declared()) {
      declaredBefore = declared();
      for (const name of conditions.keys()) stale.add(name);
    }
    for (const name of wakes.takeDue(clock.now().getTime())) stale.add(name);
    for (const name of stale) {
      const lineage = await lineageNamed(engine, name, signal).catch(damagedOrThrow);
      if (lineage instanceof Error) {
        unreadable.add(name);
        keep(name, outcomes.get(name)?.damaged ?? []);
      } else see(name, lineage);
      stale.delete(name);
    }
  }

  /** One look at what this process alone knows: that it cannot use the store. */
  async function lookAtStore(signal: AbortSignal): Promise<void> {
    const why = vitals.cannotWrite ?? vitals.cannotRead ?? vitals.cannotReadOne;
    const sinceMs = vitals.storeFailsSinceMs;
    const hasLasted = sinceMs !== undefined && clock.monotonicMs() - sinceMs >= storeFailsMs;
    // Between the two, it can tell neither that it is bad nor that it is good.
    if (why !== undefined && !hasLasted) return;
    const advice = {
      code: 'store/unusable',
      hint: 'If its disk is full, free space there. Otherwise run `certfleet store check` there, and see its log.',
    };
    const found = why === undefined ? [] : [storeCondition(node, { ...advice, message: why })];
    const open = await own.look({ conditions: found, covers: () => true, rhythm: steadyRhythm }, signal);
    ownOpen = Object.keys(open).length;
  }

  async function lookAtAll(signal: AbortSignal): Promise<void> {
    await lookAgain(signal);
    const isMine = vitals.readyAt !== undefined && peers.isMine('alarms');
    const nowMs = clock.monotonicMs();
    if ((isMine && !wasMine) || (!world.changes && nowMs - readMs >= readEveryMs)) {
      shared.readAgain();
      readMs = nowMs;
    }
    wasMine = isMine;
    const refused = world.refused();
    const incidents = [...memory.incidents].flatMap(([page, one]) => (one ? [[page, one] as const] : []));
    const ofNode = [
      ...(refused ? [configurationCondition(node, refused)] : []),
      ...(vitals.cannotListen ? [listenCondition(node, vitals.cannotListen)] : []),
      ...incidents.map(([, condition]) => condition),
    ];
    const [known, missing] = [peers.known(), peers.missing()];
    const ofAll = isMine ? [...[...conditions.values()].flat(), ...conditionsOfNodes(known, missing ?? [])] : [];
    const isKnown = (name: string | undefined) => known.some((one) => one.node === name);
    const covers: Look['covers'] = ({ kind, node: of }) => {
      if (kind !== 'configuration') return isMine && (kind !== 'node-missing' || missing !== undefined);
      // A node that is forgotten tells nothing any more.
      return of === node || (isMine && !isKnown(of));
    };
    const open = await shared.look({ conditions: [...ofAll, ...ofNode], covers, rhythm: steadyRhythm }, signal);
    for (const [page, one] of incidents) if (memory.incidents.get(page) === one) memory.incidents.set(page, undefined);
    const counted = Object.values(open).filter((one) => (one.kind === 'configuration' ? one.node === node : isMine));
    vitals.alarmed(counted.length + ownOpen);
  }

  async function look(run: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await run(signal);
      if (run === lookAtAll) complained = undefined;
    } catch (error) {
      if (signal.aborted) return;
      const { message } = asFailure(error);
      // It is the same failure until a look succeeds.
      if (complained !== message) warnOfAlarms(engine, error);
      complained = message;
    }
  }

  return {
    see,
    done(outcome) {
      const { certificate } = outcome;
      const found = conditionsOfOutcome(outcome);
      if (found) outcomes.set(certificate, found);
      else if (!outcomes.delete(certificate)) return;
      stale.add(certificate);
      bell.ring();
    },
    async run(signal) {
      let sending: Promise<void> | undefined;
      while (!signal.aborted) {
        const retryMs = (shared.nextTryMs() ?? Number.POSITIVE_INFINITY) - clock.now().getTime();
        await bell.orAfter(Math.max(gatherMs, Math.min(world.lookEveryMs, retryMs) - gatherMs), clock, signal);
        await clock.sleep(gatherMs, signal).catch(() => undefined);
        if (signal.aborted) break;
        if (generationBefore !== world.generation()) for (const one of [own, shared]) one.tryAgain();
        generationBefore = world.generation();
        await look(lookAtStore, signal);
        await look(lookAtAll, signal);
        sending ??= Promise.all([look(own.send, signal), look(shared.send, signal)]).then(() => {
          sending = undefined;
        });
      }
      await sending;
    },
  };
}
