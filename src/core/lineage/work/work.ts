import { provesOrderDead } from '../../ca/proofs.ts';
import { type CertfleetError, fail, type RefusedName } from '../../errors/errors.ts';
import { cut } from '../../errors/remote-text.ts';
import { isRetried } from '../../plan/plan.ts';
import { joined } from '../../spec/joined.ts';
import { sameRequest, sameSpec } from '../../spec/same-spec.ts';
import type { StoredSpec } from '../../spec/spec.ts';
import type { Json } from '../../text/json.ts';
import { intended, type Sending, settingsOf, withSent } from '../deployments.ts';
import { hasWanted } from '../differences.ts';
import { failureAfter, failureBefore, forgiven, longestStored, type Means } from '../failure.ts';
import { afterOrder, recordsOf, withKept, withoutRefused } from '../kept-records.ts';
import {
  type Deployment,
  type ExportRecord,
  type Failure,
  isOnlyOwing,
  type JournalledChallenge,
  type KeptRecord,
  type LastRun,
  type Lease,
  type Lineage,
  type Renewal,
  type SettingsBefore,
  type Tombstone,
  unfinishedWork,
  type Version,
  type Work,
} from '../lineage.ts';
import { endOfRollback, renewalByLifetime } from '../renewal.ts';
import { type RevocationIntent, type RevocationReason, whyUnusable } from '../revocation.ts';
import {
  afterLook,
  isDue,
  isRule,
  leftAgain,
  oneForEach,
  owedBy,
  owesCleanup,
  type Presented,
  ruleStays,
  tombstoneOf,
} from '../tombstones.ts';

/**
 * Every change of a lineage's document, as a named pure function. The engine decides when, and passes facts (an order's
 * URL, receipts, a version, a failure); only this file builds documents. `mayFollow` says which change may follow
 * which, and the properties in work.test.ts say what must never happen, wherever a process is killed.
 */

/**
 * How far a lineage has come. From `begun` on, phases are listed in the order of the path; `interrupted` has no lease.
 */
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
      return 'begun';
    case 'order':
      return 'ordered';
    case 'challenges':
      return 'challenged';
    case 'deploy':
      return 'current';
    default: // `key`, `validate` and `finalize` are announced, and never written
      throw fail('bug/unexpected', { reason: `${lineage.name} has the step ${work.step}` });
  }
}

const inFlight = ['begun', 'ordered', 'challenged'] as const;
const held = ['bare', ...inFlight, 'current'] as const;

/** The phases from which each transition may start. Any other is a bug, and throws. */
const mayFollow = {
  // The lease. It can be taken from a dead holder, whatever the phase.
  begun: ['absent', 'idle', 'interrupted', ...held],
  leased: ['idle', 'interrupted', ...held],
  trialBegun: ['absent'],
  imported: ['absent', 'idle'],
  rebuilt: ['absent'],
  leftAlone: ['idle', 'interrupted', ...held],
  beaten: held,
  recordsKept: held,
  released: held,
  restored: held,
  // Towards a certificate.
  pastRemoved: ['begun', 'current'],
  overruled: inFlight,
  orderGivenUp: ['begun'],
  ordered: ['begun'],
  challengesIntended: ['begun', 'ordered'], // a resumed order begins anew in its own run
  receiptsKept: ['challenged'],
  presentFailed: ['challenged'],
  accountKeyChanged: inFlight,
  accountLost: inFlight,
  orderFailed: inFlight,
  certificateRefused: inFlight,
  namesDropped: inFlight,
  madeCurrent: inFlight,
  sent: ['current'],
  revocationMeant: held,
  revoked: held,
  revocationRefused: held,
  rolledBack: held,
  exported: held,
  exportFailed: held,
  // The end of a run.
  closed: ['current'],
  failed: [...inFlight, 'current'],
  stopped: [...inFlight, 'current'],
  swept: held,
  forgotten: held,
} as const satisfies Record<string, readonly Phase[]>;

export type TransitionName = keyof typeof mayFollow;

const change: unique symbol = Symbol('change');

/** One change of a lineage. Opaque: only the functions below make one, and only {@link after} applies it. */
export interface Transition {
  readonly name: TransitionName;
  readonly [change]: (lineage: Lineage | undefined) => Lineage | undefined;
}

/** The document after a transition; undefined means delete it. Fails with `bug/unexpected` outside the table. */
export function after(lineage: Lineage | undefined, transition: Transition): Lineage | undefined {
  const phase = phaseOf(lineage);
  if (!(mayFollow[transition.name] as readonly Phase[]).includes(phase))
    throw fail('bug/unexpected', {
      reason: `${transition.name} cannot follow ${phase} (${lineage?.name ?? 'no lineage'})`,
    });
  return transition[change](lineage);
}

/** A lineage whose lease is held, as the table guarantees. */
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
  /** The lease was taken from a holder that may be alive: its changes may still take effect. */
  readonly isDoubtful: boolean;
  readonly now: Date;
}

export interface Beginning extends Means {
  readonly wanted: StoredSpec;
  readonly origin: Lineage['origin'];
  /** `certificate`: order one, or resume an order; `delivery`: only deliver the current version. */
  readonly aim: 'certificate' | 'delivery';
  /** For a new version: `20261124-173001-k3f9ab`. */
  readonly newId: string;
  /** `wanted` was read from the store, so it is no change. */
  readonly isStored?: boolean;
}

/**
 * Step 2: the lease, the spec, and the intents of the probe and the order, in one write. The journal of an earlier run
 * stays; its order and key stay if the request is the same. `step` is this run's own: how far an earlier one came, its
 * order and its journal say. The probe's intent stays until the order's URL is written or the work ends: `ours`, this run may have made it;
 * `left`, an earlier one may have.
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
      ...(isFirst(lineage) ? { first: true } : {}),
    };
    const forDelivery: Pick<Work, 'step' | 'version' | 'parked'> = {
      step: 'deploy',
      version: lineage?.current?.id ?? facts.newId,
      ...(resumed ? parkedOf(resumed) : {}),
    };
    const mayOrder = !onlyDelivers || forDelivery.parked !== undefined;
    // Challenges of another spec are still journalled: keep that spec, whose solver can remove them.
    const keepsSpec = lineage !== undefined && owesCleanup(before) && !sameSpec(lineage.spec, wanted);
    const replaced = mayOrder ? settingsReplaced(facts, lineage, keepsSpec) : undefined;
    const work: Work = {
      ...(onlyDelivers ? forDelivery : forOrder),
      ...(replaced ? { before: replaced } : {}),
      lease: claim.lease,
      directory: wanted.issuer.directory,
      startedAt: claim.now.toISOString(),
      challenges: before?.challenges ?? [],
      ...(before?.thumbprint === undefined ? {} : { thumbprint: before.thumbprint }),
      ...(before?.accountUrl === undefined ? {} : { accountUrl: before.accountUrl }),
      ...(before?.probe ? { probe: 'left' } : onlyDelivers || facts.unusable ? {} : { probe: 'ours' }),
      ...(before?.takenOver || claim.isDoubtful ? { takenOver: true } : {}),
    };
    const stored: Omit<Lineage, 'origin' | 'spec' | 'deployments'> = lineage ?? { schema: 1, name: wanted.spec.name };
    const { failure: _before, givenBack: _again, settingsLost: _known, ...rest } = stored;
    const failure = forgiven(wanted, lineage, facts, claim.now);
    const targets = [wanted, ...(replaced ? [replaced.spec] : [])].flatMap(({ spec }) => [
      ...spec.deploy,
      ...spec.endpoints,
    ]);
    return {
      ...withRetired(rest, resumed ? [] : versionsOf(before)),
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

/**
 * The settings that a change by flags replaces: those of before the first one, if an earlier change is unfinished. They
 * are kept also by a change back to them, as long as the document keeps the settings of the change.
 */
function settingsReplaced(
  { wanted, origin, isStored }: Beginning,
  lineage: Lineage | undefined,
  keepsSpec: boolean,
): SettingsBefore | undefined {
  if (!lineage?.current || lineage.origin !== 'command-line' || origin !== 'command-line') return undefined;
  const { spec, credentials, failure } = lineage;
  const unfinished = unfinishedWork(lineage)?.before;
  // A run may have hooks of its own, and still changes nothing.
  if (!unfinished && isStored) return undefined;
  const before = unfinished ?? {
    spec,
    ...(credentials === undefined ? {} : { credentials }),
    ...(failure ? { failure } : {}),
  };
  return sameSpec(before.spec, wanted) && !keepsSpec ? undefined : before;
}

/** The versions that unfinished work is making, or has parked. */
const versionsOf = (work: Work | undefined): readonly string[] =>
  work ? [work.version, ...(work.parked ? [work.parked.version] : [])] : [];

/** Whether newOrder cannot have been sent for this lineage yet. A crash leaves its intent, a stop before it does not. */
const isFirst = (lineage: Lineage | undefined): boolean =>
  lineage === undefined || (lineage.work?.first === true && lineage.work.order === undefined);

/** Without a URL, the CA may have received newOrder and only the answer was lost. */
const doubted = (order: NonNullable<Work['order']>): NonNullable<Work['order']> =>
  order.url === undefined ? { ...order, doubtful: true } : order;

/** The order, and the id of its key, that a run which only delivers must leave alone. */
function parkedOf({ step, version, order, parked }: Work): Pick<Work, 'parked'> {
  if (step === 'deploy') return parked ? { parked } : {};
  return { parked: { version, ...(order ? { order } : {}) } };
}

/** A parked order as work that the next run can resume. */
const unparked = ({ parked, directory, startedAt, before }: Work): Work | undefined =>
  parked && { step: 'lease', directory, startedAt, challenges: [], ...(before ? { before } : {}), ...parked };

/** The lease alone, for a sweep: existing work stays, to be resumed later. */
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
    const doubtful = claim.isDoubtful ? { takenOver: true } : {};
    return { ...lineage, work: { ...(lineage.work ?? bare), lease: claim.lease, ...doubtful } };
  });

/**
 * The one value of a test of a DNS provider, journalled as a challenge of a first issue that never orders anything: a
 * sweep removes it, and then the document.
 */
export const trialBegun = (
  facts: { readonly wanted: StoredSpec; readonly thumbprint: string; readonly challenge: JournalledChallenge },
  claim: Claim,
): Transition => ({
  name: 'trialBegun',
  [change]: () => ({
    schema: 1,
    name: facts.wanted.spec.name,
    origin: 'command-line',
    spec: facts.wanted,
    deployments: {},
    work: {
      ...{ step: 'close', version: '', directory: '', first: true },
      lease: claim.lease,
      startedAt: claim.now.toISOString(),
      thumbprint: facts.thumbprint,
      challenges: [facts.challenge],
    },
  }),
});

/**
 * A version that another client got, without an order. A lineage that is already stored keeps its settings, and gets the
 * targets that it lacks.
 *
 * @param facts.has targets that already have the version
 */
export const imported = (facts: {
  readonly wanted: StoredSpec;
  readonly version: Version;
  readonly renewal: Renewal;
  readonly has: readonly string[];
  /** The configuration says where it goes. */
  readonly isDeclared?: boolean;
  readonly now: Date;
}): Transition => ({
  name: 'imported',
  [change]: (lineage) => {
    const { version, renewal, has, now } = facts;
    const fresh: Lineage = {
      schema: 1,
      name: facts.wanted.spec.name,
      origin: 'command-line',
      spec: facts.wanted,
      deployments: {},
    };
    const { failure: _before, givenBack: _again, settingsLost: _known, rolledBack, ...stored } = lineage ?? fresh;
    // An import that was undone left it as if the configuration had declared it.
    const before: Lineage = facts.isDeclared
      ? stored
      : { ...stored, origin: 'command-line', spec: joined(stored.spec, facts.wanted) };
    const { spec: wanted } = before;
    const isNew = before.current?.id !== version.id;
    const since = now.toISOString();
    const there = has.filter((target) => wanted.spec.deploy.includes(target));
    const delivered = there.map((target): [string, Deployment] => {
      const settings = settingsOf(wanted, target);
      return [
        target,
        { version: version.id, state: 'current', since, ...(settings === undefined ? {} : { settings }) },
      ];
    });
    return {
      ...withCurrent(before, version),
      ...(rolledBack && !isNew ? { rolledBack } : {}),
      renewal,
      deployments: { ...intended(before, wanted, version.id, now), ...Object.fromEntries(delivered) },
      last: { at: since, result: 'issued', version: version.id, message: 'it was taken over from another client' },
    };
  },
});

/** With this version as the current one. The one before becomes the previous one, and an older one is retired. */
function withCurrent(lineage: Lineage, version: Version): Lineage {
  const { current, previous } = lineage;
  if (!current || current.id === version.id) return { ...lineage, current: version };
  return withRetired({ ...lineage, current: version, previous: current }, previous ? [previous.id] : []);
}

type Retiring = Pick<Lineage, 'current' | 'previous' | 'retired'>;

/**
 * With these versions among those that are to be removed from the store. An import can bring back a version that was
 * retired, so the current and the previous one never stay among them.
 */
function withRetired<L extends Retiring>(lineage: L, ids: readonly string[]): L {
  const { retired: before = [], ...rest } = lineage;
  const needed = [lineage.current?.id, lineage.previous?.id];
  const retired = [...new Set([...before, ...ids])].filter((id) => !needed.includes(id));
  return (retired.length > 0 ? { ...rest, retired } : rest) as L;
}

/**
 * The document was lost, and its versions were not. How it is renewed is not known, so it is as if a configuration had
 * declared it: it is renewed once one does, or once it is issued again by flags.
 *
 * @param facts.versions those with their keys, the newest last
 */
export const rebuilt = (facts: {
  readonly wanted: StoredSpec;
  readonly versions: readonly Version[];
  readonly renewal: Renewal;
  readonly isDeclared: boolean;
  readonly now: Date;
}): Transition => ({
  name: 'rebuilt',
  [change]: () => {
    const { wanted, versions, renewal, isDeclared, now } = facts;
    const [current, previous] = [versions.at(-1), versions.at(-2)];
    if (!current) throw fail('bug/unexpected', { reason: `${wanted.spec.name} has no version` });
    return {
      schema: 1,
      name: wanted.spec.name,
      origin: 'configuration',
      spec: wanted,
      current,
      ...(previous ? { previous } : {}),
      renewal,
      ...(isDeclared ? {} : { settingsLost: true }),
      deployments: {},
      last: {
        at: now.toISOString(),
        result: 'issued',
        version: current.id,
        message: 'its document was lost, and was made again from this version',
      },
    };
  },
});

/**
 * Its target is another client's again, but the store has versions that only certfleet got: they are kept and shown, and
 * it is renewed no more. What was in progress, or had failed, is over; what it left in the outside world is for the next
 * sweep. Its holder, if it has one, must be dead.
 */
export const leftAlone = ({
  target,
  path,
  now,
}: {
  readonly target: string;
  /** The other client's folder. */
  readonly path: string;
  readonly now: Date;
}): Transition => ({
  name: 'leftAlone',
  [change]: (lineage) => {
    if (!lineage) return undefined;
    const { work: _over, failure: _failed, rolledBack: _back, tombstones = [], ...others } = lineage;
    const rest = withRetired(others, versionsOf(unfinishedWork(lineage)));
    const { spec, deployments } = rest;
    const without = <T>({ [target]: _gone, ...left }: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
      left as Readonly<Record<string, T>>;
    const owed = owedBy(lineage).map((presented) => tombstoneOf(spec, presented, now, -1));
    const stones = oneForEach([...tombstones, ...owed]);
    return {
      ...rest,
      ...(stones.length > 0 ? { tombstones: stones } : {}),
      // Not declared anywhere, so `renew` leaves it alone.
      origin: 'configuration',
      givenBack: { at: now.toISOString(), path },
      spec: {
        ...spec,
        spec: { ...spec.spec, deploy: spec.spec.deploy.filter((one) => one !== target) },
        deployers: without(spec.deployers),
      },
      deployments: without(deployments),
    };
  },
});

/** A sign of life: gives the document a new revision. */
export const beaten = (): Transition =>
  withWork('beaten', (work) => (work.lease ? { ...work, lease: { ...work.lease, beat: work.lease.beat + 1 } } : work));

/** Records of dns-persist-01 that are written beside an order, since the account gets another key. */
export const recordsKept = (records: readonly KeptRecord[]): Transition =>
  whileHeld('recordsKept', ({ kept, ...lineage }) => ({
    ...lineage,
    ...withKept({ ...(kept ? { kept } : {}) }, records),
  }));

/** Gives the lease back. Work that can be resumed stays. */
export const released = (): Transition =>
  whileHeld('released', (lineage) => {
    const { work, ...rest } = lineage;
    const { lease: _given, ...left } = work;
    return unfinishedWork(lineage) || isOnlyOwing(lineage) ? { ...rest, work: left } : rest;
  });

/** From a backup: the holder of the lease may be alive, but works on a store that is gone. */
export const restored = (): Transition =>
  whileHeld('restored', (lineage) => {
    const { work, ...rest } = lineage;
    const { lease: _of, ...left } = work;
    return unfinishedWork(lineage) || isOnlyOwing(lineage) ? { ...rest, work: { ...left, takenOver: true } } : rest;
  });

// --- Towards a certificate -------------------------------------------------------------------------------------------

/**
 * The challenges and the probe of an earlier run have been removed, except `left`. From here on, the document has today's spec, and
 * the probe, if there will be one, is this run's own.
 */
export const pastRemoved = (facts: {
  readonly wanted: StoredSpec;
  readonly left: readonly Tombstone[];
  readonly now: Date;
}): Transition =>
  whileHeld('pastRemoved', (lineage) => {
    const { probe: _removed, before, ...work } = lineage.work;
    return {
      ...lineage,
      spec: facts.wanted,
      ...tombstonesAfter(lineage, facts.left, facts.now),
      work: {
        ...work,
        // Nothing is changed any more if the settings are again those of before.
        ...(before && !sameSpec(before.spec, facts.wanted) ? { before } : {}),
        challenges: [],
        ...(work.step === 'deploy' ? {} : { probe: 'ours' }),
      },
    };
  });

/** A proven no of the preflight is overridden; it may be overridden again a day from `now`. */
export const overruled = (now: Date): Transition =>
  whileHeld('overruled', (lineage) => {
    const at = now.toISOString();
    const none = { count: 0, at, code: 'preflight/no', message: '', hint: '', retryAt: at };
    return { ...lineage, failure: { ...(lineage.failure ?? none), overruledAt: at } };
  });

/** A kept order is dead: removes its URL before newOrder, so that it is never taken for the new order's. */
export const orderGivenUp = (): Transition => withWork('orderGivenUp', (work) => ({ ...work, order: givenUp(work) }));

/** No order that is known; the CA may return an open one. */
const givenUp = (work: Pick<Work, 'order'>): NonNullable<Work['order']> => ({ doubtful: true, ...droppedBefore(work) });

const droppedBefore = ({ order }: Pick<Work, 'order'>): Pick<NonNullable<Work['order']>, 'dropped'> =>
  order?.dropped ? { dropped: order.dropped } : {};

/** Step 5c: the CA's URL for the order. A probe has been taken back before; a forward rule stays. */
export const ordered = (order: NonNullable<Work['order']> & { readonly url: string }): Transition =>
  withWork('ordered', ({ first: _ordered, ...work }, lineage) => ({
    ...withoutProbe(work, lineage.spec),
    step: 'order',
    order: { ...order, ...droppedBefore(work) },
  }));

/** After the preflight: a probe is gone, and a forward rule stays until the challenges are removed. */
function withoutProbe({ probe, ...work }: Work, spec: StoredSpec): Work {
  return probe !== undefined && ruleStays(spec) ? { ...work, probe } : work;
}

/** Step 6a: every challenge that is about to be presented, in one write. */
export const challengesIntended = (facts: {
  readonly thumbprint: string;
  readonly accountUrl: string;
  readonly challenges: readonly JournalledChallenge[];
}): Transition =>
  withWork('challengesIntended', (work, lineage) => {
    const { accountUrl: _earlier, ...rest } = withoutProbe(work, lineage.spec);
    return {
      ...rest,
      step: 'challenges',
      thumbprint: facts.thumbprint,
      ...(facts.challenges.some(({ type }) => type === 'dns-account-01') ? { accountUrl: facts.accountUrl } : {}),
      challenges: facts.challenges.map(({ type, identifier, token }) => ({
        type,
        identifier,
        ...(token === undefined ? {} : { token }),
      })),
    };
  });

/** Identifies a challenge within an order. */
export const challengeKey = ({ type, identifier }: Pick<JournalledChallenge, 'type' | 'identifier'>): string =>
  `${type} ${identifier}`;

/** With receipts in the journal; the records among them stay after the order. */
function withReceipts(lineage: Held, receipts: ReadonlyMap<string, Json>): Held {
  const { kept: _before, ...rest } = lineage;
  const challenges = lineage.work.challenges.map((challenge) => {
    const receipt = receipts.get(challengeKey(challenge));
    return receipt === undefined ? challenge : { ...challenge, receipt };
  });
  const fresh = challenges.filter((challenge) => receipts.has(challengeKey(challenge)));
  return { ...rest, ...withKept(lineage, recordsOf(fresh)), work: { ...lineage.work, challenges } };
}

/** Step 6c: the solvers' receipts, by {@link challengeKey}. */
export const receiptsKept = (receipts: ReadonlyMap<string, Json>): Transition =>
  whileHeld('receiptsKept', (lineage) => withReceipts(lineage, receipts));

/** Presenting a challenge failed. Keeps the receipts of the others, and drops refused ones, which need no clean-up. */
export const presentFailed = (receipts: ReadonlyMap<string, Json>, refused: ReadonlySet<string>): Transition =>
  whileHeld('presentFailed', (lineage) => {
    const noted = withReceipts(lineage, receipts);
    const { kept: _before, work, ...rest } = noted;
    const isRefused = (challenge: JournalledChallenge) => refused.has(challengeKey(challenge));
    return {
      ...rest,
      ...withoutRefused(noted, work.challenges.filter(isRefused)),
      work: { ...work, challenges: work.challenges.filter((challenge) => !isRefused(challenge)) },
    };
  });

/** What a run has removed before it starts over. */
interface Removed {
  readonly left: readonly Tombstone[];
  readonly now: Date;
}

const startedOver = (lineage: Held, { left, now }: Removed, order: Pick<Work, 'order'>): Lineage => {
  const { order: _before, ...work } = lineage.work;
  return {
    ...lineage,
    ...tombstonesAfter(lineage, left, now),
    work: { ...work, ...order, step: 'lease', challenges: [] },
  };
};

/** The account has another key: the run starts over with the same order, whose challenges have other answers now. */
export const accountKeyChanged = (facts: Removed): Transition =>
  whileHeld('accountKeyChanged', (lineage) => {
    const { order } = lineage.work;
    return startedOver(lineage, facts, order ? { order } : {});
  });

/** The account is gone, and its order with it: the run starts over with the same private key. */
export const accountLost = (facts: Removed): Transition =>
  whileHeld('accountLost', (lineage) => startedOver(lineage, facts, { order: droppedBefore(lineage.work) }));

/** An earlier run's order has failed, perhaps because its answers were removed: the run starts over as in {@link accountLost}. */
export const orderFailed = (facts: Removed): Transition =>
  whileHeld('orderFailed', (lineage) => startedOver(lineage, facts, { order: droppedBefore(lineage.work) }));

/** Some names were refused: their order is given up, and the next one, with the same private key, goes without them. */
export const namesDropped = (facts: Removed & { readonly dropped: readonly RefusedName[] }): Transition =>
  whileHeld('namesDropped', (lineage) => {
    const { dropped: before = [] } = droppedBefore(lineage.work);
    return startedOver(lineage, facts, { order: { dropped: [...before, ...facts.dropped] } });
  });

/** The certificate is not what was ordered. Drops the order, because downloading again would give the same one. */
export const certificateRefused = (): Transition => withWork('certificateRefused', ({ order: _over, ...work }) => work);

/** Step 11: makes a version the current one, with an intent for every target. */
export const madeCurrent = (facts: {
  readonly wanted: StoredSpec;
  readonly version: Version;
  readonly now: Date;
}): Transition =>
  whileHeld('madeCurrent', (lineage) => {
    const { version, wanted, now } = facts;
    const { order: _done, before: _replaced, ...work } = withoutProbe(lineage.work, wanted);
    const { rolledBack: _over, ...rest } = lineage;
    return {
      ...withCurrent(rest, version),
      renewal: renewalByLifetime(version),
      deployments: intended(lineage, wanted, version.id, now),
      work: { ...work, version: version.id, step: 'deploy' },
    };
  });

/** Step 12: what a deployer has sent to a target, before the target uses it. Only deployers with receipts need this. */
export const sent = ({ target, version, receipt, now }: Sending & { readonly now: Date }): Transition =>
  whileHeld('sent', (lineage) => ({
    ...lineage,
    deployments: {
      ...lineage.deployments,
      [target]: withSent(lineage.deployments[target], { version, receipt }, now),
    },
  }));

/**
 * Versions are about to be revoked. If their key is compromised, unfinished work gets a new version id, and with it a new
 * key: the stored one may be the same. Its order goes, because it may have been finalized with that key. A compromise that
 * was journalled before stays one.
 */
export const revocationMeant = (facts: {
  readonly versions: readonly string[];
  readonly reason: RevocationReason;
  readonly by: RevocationIntent['by'];
  /** The id for unfinished work. */
  readonly newId: string;
  readonly now: Date;
}): Transition =>
  whileHeld('revocationMeant', (lineage) => {
    const { versions, reason, by, newId, now } = facts;
    const isCompromised = reason === 'keyCompromise';
    const { current, previous, work, revoking = [] } = lineage;
    const intents = versions.map((version): RevocationIntent => {
      const before = revoking.find((one) => one.version === version);
      return before?.reason === 'keyCompromise' ? { ...before, by } : { version, reason, by, at: now.toISOString() };
    });
    const mark = (version: Version): Version =>
      isCompromised && versions.includes(version.id) ? { ...version, compromised: true } : version;
    const { parked } = work;
    const isUnfinished = work.step !== 'close' && work.step !== 'deploy';
    return {
      ...withRetired(lineage, isCompromised ? versionsOf(unfinishedWork(lineage)) : []),
      ...(current ? { current: mark(current) } : {}),
      ...(previous ? { previous: mark(previous) } : {}),
      revoking: [...revoking.filter(({ version }) => !versions.includes(version)), ...intents],
      work: isCompromised
        ? {
            ...work,
            ...(isUnfinished ? { version: newId, order: givenUp(work) } : {}),
            ...(parked ? { parked: { version: newId, order: givenUp(parked) } } : {}),
          }
        : work,
    };
  });

const withoutIntent = ({ revoking = [], ...lineage }: Held, id: string): Held => {
  const others = revoking.filter(({ version }) => version !== id);
  return { ...lineage, ...(others.length > 0 ? { revoking: others } : {}) };
};

/** A version is revoked at the CA. It keeps the reason that it had first, if it had been revoked `before`. */
export const revoked = (facts: {
  readonly version: string;
  readonly reason: RevocationReason;
  readonly when: 'now' | 'before';
  readonly now: Date;
}): Transition =>
  whileHeld('revoked', (lineage) => {
    const { version: id, reason, when, now } = facts;
    const mark = (version: Version): Version => {
      const stays = when === 'before' && version.revoked !== undefined;
      return version.id !== id || stays ? version : { ...version, revoked: { at: now.toISOString(), reason } };
    };
    const { current, previous } = lineage;
    return {
      ...withoutIntent(lineage, id),
      ...(current ? { current: mark(current) } : {}),
      ...(previous ? { previous: mark(previous) } : {}),
    };
  });

/** The CA has refused a revocation for good. */
export const revocationRefused = ({ version }: { readonly version: string }): Transition =>
  whileHeld('revocationRefused', (lineage) => withoutIntent(lineage, version));

/** A person goes back to the previous version; the current one takes its place. */
export const rolledBack = ({ wanted, now }: { readonly wanted: StoredSpec; readonly now: Date }): Transition =>
  whileHeld('rolledBack', (lineage) => {
    const { current, previous, work } = lineage;
    if (!current || !previous) throw fail('bug/unexpected', { reason: `${lineage.name} has no previous version` });
    const until = endOfRollback(previous.facts, lineage.renewal, now);
    return {
      ...lineage,
      current: previous,
      previous: current,
      renewal: { at: until, source: 'lifetime' },
      rolledBack: { at: now.toISOString(), until },
      deployments: intended(lineage, wanted, previous.id, now),
      work: work.step === 'deploy' ? { ...work, version: previous.id } : work,
      // The delivery that follows is no issue.
      last: { at: now.toISOString(), result: 'unchanged', version: previous.id, message: 'it was rolled back' },
    };
  });

/** How many exports a lineage remembers. */
const mostExports = 10;

/** The private key of a version is about to leave the store. */
export const exported = (record: ExportRecord): Transition =>
  whileHeld('exported', (lineage) => ({
    ...lineage,
    exports: [...(lineage.exports ?? []), record].slice(-mostExports),
  }));

/** It did not leave the store. */
export const exportFailed = ({ at, to }: ExportRecord): Transition =>
  whileHeld('exportFailed', ({ exports = [], ...lineage }) => {
    const others = exports.filter((one) => one.at !== at || one.to !== to);
    return { ...lineage, ...(others.length > 0 ? { exports: others } : {}) };
  });

// --- The end of a run ------------------------------------------------------------------------------------------------

/**
 * Step 14: removes lease and work, once every target has the current version or is pending. A parked order comes back.
 */
export const closed = (facts: {
  /** Undefined if no target was touched. */
  readonly deployments: Readonly<Record<string, Deployment>> | undefined;
  readonly renewal: Renewal | undefined;
  /** Retired versions that are still in the store. */
  readonly retired: readonly string[];
  readonly left: readonly Tombstone[];
  readonly last: LastRun;
  readonly now: Date;
}): Transition =>
  whileHeld('closed', (lineage) => {
    const { work, failure, retired: _removed, kept: _before, ...rest } = lineage;
    const isIssue = lineage.last?.version !== lineage.current?.id;
    const waiting = unparked(work);
    // The challenges of a parked order prove nothing: its new records may not be there, and the CA may read earlier ones.
    const { kept, stones } = waiting
      ? { kept: lineage.kept ?? [], stones: [] }
      : afterOrder(lineage, { work, spec: lineage.spec, now: facts.now });
    // A run that only delivered does not end the failure of an order, nor the CA's hold.
    const renewal = facts.renewal ?? lineage.renewal;
    const now = facts.now.toISOString();
    const isDue = !hasWanted(lineage, lineage.spec) || (renewal?.at ?? '') <= now;
    const stands = !isIssue && failure && (waiting || isDue || (failure.holdUntil ?? '') > now);
    return {
      ...rest,
      ...tombstonesAfter(lineage, [...facts.left, ...stones], facts.now),
      ...(kept.length > 0 ? { kept } : {}),
      ...(stands ? { failure } : {}),
      ...(waiting ? { work: waiting } : {}),
      ...(renewal ? { renewal } : {}),
      ...(facts.deployments ? { deployments: facts.deployments } : {}),
      ...(facts.retired.length > 0 ? { retired: facts.retired } : {}),
      last: facts.last,
    };
  });

/**
 * The run failed. Remembers the back-off, the CA's hold, and the order if it may be alive. If there never was an order,
 * the document is deleted, so that a typo is not retried for ever; what could not be removed stays for the sweep.
 *
 * A certificate that is still usable keeps the settings that it was issued with, and one that is not due waits for its
 * renewal time: the work is given up.
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
    const failure = failureAfter(lineage, error, now);
    const back = settingsAfterFailure(lineage, failure, now);
    const resumable = workAfterFailure(lineage.work, error, facts.asked);
    const isGivenUp = back !== undefined || !isToRetry(lineage, failure, now);
    const work = isGivenUp ? undefined : resumable;
    const stones = tombstonesAfter(lineage, facts.left, now);
    const { work: over, failure: _before, credentials, ...rest } = lineage;
    if (lineage.origin === 'command-line' && over.first && !work)
      return (
        stones.tombstones && {
          ...rest,
          ...stones,
          work: { ...closedWork(over, undefined), step: 'close', version: '' },
        }
      );
    const settings = { ...(credentials === undefined ? {} : { credentials }), failure };
    return {
      ...withRetired(rest, resumable && isGivenUp ? versionsOf(over) : []),
      ...stones,
      ...(work ? { work } : {}),
      ...(back ?? settings),
      last: {
        at: now.toISOString(),
        result: 'failed',
        ...lastVersion(lineage),
        code: error.code,
        message: cut(error.message, longestStored),
        hint: cut(error.hint, longestStored),
      },
    };
  });

/** The caller aborted. Everything is kept for the next run, and it does not count as a failure. */
export const stopped = (facts: {
  /** Whether newOrder may have reached the CA. */
  readonly asked: boolean;
  readonly left: readonly Tombstone[];
  readonly now: Date;
}): Transition =>
  whileHeld('stopped', (lineage) => {
    const { work, ...rest } = lineage;
    return {
      ...rest,
      ...tombstonesAfter(lineage, facts.left, facts.now),
      work: closedWork(work, mayExist(work.order, facts.asked) ? work.order : undefined),
      last: {
        at: facts.now.toISOString(),
        result: 'stopped',
        ...lastVersion(lineage),
        message: 'it was stopped; the next run continues where it stopped',
      },
    };
  });

/** The version already reported as issued; a later run that only delivers must not report it again. */
const lastVersion = ({ last }: Lineage) => (last?.version === undefined ? {} : { version: last.version });

/** The settings of before a change that failed, if the certificate is usable and is as they ask for. */
function settingsAfterFailure(lineage: Held, failure: Failure, now: Date): SettingsBefore | undefined {
  const { current, work } = lineage;
  const { before } = work;
  if (!before || !current || work.step === 'deploy') return undefined;
  if (whyUnusable(lineage, current, now) !== undefined || !hasWanted(lineage, before.spec)) return undefined;
  const { failure: _earlier, ...settings } = before;
  const left = failureBefore(before, { ...lineage, failure }, now);
  return { ...settings, ...(left ? { failure: left } : {}) };
}

/** Whether `renew` makes another try before the renewal time, or there is none. */
const isToRetry = ({ work, ...lineage }: Held, failure: Failure, now: Date): boolean =>
  work.step === 'deploy' || isRetried(lineage.spec, lineage, failure, now);

/** The work to resume after a failure; undefined if newOrder was never sent. */
function workAfterFailure(held: Work, error: CertfleetError, asked: boolean): Work | undefined {
  if (held.step === 'deploy') return closedWork(held, undefined);
  const { before: _replaced, ...work } = held;
  const { order } = work;
  // The next try uses the same key, but not the dead order.
  if (provesOrderDead(error) || !order) return closedWork(work, undefined);
  return mayExist(order, asked) ? closedWork(work, order) : undefined;
}

/** Whether the next run goes on with the work, and so with its private key, after a failure. */
export const isResumedAfter = (work: Work, error: CertfleetError, asked: boolean): boolean =>
  workAfterFailure(work, error, asked) !== undefined;

/** Whether the CA may have the order. */
const mayExist = (order: Work['order'], asked: boolean): boolean =>
  order?.url !== undefined || order?.doubtful === true || asked;

const closedWork = (work: Work, order: Work['order']): Work => {
  const { lease: _given, order: _order, probe: _probe, ...others } = work;
  const { thumbprint: _print, accountUrl: _url, takenOver: _over, ...rest } = others;
  return { ...rest, challenges: [], ...(order ? { order } : {}) };
};

/** Takes what a sweep removed out of the journal, and gives the lease back. The work itself is left to be resumed. */
export const swept = (facts: {
  /** Each tombstone that was checked, and its successor if the value could not be removed. */
  readonly looked: ReadonlyMap<Tombstone, Tombstone | undefined>;
  /** Journalled challenges that could not be removed, as tombstones. */
  readonly left: readonly Tombstone[];
  /** After superseded versions have been removed from the targets. */
  readonly deployments?: Readonly<Record<string, Deployment>>;
  readonly now: Date;
}): Transition =>
  whileHeld('swept', (lineage) => {
    const { work, tombstones = [], ...rest } = lineage;
    const kept = tombstones.flatMap((stone) => {
      if (!facts.looked.has(stone)) return [stone];
      const stillThere = facts.looked.get(stone);
      return stillThere ? [leftAgain(stone, stillThere)] : afterLook(stone, facts.now);
    });
    const stones = oneForEach([...kept, ...closedStones(lineage, facts.left, facts.now)]);
    if (isOnlyOwing(lineage) && stones.length === 0) return undefined;
    const isKept = unfinishedWork(lineage) || isOnlyOwing(lineage);
    return {
      ...rest,
      ...(facts.deployments ? { deployments: facts.deployments } : {}),
      ...(stones.length > 0 ? { tombstones: stones } : {}),
      ...(isKept ? { work: sweptWork(work) } : {}),
    };
  });

/**
 * Deletes the lineage, after its keys, versions and challenges. If a removal may have missed something, the document stays for
 * the sweep alone.
 */
export const forgotten = (unsure: readonly Tombstone[] = []): Transition =>
  whileHeld('forgotten', ({ schema, name, origin, spec, work: { directory, startedAt } }) =>
    unsure.length === 0
      ? undefined
      : {
          ...{ schema, name, origin, spec, deployments: {}, tombstones: oneForEach(unsure) },
          work: { step: 'close', version: '', directory, startedAt, challenges: [], first: true },
        },
  );

function sweptWork(work: Work): Work {
  const { lease: _given, probe: _gone, ...rest } = work;
  return { ...rest, challenges: [] };
}

/** The tombstones that are due for a check. */
export const dueStones = ({ tombstones = [] }: Lineage, now: Date): readonly Tombstone[] =>
  tombstones.filter((stone) => isDue(stone, now));

/**
 * Tombstones after a close: those still to be checked, those whose removal just failed, and, if the work was taken over
 * from a process that may be alive, all closed challenges.
 */
function tombstonesAfter(lineage: Held, left: readonly Tombstone[], now: Date): Pick<Lineage, 'tombstones'> {
  const stones = oneForEach([...(lineage.tombstones ?? []), ...closedStones(lineage, left, now)]);
  return stones.length > 0 ? { tombstones: stones } : {};
}

const closedStones = ({ name, work, spec }: Held, left: readonly Tombstone[], now: Date): readonly Tombstone[] =>
  work.takenOver
    ? oneForEach([...mayComeLate({ name, work, spec }).map((presented) => tombstoneOf(spec, presented, now)), ...left])
    : left;

/** What another process may still add: challenges, and a forward rule; a probe file would do no harm. */
const mayComeLate = (lineage: Pick<Lineage, 'name' | 'work' | 'spec'>): readonly Presented[] =>
  owedBy(lineage).filter((one) => !one.probe || isRule(one, lineage.spec));
