import { asFailure, fail, isFailure } from '../../core/errors/errors.ts';
import { version } from '../../core/errors/version.ts';
import { processText } from '../../core/lineage/process-identity.ts';
import { type Claim, claimed, givenBack, holderOf, nextBeat } from '../../core/node/claim.ts';
import type { Replica } from '../../core/node/node-status.ts';
import { ownerOf } from '../../core/node/rendezvous.ts';
import type { ReplicaDocument } from '../../core/node/replica.ts';
import { type Role, type Running, silenceMs } from '../../core/node/running.ts';
import { type EngineProcess, report } from '../engine.ts';
import { changeReplica, readReplicas } from '../ledger/replica.ts';
import { newLease } from '../locks/held.ts';
import { complain } from './complain.ts';
import { createSigns } from './signs.ts';
import type { VitalsLog } from './vitals.ts';

/** The nodes that share the store. */
export interface Peers {
  /**
   * Reports whether this node takes care of something that only one node should do: an alarm, a poll, a look. The nodes
   * may disagree for about a minute after one has come or gone.
   */
  isMine(key: string): boolean;
  /** Reports whether a process that keeps running has given a sign of life for a node lately. */
  isLive(node: string): boolean;
  /** All known nodes, as they were at the last sign of life. */
  known(): readonly Replica[];
}

/** This process as one of the peers. */
export interface Membership extends Peers {
  /**
   * Gives signs of life until the signal aborts, and the name back then. Fails with `store/node-lost` if another process
   * has it by now.
   */
  stay(signal: AbortSignal): Promise<void>;
}

export interface Joining {
  readonly role: Role;
  /** Returns a hash over the settings that are declared now. */
  readonly configuration: () => string;
  /** How often the process gives a sign of life. */
  readonly everyMs: number;
  /** Told whether the store can be written: an idle process writes nothing but its signs of life. */
  readonly vitals: Pick<VitalsLog, 'store'>;
}

type Ports = Pick<EngineProcess, 'node' | 'store' | 'clock' | 'random' | 'processes' | 'limits' | 'reporter'>;

/** How many looks a process takes at another one that may be dead. */
const looksPerSilence = 12;

/**
 * Takes the name of this node, and begins to see the others. For each name and role, only one process keeps running. The
 * name of a process that is provably dead is free. If another one may be alive, in another container or on another
 * machine, this one waits for its next sign of life. Fails with `store/node-taken`.
 */
export async function joinPeers(engine: Ports, joining: Joining, signal: AbortSignal): Promise<Membership> {
  const { node, clock } = engine;
  const { role, configuration, everyMs, vitals } = joining;
  const at = clock.now().toISOString();
  const running = { version, since: at, at, everyMs, configuration: configuration() };
  let claim: Claim = { role, running: { ...running, lease: newLease(engine) } };
  await takeName(engine, claim, signal);
  const signs = createSigns(engine);
  let known: readonly Replica[] = [];
  let live: ReadonlySet<string> = new Set([node]);

  async function lookAtOthers(until: AbortSignal): Promise<void> {
    known = await readReplicas(engine, until);
    const isLive = ({ node: other, document }: Replica) => {
      const seen = signs.see(other, document.running?.node);
      return seen === 'lives' || seen === 'unsure';
    };
    live = new Set([node, ...known.flatMap((one) => (isLive(one) ? [one.node] : []))]);
  }

  /** Gives a sign of life, and looks for those of the others. */
  async function beat(until: AbortSignal): Promise<void> {
    const next = nextBeat(claim, { now: clock.now(), configuration: configuration() });
    await changeReplica(
      engine,
      node,
      (before) => {
        // A document that somebody removed, or restored from a backup, gets the process back.
        const holder = holderOf(before, claim);
        if (holder) throw fail('store/node-lost', { node, holder: `pid ${processText(holder)}` });
        return claimed(before, next);
      },
      until,
    );
    claim = next;
    await lookAtOthers(until);
  }

  async function leave(): Promise<void> {
    const deadline = clock.deadline(engine.limits.shutdownBudgetMs);
    const change = (before: Parameters<typeof givenBack>[0] | undefined) =>
      before && !holderOf(before, claim) ? givenBack(before, claim) : undefined;
    try {
      await changeReplica(engine, node, change, deadline.signal);
    } catch (error) {
      // The next process sees that this one is dead.
      complain(engine, error);
    } finally {
      deadline.done();
    }
  }

  await lookAtOthers(signal);
  return {
    isMine: (key) => ownerOf(key, [...live]) === node,
    isLive: (other) => live.has(other),
    known: () => known,
    async stay(until) {
      let hasFailed = false;
      while (!until.aborted) {
        // After a failed write, it tries again sooner, before the others take it for dead.
        await clock.sleep(hasFailed ? everyMs / 4 : everyMs, until).catch(() => undefined);
        if (until.aborted) break;
        try {
          await beat(until);
          hasFailed = false;
          vitals.store('write', undefined);
        } catch (error) {
          if (isFailure(error, 'store/node-lost')) throw error;
          if (until.aborted) break;
          // It is the same failure until a sign of life succeeds.
          vitals.store('write', hasFailed ? asFailure(error).message : complain(engine, error));
          hasFailed = true;
        }
      }
      await leave();
    },
  };
}

/** Takes the name of a node once no other process has it. */
async function takeName(engine: Ports, claim: Claim, signal: AbortSignal): Promise<void> {
  const { node, clock } = engine;
  const signs = createSigns(engine);
  let isTold = false;
  for (;;) {
    let other: Running | undefined;
    const change = (before: ReplicaDocument | undefined) => {
      other = before?.running?.[claim.role];
      return signs.see(node, other) === 'gone' ? claimed(before, claim) : undefined;
    };
    if (await changeReplica(engine, node, change, signal)) return;
    const holder = processText(other!.lease!.holder);
    if (signs.see(node, other) !== 'unsure') throw fail('store/node-taken', { node, holder: `pid ${holder}` });
    const message = `process ${holder} may still run as the node ${node}; waiting to see whether it is alive`;
    if (!isTold) report(engine, { level: 'info', event: 'log', message });
    isTold = true;
    await clock.sleep(silenceMs(other!) / looksPerSilence, signal);
  }
}
