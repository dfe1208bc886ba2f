import { asFailure, fail, isFailure } from '../../core/errors/errors.ts';
import { version } from '../../core/errors/version.ts';
import { processText } from '../../core/lineage/process-identity.ts';
import type { Session } from '../../core/lineage/session.ts';
import { type Claim, claimed, givenBack, holderOf } from '../../core/node/claim.ts';
import { type IsLive, type MissingNode, missingNodes } from '../../core/node/missing-nodes.ts';
import { ownerOf, rankOf } from '../../core/node/rendezvous.ts';
import type { Replica, ReplicaDocument } from '../../core/node/replica.ts';
import { type Role, type Running, silenceMs } from '../../core/node/running.ts';
import { type EngineProcess, report } from '../engine.ts';
import { lookAfterMissing } from '../ledger/missing-nodes.ts';
import { changeReplica, createOwnReplica, readReplicas, withChanged } from '../ledger/replica.ts';
import { newSession, type SessionPlace } from '../locks/session.ts';
import { complain, createTrouble } from './complain.ts';
import type { Hearing } from './follow.ts';
import { createSigns } from './signs.ts';
import type { VitalsLog } from './vitals.ts';

/** The nodes that share the store. */
export interface Peers {
  /**
   * Reports whether this node takes care of something that only one node should do: an alarm, a poll, a look. The nodes
   * may disagree for about a minute after one has come or gone.
   */
  isMine(key: string): boolean;
  /** Returns how many of the nodes would take care of it before this one: 0 if it is this one's. */
  rank(key: string): number;
  /** Returns all known nodes, as they were when this one last looked. */
  known(): readonly Replica[];
  /**
   * Returns the nodes that are missing. Undefined if it cannot tell: for some minutes after its own start, it gives the
   * others time to start.
   */
  missing(): readonly MissingNode[] | undefined;
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
  /** How it hears of the others' signs of life. Without it, it reads all of them with each of its own. */
  readonly changes?: Hearing | undefined;
  /** Told whether the store can be written: an idle process writes nothing but its signs of life. */
  readonly vitals: Pick<VitalsLog, 'store' | 'cannotWrite'>;
}

type Ports = Pick<
  EngineProcess,
  'node' | 'store' | 'clock' | 'random' | 'processes' | 'limits' | 'reporter' | 'sessions'
>;

/** How many looks a process takes at another one that may be dead. */
const looksPerSilence = 12;

/** All machines may have been off, and this one may be the first to be back. */
const patienceMs = 10 * 60_000;

/**
 * Takes the name of this node, and begins to see the others. For each name and role, only one process keeps running. The
 * name of a process that is provably dead is free. If another one may be alive, in another container or on another
 * machine, this one waits for its next sign of life. Fails with `store/node-taken`.
 *
 * The leases of this process rest on the name from now on, so those of its predecessor are free.
 */
export async function joinPeers(engine: Ports, joining: Joining, signal: AbortSignal): Promise<Membership> {
  const { node, clock, sessions } = engine;
  const { role, everyMs, vitals, changes } = joining;
  const place = documentOfNode(engine, joining);
  const session = newSession(engine);
  await sessions.own.moveTo(place, session, await takeName(engine, place.claim(session), signal), signal);
  const signs = createSigns(engine);
  const sinceMs = clock.monotonicMs();
  let known: readonly Replica[] = [];
  /** By role, the nodes on which a process has given a sign of life lately. */
  let live: Readonly<Record<Role, readonly string[]>> = { node: [], responder: [] };

  const lookAtOthers = async (until: AbortSignal) => see(await readReplicas(engine, until));

  function see(replicas: readonly Replica[]): void {
    known = replicas;
    for (const { document } of known) {
      const { lease } = document.running?.node ?? {};
      if (lease) sessions.others.saw(lease);
    }
    const isOwn = (other: string, as: Role) => other === node && as === role;
    const liveAs = (as: Role) =>
      known.flatMap(({ node: other, document: { running } }) => {
        const seen = signs.see(`${as} ${other}`, running?.[as]);
        // This process lives, even if it cannot write.
        return seen === 'lives' || seen === 'unsure' || isOwn(other, as) ? [other] : [];
      });
    live = { node: liveAs('node'), responder: liveAs('responder') };
  }

  const isLive: IsLive = (other, as) => live[as].includes(other);
  const isMine = (key: string) => ownerOf(key, live.node) === node;
  const isPatient = () => clock.monotonicMs() - sinceMs < patienceMs;

  /** Gives a sign of life, unless a lease needed one just now, and looks for those of the others. */
  async function beat(until: AbortSignal): Promise<void> {
    await sessions.own.prove(until, everyMs);
    if (!changes) await lookAtOthers(until);
    // A responder writes nothing but its own signs of life.
    if (role === 'responder' || isPatient()) return;
    const own = known.filter(({ node: other }) => isMine(`node ${other}`));
    await lookAfterMissing(engine, own, isLive, until);
  }

  /** Returns why the store, although it takes a sign of life, still cannot take an order. */
  async function whyNoOrder(until: AbortSignal): Promise<string | undefined> {
    // The sign of life has overwritten an earlier one, which needs no room on the disk.
    if (vitals.cannotWrite === undefined) return undefined;
    return engine.store.check(until).then(
      () => undefined,
      (error: unknown) => asFailure(error).message,
    );
  }

  async function leave(): Promise<void> {
    const deadline = clock.deadline(engine.limits.shutdownBudgetMs);
    try {
      await sessions.own.end(deadline.signal);
    } catch (error) {
      // The next process sees that this one is dead.
      complain(engine, error);
    } finally {
      deadline.done();
    }
  }

  await lookAtOthers(signal);
  // Silence is found out at looks at which nothing has changed.
  changes?.hear('replica', (changed) => see(withChanged(engine, known, changed)));
  return {
    isMine,
    rank: (key) => rankOf(key, node, live.node),
    known: () => known,
    missing: () => (isPatient() ? undefined : missingNodes(known, clock.now(), isLive)),
    async stay(until) {
      const trouble = createTrouble(engine);
      while (!until.aborted) {
        // After a failed write, it tries again sooner, before the others take it for dead.
        const restMs = Math.max(0, everyMs - sessions.own.current().ageMs);
        await clock.sleep(trouble.isThere ? everyMs / 4 : restMs, until).catch(() => undefined);
        if (until.aborted) break;
        try {
          await beat(until);
          trouble.succeeded();
          vitals.store('write', await whyNoOrder(until));
        } catch (error) {
          if (isFailure(error, 'store/node-lost')) throw error;
          if (until.aborted) break;
          vitals.store('write', trouble.failed(error));
        }
      }
      await leave();
    },
  };
}

/** Keeps the session of this process in the document of its node. */
function documentOfNode(engine: Ports, { role, everyMs, configuration }: Joining) {
  const { node, clock } = engine;
  const changeOwn = createOwnReplica(engine, node);
  const since = clock.now().toISOString();
  const claim = (lease: Session): Claim => {
    const at = clock.now().toISOString();
    return { role, running: { version, since, at, everyMs, configuration: configuration(), lease } };
  };
  const place: SessionPlace = {
    refOf: (id) => ({ id, node }),
    async write(session, isNew, signal) {
      const own = claim(session);
      const change = (before: ReplicaDocument | undefined) => {
        const holder = holderOf(before, own);
        // A document that somebody removed, or restored from a backup, gets the process back, with another session.
        if (holder && isNew) throw fail('store/node-lost', { node, holder: `pid ${processText(holder)}` });
        return isNew || (!holder && before?.running?.[role]?.lease) ? claimed(before, own) : undefined;
      };
      return (await changeOwn(change, signal)) !== undefined;
    },
    async remove(session, signal) {
      const own = claim(session);
      const change = (before: ReplicaDocument | undefined) =>
        before && !holderOf(before, own) ? givenBack(before, own) : undefined;
      await changeOwn(change, signal);
    },
  };
  return { ...place, claim };
}

/** Takes the name of a node once no other process has it. Resolves with when that write was begun, monotonic, in ms. */
async function takeName(engine: Ports, claim: Claim, signal: AbortSignal): Promise<number> {
  const { node, clock } = engine;
  const signs = createSigns(engine);
  let isTold = false;
  for (;;) {
    let other: Running | undefined;
    const change = (before: ReplicaDocument | undefined) => {
      other = before?.running?.[claim.role];
      return signs.see(node, other) === 'gone' ? claimed(before, claim) : undefined;
    };
    const atMs = clock.monotonicMs();
    if (await changeReplica(engine, node, change, signal)) return atMs;
    const holder = processText(other!.lease!.holder);
    if (signs.see(node, other) !== 'unsure') throw fail('store/node-taken', { node, holder: `pid ${holder}` });
    const seconds = Math.ceil(silenceMs(other!) / 1_000);
    const message = `process ${holder} may still run as the node ${node}; waiting up to ${seconds} s to see whether it is alive`;
    if (!isTold) report(engine, { level: 'info', event: 'log', message });
    isTold = true;
    await clock.sleep(silenceMs(other!) / looksPerSilence, signal);
  }
}
