import { intended } from './deployments.ts';
import { type CertfleetError, fail } from './errors.ts';
import { failureAfter, forgiven } from './failure.ts';
import type { Json } from './json.ts';
import {
  type Deployment,
  type JournalledChallenge,
  type LastRun,
  type Lease,
  type Lineage,
  type Renewal,
  type Tombstone,
  unfinishedWork,
  type Version,
  type Work,
} from './lineage.ts';
import { renewalByLifetime } from './renewal.ts';
import { sameRequest, sameSpec } from './same-spec.ts';
import type { StoredSpec } from './spec.ts';
import { afterLook, isDue, oneForEach, owesCleanup, presentedIn, tombstoneOf } from './tombstones.ts';

/**
 * Every change of a lineage's document, as a named pure function. The engine decides when, and gives facts (an order's
 * URL, receipts, a version, a failure); only this file builds documents. `mayFollow` is the table of what may follow
 * what, and the properties in work.test.ts say what must never happen, whatever is killed in between.
 */

/** Where a lineage stands. The phases with a lease are in the order of the path; `interrupted` is any of them without. */
export type Phase = 'absent' | 'idle' | 'interrupted' | 'bare' | 'begun' | 'ordered' | 'challenged' | 'current';

export function phaseOf(lineage: Lineage | undefined): Phase {
  if (!lineage) return 'absent';
  const { work } = lineage;
  if (!work) return 'idle';
  if (!work.lease) return 'interrupted';
  switch (work.step) {
    case 'close':
      return 'bare';
    case 'lease':
    case 'key':
      return 'begun';
    case 'order':
      return 'ordered';
    case 'deploy':
      return 'current';
    default:
      return 'challenged';
  }
}

const inFlight = ['begun', 'ordered', 'challenged'] as const;
const held = ['bare', ...inFlight, 'current'] as const;

/** From which phases each transition may start. Anything else is a bug, and throws. */
const mayFollow = {
  // The lease. A dead holder's phase does not matter, so these start anywhere.
  begun: ['absent', 'idle', 'interrupted', ...held],
  leased: ['idle', 'interrupted', ...held],
  beaten: held,
  released: held,
  // Towards a certificate.
  pastRemoved: ['begun', 'current'],
  overruled: inFlight,
  orderGivenUp: ['begun'],
  ordered: ['begun'],
  challengesIntended: ['begun', 'ordered'],
  receiptsKept: ['challenged'],
  presentFailed: ['challenged'],
  accountLost: inFlight,
  certificateRefused: inFlight,
  madeCurrent: inFlight,
  // The end of a run.
  closed: ['current'],
  failed: [...inFlight, 'current'],
  stopped: [...inFlight, 'current'],
  swept: held,
  forgotten: held,
} as const satisfies Record<string, readonly Phase[]>;

export type TransitionName = keyof typeof mayFollow;

const change: unique symbol = Symbol('change');

/** One change of a lineage. Opaque: only the functions below make one, and only {@link after} applies one. */
export interface Transition {
  readonly name: TransitionName;
  readonly [change]: (lineage: Lineage | undefined) => Lineage | undefined;
}

/** The document after a transition; undefined: it is to be deleted. Fails with `bug/unexpected` outside the table. */
export function after(lineage: Lineage | undefined, transition: Transition): Lineage | undefined {
  const phase = phaseOf(lineage);
  if (!(mayFollow[transition.name] as readonly Phase[]).includes(phase))
    throw fail('bug/unexpected', {
      reason: `${transition.name} cannot follow ${phase} (${lineage?.name ?? 'no lineage'})`,
    });
  return transition[change](lineage);
}

/** A lineage whose lease is held; the table sees to it. */
type Held = Lineage & { readonly work: Work };

const whileHeld = (name: TransitionName, run: (lineage: Held) => Lineage | undefined): Transition => ({
  name,
  [change]: (lineage) => run(lineage as Held),
});

const withWork = (name: TransitionName, run: (work: Work, lineage: Held) => Work): Transition =>
  whileHeld(name, (lineage) => ({ ...lineage, work: run(lineage.work, lineage) }));

// --- The lease -------------------------------------------------------------------------------------------------------

/** What taking a lease adds to a document. */
export interface Claim {
  readonly lease: Lease;
  /** The lease was taken from a holder that is not known to be dead: its changes may still take effect. */
  readonly isDoubtful: boolean;
  readonly now: Date;
}

export interface Beginning {
  readonly wanted: StoredSpec;
  readonly origin: Lineage['origin'];
  /** Hash over the secrets of this run. */
  readonly credentials?: string;
  /** `certificate`: order one, or resume; `delivery`: the current version is all that is needed. */
  readonly aim: 'certificate' | 'delivery';
  /** For a new version: `20261124-173001-k3f9ab`. */
  readonly newId: string;
}

/**
 * Step 2: the lease, the spec, and the intents of the probe and of the order, in one write. What an earlier run left
 * and this one can use stays: its order and key for the same request, its journal in any case.
 */
export const begun = (facts: Beginning, claim: Claim): Transition => ({
  name: 'begun',
  [change]: (lineage) => {
    const { wanted } = facts;
    const before = unfinishedWork(lineage);
    const sameJob = before !== undefined && lineage !== undefined && sameRequest(lineage.spec, wanted);
    const resumed = sameJob ? before : undefined;
    const onlyDelivers = lineage?.current !== undefined && (facts.aim === 'delivery' || resumed?.step === 'deploy');
    const forOrder: Pick<Work, 'step' | 'version' | 'order' | 'first'> = {
      step: 'lease',
      version: resumed && resumed.step !== 'deploy' ? resumed.version : facts.newId,
      order: resumed?.order ? doubted(resumed.order) : {},
      ...(lineage === undefined || before?.first ? { first: true } : {}),
    };
    const forDelivery: Pick<Work, 'step' | 'version' | 'parked'> = {
      step: 'deploy',
      version: lineage?.current?.id ?? facts.newId,
      ...(resumed ? parkedOf(resumed) : {}),
    };
    const work: Work = {
      ...(onlyDelivers ? forDelivery : forOrder),
      lease: claim.lease,
      directory: wanted.issuer.directory,
      startedAt: claim.now.toISOString(),
      challenges: before?.challenges ?? [],
      ...(before?.thumbprint === undefined ? {} : { thumbprint: before.thumbprint }),
      ...(before?.probe ? { probe: 'left' } : onlyDelivers ? {} : { probe: 'ours' }),
      ...(before?.takenOver || claim.isDoubtful ? { takenOver: true } : {}),
    };
    // While challenges of another spec are journalled, its solver is still needed to remove them.
    const keepsSpec = lineage !== undefined && owesCleanup(before) && !sameSpec(lineage.spec, wanted);
    const { failure: _before, ...rest } = lineage ?? { schema: 1, name: wanted.spec.name };
    const failure = forgiven(wanted, lineage, facts.credentials, claim.now);
    const targets = [...wanted.spec.deploy, ...wanted.spec.endpoints];
    return {
      ...rest,
      ...(failure ? { failure } : {}),
      deployments: Object.fromEntries(
        Object.entries(lineage?.deployments ?? {}).filter(([target]) => targets.includes(target)),
      ),
      origin: facts.origin,
      spec: keepsSpec ? lineage.spec : wanted,
      ...(facts.credentials === undefined ? {} : { credentials: facts.credentials }),
      work,
    };
  },
});

/** Without a URL it is not known whether the CA got the order and the answer was lost. */
const doubted = (order: NonNullable<Work['order']>): NonNullable<Work['order']> =>
  order.url === undefined ? { ...order, doubtful: true } : order;

/** What a run that only delivers leaves as it is: the order that waits for its next try, and its key. */
function parkedOf({ step, version, order, parked }: Work): Pick<Work, 'parked'> {
  if (step === 'deploy') return parked ? { parked } : {};
  return { parked: { version, ...(order ? { order } : {}) } };
}

/** The order that waited while targets got the current version, as work to be resumed like any. */
const unparked = ({ parked, directory, startedAt }: Work): Work | undefined =>
  parked && { step: 'lease', directory, startedAt, challenges: [], ...parked };

/** The lease alone, for a sweep or a loser that gives way: whatever work there is stays to be resumed. */
export const leased = (claim: Claim): Transition =>
  whileHeld('leased', (lineage) => {
    const { spec } = lineage;
    const bare: Work = {
      step: 'close',
      version: '',
      directory: spec.issuer.directory,
      startedAt: claim.now.toISOString(),
      challenges: [],
    };
    const takenOver = lineage.work?.takenOver || claim.isDoubtful;
    return {
      ...lineage,
      work: { ...(lineage.work ?? bare), lease: claim.lease, ...(takenOver ? { takenOver: true } : {}) },
    };
  });

/** A sign of life: the document's revision moves. */
export const beaten = (): Transition =>
  withWork('beaten', (work) => (work.lease ? { ...work, lease: { ...work.lease, beat: work.lease.beat + 1 } } : work));

/** The lease is given back; work that can be resumed stays as it is. */
export const released = (): Transition =>
  whileHeld('released', (lineage) => {
    const { work: _given, ...rest } = lineage;
    const work = unfinishedWork(lineage);
    if (!work) return rest;
    const { lease: _lease, ...left } = work;
    return { ...rest, work: left };
  });

// --- Towards a certificate -------------------------------------------------------------------------------------------

/**
 * What an earlier run presented has been removed, except `left`. From here on the document is about today's spec, and
 * the probe is this run's own.
 */
export const pastRemoved = (facts: {
  readonly wanted: StoredSpec;
  readonly left: readonly Tombstone[];
  readonly now: Date;
}): Transition =>
  whileHeld('pastRemoved', (lineage) => ({
    ...lineage,
    spec: facts.wanted,
    ...tombstonesAfter(lineage, facts.left, facts.now),
    work: { ...lineage.work, challenges: [], probe: 'ours' },
  }));

/** A proven no of preflight is tried against the CA all the same; the day counts from here. */
export const overruled = (now: Date): Transition =>
  whileHeld('overruled', (lineage) => {
    const at = now.toISOString();
    const none = { count: 0, at, code: 'preflight/no', message: '', hint: '', retryAt: at };
    return { ...lineage, failure: { ...(lineage.failure ?? none), overruledAt: at } };
  });

/** Before newOrder, where a kept order is known to be dead: its URL goes, so that it is never taken for the new one. */
export const orderGivenUp = (): Transition =>
  withWork('orderGivenUp', (work) => ({ ...work, order: { doubtful: true } }));

/** Step 5c: the CA's URL for the order. */
export const ordered = (order: NonNullable<Work['order']> & { readonly url: string }): Transition =>
  withWork('ordered', (work) => ({ ...work, step: 'order', order }));

/** Step 6a: what is about to be presented, all of it in one write. */
export const challengesIntended = (facts: {
  readonly thumbprint: string;
  readonly challenges: readonly JournalledChallenge[];
}): Transition =>
  withWork('challengesIntended', (work) => ({
    ...work,
    step: 'challenges',
    thumbprint: facts.thumbprint,
    challenges: facts.challenges.map(({ type, identifier, token }) => ({ type, identifier, token })),
  }));

/** A challenge of an order, whatever its token. */
export const challengeKey = ({ type, identifier }: Pick<JournalledChallenge, 'type' | 'identifier'>): string =>
  `${type} ${identifier}`;

const withReceipts = (work: Work, receipts: ReadonlyMap<string, Json>): Work => ({
  ...work,
  challenges: work.challenges.map((challenge) => {
    const receipt = receipts.get(challengeKey(challenge));
    return receipt === undefined ? challenge : { ...challenge, receipt };
  }),
});

/** Step 6c: what the solvers want to remember, by {@link challengeKey}. */
export const receiptsKept = (receipts: ReadonlyMap<string, Json>): Transition =>
  withWork('receiptsKept', (work) => withReceipts(work, receipts));

/** One challenge could not be presented: what the others answered is kept, and what was refused needs no clean-up. */
export const presentFailed = (receipts: ReadonlyMap<string, Json>, refused: ReadonlySet<string>): Transition =>
  withWork('presentFailed', (work) => {
    const kept = withReceipts(work, receipts);
    return { ...kept, challenges: kept.challenges.filter((challenge) => !refused.has(challengeKey(challenge))) };
  });

/** The CA has forgotten the account, and with it the order: the run starts over with the same key. */
export const accountLost = (facts: { readonly left: readonly Tombstone[]; readonly now: Date }): Transition =>
  whileHeld('accountLost', (lineage) => ({
    ...lineage,
    ...tombstonesAfter(lineage, facts.left, facts.now),
    work: { ...lineage.work, step: 'lease', challenges: [], order: {} },
  }));

/** The certificate is not what was ordered: the order is over, since asking again would bring the same one. */
export const certificateRefused = (): Transition => withWork('certificateRefused', ({ order: _over, ...work }) => work);

/** Step 11: the version is the lineage's current one, and every target has its intent. */
export const madeCurrent = (facts: {
  readonly wanted: StoredSpec;
  readonly version: Version;
  readonly now: Date;
}): Transition =>
  whileHeld('madeCurrent', (lineage) => {
    const { version, wanted, now } = facts;
    const { order: _done, first: _issued, ...work } = lineage.work;
    const { current, previous, retired = [] } = lineage;
    const isNew = current?.id !== version.id;
    return {
      ...lineage,
      ...(current && isNew ? { previous: current } : {}),
      ...(previous && isNew ? { retired: [...retired, previous.id] } : {}),
      current: version,
      renewal: renewalByLifetime(version.facts),
      deployments: intended(lineage, wanted, version.id, now),
      work: { ...work, version: version.id, step: 'deploy' },
    };
  });

// --- The end of a run ------------------------------------------------------------------------------------------------

/** Step 14: the current version is delivered, or pending somewhere. Lease and work go; a parked order comes back. */
export const closed = (facts: {
  /** Undefined where no target was touched. */
  readonly deployments: Readonly<Record<string, Deployment>> | undefined;
  readonly renewal: Renewal | undefined;
  /** Retired versions that are still in the store. */
  readonly retired: readonly string[];
  readonly left: readonly Tombstone[];
  readonly last: LastRun;
  readonly now: Date;
}): Transition =>
  whileHeld('closed', (lineage) => {
    const { work, failure, retired: _removed, ...rest } = lineage;
    const isIssue = lineage.last?.version !== lineage.current?.id;
    const waiting = unparked(work);
    // A run that only delivered says nothing about the order that failed, nor about the CA's hold.
    const stands = !isIssue && failure && (waiting || (failure.holdUntil ?? '') > facts.now.toISOString());
    return {
      ...rest,
      ...tombstonesAfter(lineage, facts.left, facts.now),
      ...(stands ? { failure } : {}),
      ...(waiting ? { work: waiting } : {}),
      ...(facts.renewal ? { renewal: facts.renewal } : {}),
      ...(facts.deployments ? { deployments: facts.deployments } : {}),
      ...(facts.retired.length > 0 ? { retired: facts.retired } : {}),
      last: facts.last,
    };
  });

/**
 * The run failed. The back-off and the CA's hold are remembered, and the order where it may still be alive. Before the
 * first order of all there is nothing to remember: the document goes, so that a typo is not tried for ever.
 */
export const failed = (facts: {
  readonly error: CertfleetError;
  /** Whether newOrder may have reached the CA. */
  readonly asked: boolean;
  readonly left: readonly Tombstone[];
  readonly now: Date;
}): Transition =>
  whileHeld('failed', (lineage) => {
    const { error, now } = facts;
    const work = workAfterFailure(lineage.work, error, facts.asked);
    const stones = tombstonesAfter(lineage, facts.left, now);
    if (lineage.origin === 'command-line' && lineage.work.first && !work && !stones.tombstones) return undefined;
    const { work: _over, ...rest } = lineage;
    return {
      ...rest,
      ...stones,
      ...(work ? { work } : {}),
      failure: failureAfter(lineage, error, now),
      last: {
        at: now.toISOString(),
        result: 'failed',
        ...lastVersion(lineage),
        code: error.code,
        message: error.message,
        hint: error.hint,
      },
    };
  });

/** The caller gave up: everything is kept for the next run, and nothing counts as a failure. */
export const stopped = (facts: { readonly left: readonly Tombstone[]; readonly now: Date }): Transition =>
  whileHeld('stopped', (lineage) => {
    const { work, ...rest } = lineage;
    return {
      ...rest,
      ...tombstonesAfter(lineage, facts.left, facts.now),
      work: closedWork(work, work.order),
      last: {
        at: facts.now.toISOString(),
        result: 'stopped',
        ...lastVersion(lineage),
        message: 'it was stopped; the next run goes on where it was',
      },
    };
  });

/** The version whose issue was reported: a later run that only delivers must not report it again. */
const lastVersion = ({ last }: Lineage) => (last?.version === undefined ? {} : { version: last.version });

/** Undefined where nothing can be resumed: the order is dead or was never sent. */
function workAfterFailure(work: Work, error: CertfleetError, asked: boolean): Work | undefined {
  if (work.step === 'deploy') return closedWork(work, undefined);
  const { order } = work;
  const isDead = error.code === 'acme/invalid-authorization' || error.code === 'acme/invalid-order';
  // A key that the CA may have seen serves the next try, without the order.
  if (isDead || !order) return closedWork(work, undefined);
  if (order.url === undefined && !order.doubtful && !asked) return undefined;
  return closedWork(work, order);
}

const closedWork = (work: Work, order: Work['order']): Work => {
  const { lease: _given, order: _order, probe: _probe, thumbprint: _print, takenOver: _over, ...rest } = work;
  return { ...rest, challenges: [], ...(order ? { order } : {}) };
};

/** What a sweep removed is out of the journal; the work itself is left to be resumed, without a lease. */
export const swept = (facts: {
  /** Each tombstone that was looked at → as it is now, where its value could not be removed. */
  readonly looked: ReadonlyMap<Tombstone, Tombstone | undefined>;
  /** Journalled challenges that could not be removed, as tombstones. */
  readonly left: readonly Tombstone[];
  readonly now: Date;
}): Transition =>
  whileHeld('swept', (lineage) => {
    const { work, tombstones = [], ...rest } = lineage;
    const kept = tombstones.flatMap((stone) => {
      if (!facts.looked.has(stone)) return [stone];
      const stillThere = facts.looked.get(stone);
      return stillThere ? [stillThere] : afterLook(stone);
    });
    const stones = oneForEach([...kept, ...facts.left, ...lateStones(lineage, facts.left, facts.now)]);
    const resumable = unfinishedWork(lineage);
    return {
      ...rest,
      ...(stones.length > 0 ? { tombstones: stones } : {}),
      ...(resumable ? { work: sweptWork(resumable) } : {}),
    };
  });

/** The lineage goes: its keys and versions are gone, and what it owed is cleaned up or given up by a person. */
export const forgotten = (): Transition => whileHeld('forgotten', () => undefined);

function sweptWork(work: Work): Work {
  const { lease: _given, probe: _gone, ...rest } = work;
  return { ...rest, challenges: [] };
}

/** The tombstones whose time has come. */
export const dueStones = ({ tombstones = [] }: Lineage, now: Date): readonly Tombstone[] =>
  tombstones.filter((stone) => isDue(stone, now));

/**
 * Tombstones after a close: those still to be looked at, those whose removal just failed, and, where the work was taken
 * over from a process that may live, the closed challenges themselves.
 */
function tombstonesAfter(lineage: Held, left: readonly Tombstone[], now: Date): Pick<Lineage, 'tombstones'> {
  const stones = oneForEach([...(lineage.tombstones ?? []), ...lateStones(lineage, left, now), ...left]);
  return stones.length > 0 ? { tombstones: stones } : {};
}

const lateStones = ({ work, spec }: Held, left: readonly Tombstone[], now: Date): readonly Tombstone[] =>
  work.takenOver
    ? presentedIn(work)
        .filter((challenge) => !left.some(({ token }) => token === challenge.token))
        .map((challenge) => tombstoneOf(spec, challenge, now))
    : [];
