import {
  type Condition,
  type ConditionFacts,
  conditionsOf,
  conditionsOfNodes,
  conditionsOfOutcome,
  storeCondition,
} from '../../core/alarm/conditions.ts';
import { type Look, timerRhythm } from '../../core/alarm/open-alarms.ts';
import { asFailure, isFailure } from '../../core/errors/errors.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { missingNodes } from '../../core/node/missing-nodes.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { type Engine, report } from '../engine.ts';
import { readReplicas } from '../ledger/replica.ts';
import { lineageNamed } from '../run/stored-lineage.ts';
import { type AlarmPorts, type Alarms, createAlarms } from './alarms.ts';
import { createOwnBook, createStoreBook, ownName } from './book.ts';

/** Takes note of a document that a pass has read, with what is wanted of it: undefined if it is not renewed. */
type Read = (wanted: StoredSpec | undefined, lineage: Lineage) => void;

/** Alarms of a pass that a timer runs. */
interface PassAlarms {
  readonly read: Read;
  /** Tells what is worth an alarm after the pass. Never fails, but if the signal aborts. */
  passed(outcomes: readonly Outcome[], signal: AbortSignal): Promise<void>;
  /** Tells that the pass has failed, if that is the store's fault. */
  failed(error: unknown, signal: AbortSignal): Promise<void>;
}

/** For how long a run waits to try a notifier again that has failed. */
const retryMs = 15_000;

/** What a pass takes care of. */
interface Covered {
  /** Stored or not. */
  readonly jobs: readonly { readonly wanted: StoredSpec }[];
  /** These are all certificates. */
  readonly isWhole: boolean;
}

/** Runs a pass, and tells what is worth an alarm after it, if there is whom to tell. The pass may fail. */
export async function withAlarms(
  engine: Engine,
  covered: Covered,
  pass: (read: Read | undefined) => Promise<readonly Outcome[]>,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  if (engine.connect.notifiers().length === 0) return pass(undefined);
  const alarms = createPassAlarms(engine, covered);
  let outcomes: readonly Outcome[];
  try {
    outcomes = await pass(alarms.read);
  } catch (error) {
    await alarms.failed(error, signal);
    throw error;
  }
  await alarms.passed(outcomes, signal);
  return outcomes;
}

function createPassAlarms(engine: Engine, pass: Covered): PassAlarms {
  const { clock, node, store } = engine;
  const shared = createAlarms(engine, createStoreBook(engine));
  const own = createOwnAlarms(engine, store.location);
  const wantedOf = new Map(pass.jobs.map(({ wanted }) => [wanted.name, wanted]));
  const before = new Map<string, readonly Condition[]>();
  const facts = (limit?: ConditionFacts['limit']): ConditionFacts => ({
    ...{ now: clock.now(), deployTimeoutMs: engine.limits.deployTimeoutMs, limit },
  });

  /** Returns the conditions of a certificate on which the pass has worked. */
  async function after(name: string, outcome: Outcome | undefined, signal: AbortSignal): Promise<readonly Condition[]> {
    const lineage = await lineageNamed(engine, name, signal);
    const { limit, damaged = [] } = (outcome && conditionsOfOutcome(outcome)) ?? {};
    const ofDocument = lineage instanceof Error ? [] : conditionsOf(wantedOf.get(name), lineage, facts(limit));
    return [...ofDocument, ...damaged];
  }

  async function conditions(outcomes: readonly Outcome[], signal: AbortSignal): Promise<readonly Condition[]> {
    const byName = new Map(outcomes.map((one) => [one.certificate, one]));
    const worked = outcomes.flatMap((one) => (one.result === 'unchanged' ? [] : [one.certificate]));
    const found: Condition[] = [];
    for (const name of new Set([...before.keys(), ...worked]))
      found.push(...(await after(name, byName.get(name), signal)));
    for (const incident of engine.memory.incidents.values()) if (incident) found.push(incident);
    if (!pass.isWhole) return found;
    const replicas = await readReplicas(engine, signal);
    return [...found, ...conditionsOfNodes(replicas, missingNodes(replicas, clock.now()))];
  }

  const failed = (error: unknown, signal: AbortSignal) => tellOfStore(engine, { own, error }, signal);

  return {
    read(wanted, lineage) {
      if (wanted) wantedOf.set(lineage.name, wanted);
      const found = conditionsOf(wanted, lineage, facts());
      if (found.length > 0) before.set(lineage.name, found);
    },
    async passed(outcomes, signal) {
      const names = new Set(pass.jobs.map(({ wanted }) => wanted.name));
      const covers: Look['covers'] = ({ certificate, node: of, kind }) => {
        if (pass.isWhole) return of === node || (kind !== 'configuration' && kind !== 'store');
        return certificate !== undefined && names.has(certificate);
      };
      try {
        await tell(engine, shared, { conditions: await conditions(outcomes, signal), covers }, signal);
        await tell(engine, own, { conditions: [], covers: () => true }, signal);
      } catch (error) {
        signal.throwIfAborted();
        warnOfAlarms(engine, error);
        await failed(error, signal);
      }
    },
    failed,
  };
}

/** Tells that a pass could not use the store, if that is why it failed. */
async function tellOfStore(
  engine: Engine,
  { own, error }: { readonly own: Alarms; readonly error: unknown },
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted || !isFailure(error) || !error.code.startsWith('store/')) return;
  const look = { conditions: [storeCondition(engine.node, error)], covers: () => true };
  await tell(engine, own, look, signal).catch((reason: unknown) => warnOfAlarms(engine, reason));
}

/**
 * Tells that the store at a place could not even be opened.
 *
 * @param engine one that keeps nothing
 */
export const tellUnopened = (
  engine: Engine,
  { location, error }: { readonly location: string; readonly error: unknown },
  signal: AbortSignal,
): Promise<void> => tellOfStore(engine, { own: createOwnAlarms(engine, location), error }, signal);

/** The alarms about the store itself. */
export const createOwnAlarms = (engine: Pick<Engine, 'cache' | 'connect'> & AlarmPorts, location: string): Alarms =>
  createAlarms(engine, createOwnBook(engine.cache, ownName(engine.connect, location, engine.node)));

/** Tells it, and once more after a short pause if a notifier has failed. */
async function tell(
  engine: Engine,
  alarms: Alarms,
  look: Pick<Look, 'conditions' | 'covers'>,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = engine;
  await alarms.look({ ...look, rhythm: timerRhythm }, signal);
  await alarms.send(signal);
  const waitMs = (alarms.nextTryMs() ?? Number.POSITIVE_INFINITY) - clock.now().getTime();
  if (waitMs > retryMs) return;
  await clock.sleep(Math.max(0, waitMs), signal);
  await alarms.send(signal);
}

/** Reports that the alarms could not be kept. */
export function warnOfAlarms(engine: Pick<Engine, 'reporter' | 'clock'>, error: unknown): void {
  const { code, message } = asFailure(error);
  report(engine, { level: 'warn', event: 'log', message: `could not keep the alarms: ${message}`, data: { code } });
}
