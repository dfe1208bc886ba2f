import { asFailure, CertfleetError, isFailure } from '../../core/errors/errors.ts';
import { dataOf } from '../../core/errors/stored-error.ts';
import { version as certfleetVersion } from '../../core/errors/version.ts';
import type { Lineage, Version } from '../../core/lineage/lineage.ts';
import { lacksOf } from '../../core/node/node-status.ts';
import { afterRun, isPaused, type Lack, lackAfter, type ReplicaDocument } from '../../core/node/replica.ts';
import type { NamedAdapter, StoredSpec } from '../../core/spec/spec.ts';
import { nodeTargets } from '../../core/spec/traits.ts';
import type { Deployer, VersionBundle, VersionRef } from '../../ports/deployer.ts';
import type { Listing } from '../../ports/store.ts';
import { type Engine, report } from '../engine.ts';
import { changeReplica, readReplica } from '../ledger/replica.ts';
import type { HeldLock } from '../locks/lock.ts';
import { mostTogether } from '../memory/reloads.ts';
import { readBundle } from '../run/bundles.ts';
import { lineageNamed } from '../run/stored-lineage.ts';
import { together } from '../run/wait.ts';
import { type Courier, turnOf } from './calls-to-target.ts';
import { deliverToNode, hasVersion, isCommand, ownTargets, waitingError } from './node-targets.ts';
import { retire } from './retire.ts';

/** How many certificates are delivered at once: as many as may share a reload. */
const atOnce = mostTogether;

/** How often a certificate that changes meanwhile is delivered again. After that, the next run does it. */
const rounds = 5;

/** What a run did on this node for one certificate. */
export interface HereResult {
  readonly notAfter: string;
  /** The targets that got the current version. */
  readonly delivered: readonly string[];
  /** Why others still lack it: one error for each. */
  readonly errors: readonly CertfleetError[];
}

/** What the looks of a run need. */
interface Known {
  readonly document: ReplicaDocument | undefined;
  /** What the node lacked after its last run, without what this run has delivered. */
  readonly known: Map<string, Lack>;
  /** The certificates with credentials of their own. */
  readonly own: Listing;
}

/** A certificate, and the targets of this node that lack its current version. */
interface Due {
  readonly lineage: Lineage;
  readonly targets: readonly NamedAdapter[];
}

/** Finds out what this node's own targets lack, and delivers it. */
export interface ThisNode {
  /** Looks at the targets of one certificate. Cheap if they have its current version. */
  look(wanted: StoredSpec, lineage: Lineage, signal: AbortSignal): Promise<void>;
  /**
   * Reports whether targets have a version, without its document. False also means that it cannot tell.
   *
   * @param own targets of this node, and settings that have them, without credentials of their own
   */
  stillHas(
    version: VersionRef & { readonly fingerprint: string },
    own: { readonly wanted: StoredSpec; readonly targets: readonly NamedAdapter[] },
    signal: AbortSignal,
  ): Promise<boolean>;
  /** Delivers what the looks have found, and stores what is still lacking. Resolves with the results by certificate. */
  finish(signal: AbortSignal): Promise<ReadonlyMap<string, HereResult>>;
}

/**
 * Targets that each node has for itself are delivered on each node by its own runs, without the lineage's lease: what
 * the node's folders and programs have is the truth, and concerns this node only. Processes of one node take turns (the
 * lock `node <name>`). A run that has the lease may deliver to the same targets at that time; so after a delivery, the
 * lineage is read again, and delivered again if it has another current version by then.
 */
export function createThisNode(
  engine: Engine,
  {
    obeyBackoff,
    isWhole,
    actsOnPaused = false,
  }: {
    readonly obeyBackoff: boolean;
    readonly isWhole: boolean;
    /** Delivers even what is paused: a person has asked for it by name. */
    readonly actsOnPaused?: boolean;
  },
): ThisNode {
  const { node, store, clock } = engine;
  const lock = `node ${node}`;
  const begunAt = clock.now();
  const looked = new Map<string, StoredSpec>();
  /** The version that was current at the last look, by certificate. */
  const versions = new Map<string, string | undefined>();
  const due = new Map<string, Due>();
  const lacks = new Map<string, Lack>();
  const tried = new Set<string>();
  const results = new Map<string, HereResult>();
  const deployers = new Map<string, Promise<Deployer>>();
  const deployersOf = new Map<readonly NamedAdapter[], readonly Deployer[]>();
  let hasLooked = false;
  let first: Promise<Known> | undefined;

  const isLeft = ({ paused }: Lineage): boolean => paused !== undefined && !actsOnPaused;

  const keyOf = (certificate: string, target: string) => JSON.stringify([certificate, target]);

  /** Reads what all looks need, once. */
  const begin = (signal: AbortSignal) => {
    first ??= (async () => {
      const [document, own] = await Promise.all([
        readReplica(engine, node, signal).catch(warned('what this node lacked before')),
        store.list('credential', signal),
      ]);
      const lacks = document?.lacks ?? [];
      return { document, known: new Map(lacks.map((lack) => [keyOf(lack.certificate, lack.target), lack])), own };
    })();
    return first;
  };

  const warned = (what: string) => (error: unknown) => {
    const { message } = asFailure(error);
    report(engine, { level: 'warn', event: 'log', message: `${what} (node ${node}): ${message}` });
    return undefined;
  };

  /** Connects a target. Certificates without credentials of their own share it, as everywhere. */
  async function deployerOf(spec: StoredSpec, target: NamedAdapter, signal: AbortSignal): Promise<Deployer> {
    const { own } = await begin(signal);
    if (own.has(spec.name)) return engine.connect.deployer(spec, target.name);
    const key = JSON.stringify(target);
    const known = deployers.get(key) ?? engine.connect.deployer(spec, target.name);
    deployers.set(key, known);
    return known;
  }

  const bundleOf = (lineage: Lineage, { id }: Version, signal: AbortSignal) => {
    let read: Promise<VersionBundle> | undefined;
    return () => {
      read ??= readBundle(engine, { lineage: lineage.name, id }, signal);
      return read;
    };
  };

  /** Returns the targets of this node that lack the current version. */
  async function lacking(wanted: StoredSpec, lineage: Lineage, signal: AbortSignal): Promise<readonly NamedAdapter[]> {
    const { current } = lineage;
    const targets = ownTargets(engine, wanted, lineage);
    if (!current || targets.length === 0) return [];
    const { document, known } = await begin(signal);
    const bundle = bundleOf(lineage, current, signal);
    // A program that is down now may still have it.
    const hadIt = (target: string) =>
      document
        ? lacksOf({ node, document }, { wanted, lineage }).every((lack) => lack.target !== target)
        : lineage.deployments[target]?.node === node;
    const found = await together(
      targets.map(async (target) => {
        // A command may still have to act on what another target got.
        if (isCommand(target) && known.get(keyOf(lineage.name, target.name))?.version === current.id) return true;
        try {
          const deployer = await deployerOf(wanted, target, signal);
          return !(await hasVersion(deployer, { lineage: lineage.name, version: current }, bundle, signal));
        } catch (error) {
          signal.throwIfAborted();
          // The delivery says why. A folder that others can replace may have anything by now.
          return isFailure(error, 'deploy/unsafe-folder') || !hadIt(target.name);
        }
      }),
    );
    return targets.filter((_target, index) => found[index]);
  }

  async function look(wanted: StoredSpec, lineage: Lineage, signal: AbortSignal): Promise<void> {
    if (nodeTargets(wanted).length === 0 || isLeft(lineage)) return;
    looked.set(wanted.name, wanted);
    versions.set(wanted.name, lineage.current?.id);
    const targets = await lacking(wanted, lineage, signal);
    if (targets.length === 0) return;
    const paused = await pausedOf(lineage, targets, signal);
    const waits = paused.filter(({ code }) => code !== undefined);
    const { known } = await begin(signal);
    const isWaiting = ({ name }: NamedAdapter) => {
      const lack = known.get(keyOf(lineage.name, name));
      return lack !== undefined && lack.version === lineage.current?.id && lack.code === undefined;
    };
    const isReady = (target: NamedAdapter) => !paused.some((lack) => lack.target === target.name) && !isWaiting(target);
    // If all that is left is a command that waited, what it waited for is there.
    if (waits.length === 0 || targets.some(isReady)) {
      due.set(wanted.name, { lineage, targets });
      return;
    }
    // It is too early to try any of them again.
    for (const { name: target } of targets) {
      const lack = known.get(keyOf(lineage.name, target));
      if (lack) lacks.set(keyOf(lineage.name, target), lack);
    }
    results.set(wanted.name, { ...validity(lineage), delivered: [], errors: waits.map(waitingError) });
  }

  const stillHas: ThisNode['stillHas'] = async (version, { wanted, targets }, signal) => {
    hasLooked = true;
    const { known } = await begin(signal);
    const { lineage: name } = version;
    if (targets.some((target) => known.has(keyOf(name, target.name)))) return false;
    try {
      const connected =
        deployersOf.get(targets) ??
        (await Promise.all(targets.map((target) => deployerOf({ ...wanted, name }, target, signal))));
      deployersOf.set(targets, connected);
      for (const deployer of connected) if (!(await deployer.has?.(version, signal))) return false;
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  };

  /** Returns what is known of those of these targets that are not tried again yet. */
  async function pausedOf(
    { name, current }: Lineage,
    targets: readonly NamedAdapter[],
    signal: AbortSignal,
  ): Promise<readonly Lack[]> {
    if (!obeyBackoff) return [];
    const { known } = await begin(signal);
    return targets.flatMap((target) => {
      const lack = known.get(keyOf(name, target.name));
      return lack && lack.version === current?.id && isPaused(lack, clock.now()) ? [lack] : [];
    });
  }

  /** Delivers one certificate to the targets of this node that lack it. */
  async function deliver(wanted: StoredSpec, held: HeldLock, signal: AbortSignal): Promise<void> {
    const { name } = wanted;
    const { known } = await begin(signal);
    const delivered = new Set<string>();
    let last: string | undefined;
    for (let round = 1; round <= rounds; round += 1) {
      const lineage = await lineageNamed(engine, name, signal);
      if (!lineage || lineage instanceof Error || !lineage.current || lineage.current.id === last) break;
      // It may have been paused since the look.
      if (isLeft(lineage)) break;
      const { current } = lineage;
      last = current.id;
      versions.set(name, current.id);
      const targets = await lacking(wanted, lineage, signal);
      if (targets.length === 0) break;
      const paused = await pausedOf(lineage, targets, signal);
      const courier: Courier = {
        ...{ engine, signal, job: { wanted } },
        holding: { lineage, effect: (s, run) => held.effect(s, run), apply: async () => {} },
      };
      const before = (target: string) => known.get(keyOf(name, target));
      const delivery = {
        ...{ wanted, targets, before, bundle: bundleOf(lineage, current, signal), paused: new Map<string, Lack>() },
        connect: (target: NamedAdapter) => deployerOf(wanted, target, signal),
      };
      for (const lack of paused) delivery.paused.set(lack.target, lack);
      const ends = await deliverToNode(courier, delivery);
      const errors: CertfleetError[] = [];
      for (const [target, end] of ends) {
        const key = keyOf(name, target);
        if (end === 'delivered') {
          delivered.add(target);
          lacks.delete(key);
          known.delete(key);
          continue;
        }
        const waiting = delivery.paused.get(target);
        if (waiting) {
          lacks.set(key, waiting);
          errors.push(waitingError(waiting));
          continue;
        }
        const facts = { certificate: name, target, version: current.id, before: before(target), now: clock.now() };
        const lack = lackAfter(end, { ...facts, deployTimeoutMs: engine.limits.deployTimeoutMs });
        if (end instanceof CertfleetError) {
          errors.push(end);
          reportPending(engine, end, lack, before(target)?.alarmed === true);
        }
        lacks.set(key, lack);
      }
      results.set(name, { ...validity(lineage), delivered: [...delivered], errors });
      if (errors.length > 0) break;
      await retire(courier, { ...wanted, targets: nodeTargets(wanted) }, {});
    }
    if (delivered.size === 0) return;
    const targets = [...delivered];
    const message = `deployed to ${targets.join(', ')} of node ${node}`;
    report(engine, {
      level: 'info',
      event: 'certificate.deployed',
      certificate: name,
      message,
      data: { targets, node },
    });
  }

  async function deliverDue(signal: AbortSignal): Promise<void> {
    if (due.size === 0 && !(await isLockLeft(signal))) return;
    const next = due.keys();
    const { reloads } = engine.pass;
    for (const name of due.keys()) reloads.expect(name, turnsOf(looked.get(name)!));
    const lane = async (held: HeldLock) => {
      for (const name of next)
        try {
          await deliver(looked.get(name)!, held, signal);
          tried.add(name);
        } finally {
          reloads.expect(name, []);
        }
    };
    const lanes = (held: HeldLock) => together(Array.from({ length: Math.min(atOnce, due.size) }, () => lane(held)));
    await engine.locks.with(lock, (document) => document, lanes, signal);
  }

  const turnsOf = (wanted: StoredSpec) => nodeTargets(wanted).map(({ name }) => turnOf(engine, wanted, name));

  /** Reports whether a killed run has left the lock. */
  async function isLockLeft(signal: AbortSignal): Promise<boolean> {
    const { lease } = await engine.locks.read(lock, signal);
    return lease !== undefined && engine.processes.look(lease.holder) === 'dead';
  }

  /** Keeps what the targets of a certificate lack that could not be tried. That begins no pause. */
  async function leave(name: string, error: unknown, signal: AbortSignal): Promise<void> {
    const { lineage, targets } = due.get(name)!;
    const { known } = await begin(signal);
    const failure = asFailure(error, name);
    const version = lineage.current!.id;
    for (const { name: target } of targets) {
      const before = known.get(keyOf(name, target));
      const facts = { certificate: name, target, version, before, now: clock.now() };
      const after = lackAfter(failure, { ...facts, deployTimeoutMs: engine.limits.deployTimeoutMs });
      const retryAt = before?.version === version ? before.retryAt : undefined;
      const lack: Lack = { ...after, retryAt };
      reportPending(engine, failure, lack, before?.alarmed === true);
      lacks.set(keyOf(name, target), lack);
    }
    results.set(name, { ...validity(lineage), delivered: [], errors: [failure] });
  }

  async function finish(signal: AbortSignal): Promise<ReadonlyMap<string, HereResult>> {
    if (looked.size === 0 && !hasLooked) return results;
    try {
      await deliverDue(signal);
    } catch (error) {
      signal.throwIfAborted();
      for (const name of due.keys()) if (!tried.has(name) && !results.has(name)) await leave(name, error, signal);
    }
    const { bootId: boot } = engine.processes.self();
    const run = { version: certfleetVersion, at: begunAt, boot, lacks: [...lacks.values()] };
    const certificates = isWhole ? undefined : versions;
    // Without the document, the next run delivers, too, but without the pause after a failure.
    await changeReplica(engine, node, (before) => afterRun(before, { ...run, looked: certificates }), signal).catch(
      (error: unknown) => {
        signal.throwIfAborted();
        return warned('could not store what this node lacks')(error);
      },
    );
    return results;
  }

  return { look, stillHas, finish };
}

const validity = ({ current }: Lineage): Pick<HereResult, 'notAfter'> => ({ notAfter: current?.facts.notAfter ?? '' });

/** Reports a target of this node that lacks a version, with an alarm once that has lasted for `deployTimeout`. */
function reportPending(engine: Engine, error: CertfleetError, lack: Lack, isKnown: boolean): void {
  const { node } = engine;
  const { message } = error;
  const { certificate, target, since } = lack;
  const data = { target, node, ...dataOf(error) };
  report(engine, { level: 'warn', event: 'certificate.pending', certificate, message, data });
  if (!lack.alarmed || isKnown) return;
  const alarm = `${target} of node ${node} has been without the new certificate since ${since}: ${message}`;
  report(engine, {
    ...{ level: 'alarm', event: 'deploy.alarm', certificate, message: alarm },
    data: { ...data, since },
  });
}
