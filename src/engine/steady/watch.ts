import { type Bell, createBell } from '../../core/async/bell.ts';
import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import { dataOf } from '../../core/errors/stored-error.ts';
import { type Drift, hasBroken, hasCurrent } from '../../core/lineage/deployments.ts';
import { decodeLineage, type Lineage } from '../../core/lineage/lineage.ts';
import { revocationOf } from '../../core/lineage/revocation.ts';
import { drifted } from '../../core/lineage/work/delivery.ts';
import { type EndpointVerdict, judgeServed } from '../../core/names/endpoint.ts';
import { type LookTimes, nextLookMs, pauseAfterBad } from '../../core/node/look-times.ts';
import { scoreOf } from '../../core/node/rendezvous.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { lacksHere } from '../delivery/node-targets.ts';
import { createThisNode } from '../delivery/this-node.ts';
import { type Engine, type EngineProcess, inPass, report } from '../engine.ts';
import { changeFree, firstSight } from '../leases/lease.ts';
import { driftError, lookAtAll } from '../looks/endpoints.ts';
import { inLanes } from '../pass/lanes.ts';

import { complain } from './complain.ts';
import type { Declarations } from './seen.ts';
import { createWakes, type Wakes } from './wakes.ts';

/** What a certificate has that may change without its document. */
export interface Watched {
  readonly hasEndpoints: boolean;
  /** Of this node. */
  readonly hasOwnTargets: boolean;
}

/** Looks at what the endpoints of certificates serve, and at what the targets of this node have. */
export interface Watch {
  /** Takes note of a certificate that is new, or may have changed. */
  note(name: string, watched: Watched): void;
  /** Looks until the signal aborts. Never rejects. */
  look(signal: AbortSignal): Promise<void>;
}

interface Surroundings {
  readonly engine: EngineProcess;
  readonly declared: () => Declarations;
  /** Reports whether this node looks at the endpoints of a certificate. */
  readonly isMine: (certificate: string) => boolean;
  readonly times: LookTimes;
}

/** A certificate as it is stored, and what is wanted of it. */
interface Found {
  readonly wanted: StoredSpec;
  readonly lineage: Lineage & { readonly current: NonNullable<Lineage['current']> };
  readonly revision: string;
}

/** Bad looks at the endpoints of a certificate, one after the other. */
interface Bad {
  /** When the first of them was: RFC 3339, and monotonic, in ms. */
  readonly since: string;
  readonly sinceMs: number;
  readonly looks: number;
}

type LookAt<T> = (pass: Engine, name: string, signal: AbortSignal) => Promise<T | undefined>;

interface Line {
  readonly wakes: Wakes;
  readonly bell: Bell;
}

/** Each look waits for a server that may not answer. */
const mostLooks = 32;
/** Timers cannot wait for months. */
const longestSleepMs = 3_600_000;
/** This part of the interval, a timer may be early by the wall clock: the moment that has just been is not the next one. */
const slack = 1 / 100;

/**
 * Watches the endpoints of all certificates. A good look writes nothing. A bad one is one write, which marks the endpoint
 * as drifted: the loop then repairs it, as it does all that is pending. Its caller names the certificates (`note`).
 */
export function createWatch({ engine, declared, isMine, times }: Surroundings): Watch {
  const { clock, store, node } = engine;
  // Monotonic, so that no step of the wall clock makes a look late.
  const served = createWakes();
  const own = createWakes();
  const [servedBell, ownBell] = [createBell(), createBell()];
  const bad = new Map<string, Bad>();

  /** @param by who looks: the moment in the interval is the same in each process */
  const next = (name: string, by: string, everyMs: number, slackMs = 0): number => {
    const nowMs = clock.now().getTime();
    const ms = nextLookMs(nowMs + slackMs, everyMs, scoreOf(name, by) / 2 ** 32);
    return clock.monotonicMs() + ms - nowMs;
  };
  const nextAfterLook = (name: string, by: string, everyMs: number) => next(name, by, everyMs, everyMs * slack);

  function note(name: string, { hasEndpoints, hasOwnTargets }: Watched): void {
    if (!hasEndpoints) bad.delete(name);
    if (!bad.has(name)) served.set(name, hasEndpoints ? next(name, '', times.everyMs) : undefined);
    own.set(name, hasOwnTargets ? next(name, node, times.ownMs) : undefined);
    if (hasEndpoints) servedBell.ring();
    if (hasOwnTargets) ownBell.ring();
  }

  /** Returns a certificate that may be looked at; undefined if it is not there, or not wanted. */
  async function find(name: string, signal: AbortSignal): Promise<Found | 'later' | undefined> {
    const entry = await store.get({ kind: 'lineage', name }, signal);
    const lineage = entry && decodeLineage(entry.bytes, name, store.location);
    const job = declared().jobOf(name, lineage);
    if (!job || !lineage) return undefined;
    const { current, work } = lineage;
    // Whoever works on it looks at the end. A version that is revoked or went back is not what should be served.
    const isBusy = work?.lease !== undefined || work?.step === 'deploy';
    if (!current || isBusy || revocationOf(lineage, current) || hasBroken(job.wanted, lineage)) return 'later';
    return { wanted: job.wanted, lineage: { ...lineage, current }, revision: entry.revision };
  }

  /** Notes that the last look was good. */
  function good(name: string): void {
    bad.delete(name);
    served.set(name, nextAfterLook(name, '', times.everyMs));
  }

  function again(name: string): void {
    const { looks, ...since } = bad.get(name) ?? { ...fromNow(), looks: 0 };
    bad.set(name, { ...since, looks: looks + 1 });
    served.set(name, clock.monotonicMs() + pauseAfterBad(times, looks + 1));
  }

  const fromNow = (): Pick<Bad, 'since' | 'sinceMs'> => ({
    since: clock.now().toISOString(),
    sinceMs: clock.monotonicMs(),
  });

  /** Notes that it could not be looked at: that is no bad look, and what was wrong before does not last yet. */
  function later(name: string): void {
    const one = bad.get(name);
    if (!one) {
      good(name);
      return;
    }
    bad.set(name, { ...one, ...fromNow() });
    served.set(name, clock.monotonicMs() + pauseAfterBad(times, one.looks));
  }

  async function lookAtServed(pass: Engine, name: string, signal: AbortSignal): Promise<undefined> {
    if (!isMine(name)) return void good(name);
    const found = await find(name, signal);
    if (!found || (found !== 'later' && found.wanted.endpoints.length === 0)) return void bad.delete(name);
    if (found === 'later') return void later(name);
    const { lineage, wanted } = found;
    // The loop tries those that are pending, and looks at them.
    const endpoints = wanted.endpoints.filter((endpoint) => hasCurrent(lineage, endpoint));
    const { current, previous } = lineage;
    const fingerprints = { current: current.facts.fingerprint, previous: previous?.facts.fingerprint };
    const verdicts = await lookAtAll(pass, { wanted: { ...wanted, endpoints }, ...fingerprints }, signal);
    const wrong = verdicts.filter(({ state }) => state !== 'current' && state !== 'cannot-tell');
    const isPending = endpoints.length < wanted.endpoints.length;
    if (wrong.length === 0 && !(isPending && bad.has(name))) return void good(name);
    again(name);
    await mark(pass, found, wrong, signal);
    return undefined;
  }

  /** Stores that endpoints have drifted. One that does not answer may be about to start again, so that has to last. */
  async function mark(
    pass: Engine,
    found: Found,
    wrong: readonly EndpointVerdict[],
    signal: AbortSignal,
  ): Promise<void> {
    const { lineage, revision, wanted } = found;
    const { name } = lineage;
    const now = clock.now().toISOString();
    const { since: badSince, sinceMs } = bad.get(name) ?? fromNow();
    const isLasting = clock.monotonicMs() - sinceMs >= times.silentMs;
    const drifts = new Map<string, Drift>();
    for (const verdict of wrong) {
      const { state } = judgeServed(verdict);
      const isOther = state === 'old' || state === 'other';
      const error = driftError(wanted, verdict, 'Nothing was delivered since it last did');
      if (!error || (!isOther && !isLasting)) continue;
      drifts.set(verdict.endpoint, { error, since: isOther ? now : badSince });
    }
    if (drifts.size === 0) return;
    const free = { sight: firstSight(pass, name), lineage, revision };
    // If another process has changed it meanwhile, the next look finds out whether it still is wrong.
    if (!(await changeFree(pass, free, drifted(drifts), signal))) return;
    for (const [target, { error }] of drifts) {
      const { message } = error;
      const data = { target, ...dataOf(error) };
      report(engine, { level: 'warn', event: 'certificate.pending', certificate: name, message, data });
    }
  }

  /** Returns what a target of this node lacks, if one does. */
  async function lookAtOwn(pass: Engine, name: string, signal: AbortSignal): Promise<Found | undefined> {
    const found = await find(name, signal);
    if (found === undefined) return undefined;
    own.set(name, nextAfterLook(name, node, times.ownMs));
    if (found === 'later' || found.lineage.paused) return undefined;
    return (await lacksHere(pass, found.wanted, found.lineage, signal)) ? found : undefined;
  }

  async function lookAtAllOwn(pass: Engine, names: readonly string[], signal: AbortSignal): Promise<void> {
    const lacking = await each(pass, { names, wakes: own, look: lookAtOwn }, signal);
    if (lacking.length === 0) return;
    const here = createThisNode(pass, { obeyBackoff: true, isWhole: false });
    for (const { wanted, lineage } of lacking) await here.look(wanted, lineage, signal);
    await here.finish(signal);
  }

  /** Runs one look for each name, and returns what they have found. One that fails is repeated a little later. */
  async function each<T extends object>(
    pass: Engine,
    { names, wakes, look }: { readonly names: readonly string[]; readonly wakes: Wakes; readonly look: LookAt<T> },
    signal: AbortSignal,
  ): Promise<readonly T[]> {
    const found: T[] = [];
    const errands = names.map((name) => ({
      ...{ group: 'looks', limit: () => mostLooks },
      async run(lane: AbortSignal) {
        try {
          const one = await look(pass, name, lane);
          if (one) found.push(one);
        } catch (error) {
          lane.throwIfAborted();
          wakes.set(name, clock.monotonicMs() + times.againMs);
          // What is wrong with the store, the loop tells.
          if (isFailure(error, 'store/')) return found;
          const message = `could not look whether it is still served: ${reasonOf(error)}`;
          report(engine, { level: 'warn', event: 'log', certificate: name, message });
        }
        return found;
      },
    }));
    await inLanes(pass, errands, signal);
    return found;
  }

  /** Looks whenever something is due, until the signal aborts. */
  async function follow(
    { wakes, bell }: Line,
    look: (names: readonly string[]) => Promise<unknown>,
    signal: AbortSignal,
  ) {
    while (!signal.aborted) {
      const names = wakes.takeDue(clock.monotonicMs());
      if (names.length > 0)
        await look(names).catch((error: unknown) => {
          if (!signal.aborted) complain(engine, error);
        });
      const restMs = (wakes.firstMs() ?? Number.POSITIVE_INFINITY) - clock.monotonicMs();
      await bell.orAfter(Math.max(0, Math.min(restMs, longestSleepMs)), clock, signal);
    }
  }

  return {
    note,
    async look(signal) {
      const lookAll = (names: readonly string[]) =>
        inPass(engine, (pass) => each(pass, { names, wakes: served, look: lookAtServed }, signal));
      const lookAllOwn = (names: readonly string[]) =>
        inPass(engine, (pass) => lookAtAllOwn(pass, names, signal), 'run');
      await Promise.all([
        follow({ wakes: served, bell: servedBell }, lookAll, signal),
        follow({ wakes: own, bell: ownBell }, lookAllOwn, signal),
      ]);
    },
  };
}
