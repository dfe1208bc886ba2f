import type { RefusedName } from '../../errors/errors.ts';
import { sameSpec } from '../../spec/same-spec.ts';
import type { StoredSpec } from '../../spec/spec.ts';
import type { Json } from '../../text/json.ts';
import { present } from '../../text/present.ts';
import { recordsOf, withKept, withoutRefused } from '../kept-records.ts';
import type { JournalledChallenge, KeptRecord, Lineage, Tombstone, Work } from '../lineage.ts';
import { probeIntent } from '../tombstones.ts';
import { droppedBefore, givenUp, tombstonesAfter, withNewVersion, withoutProbe } from './parts.ts';
import { type Held, type Transition, whileHeld, withWork } from './transition.ts';

/** Stores dns-persist-01 records that are written outside an order, because the account's key changes. */
export const recordsKept = (records: readonly KeptRecord[]): Transition =>
  whileHeld('recordsKept', ({ kept, ...lineage }) => ({
    ...lineage,
    ...withKept(present({ kept }), records),
  }));

/**
 * Records that the challenges and the probe of an earlier run have been removed, except `left`. From here on, the
 * document has today's spec, and the probe, if there will be one, is this run's own.
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
        // After a change back to the earlier settings, there is nothing to undo.
        before: before && !sameSpec(before.spec, facts.wanted) ? before : undefined,
        challenges: [],
        probe: work.step === 'deploy' ? undefined : probeIntent(facts.wanted),
      },
    };
  });

/** Overrides a definite "no" of the preflight. The next override is possible a day from `now`. */
export const overruled = (now: Date): Transition =>
  whileHeld('overruled', (lineage) => {
    const at = now.toISOString();
    const none = { count: 0, at, code: 'preflight/no', message: '', hint: '', retryAt: at };
    return { ...lineage, failure: { ...(lineage.failure ?? none), overruledAt: at } };
  });

/**
 * Gives up a dead order: removes its URL before newOrder, so that it is never mistaken for the new order's.
 *
 * @param newId of another version, if the CA may have issued a certificate for this one
 */
export const orderGivenUp = (newId?: string): Transition =>
  whileHeld('orderGivenUp', (lineage) => {
    const next = newId === undefined ? lineage : withNewVersion(lineage, newId);
    return { ...next, work: { ...next.work, order: givenUp(lineage.work) } };
  });

/** Stores until when a rate limit refuses an order without `replaces`, which an open order forbids. */
export const orderLimited = (limited: { readonly until: string; readonly detail: string }): Transition =>
  withWork('orderLimited', (work) => ({ ...work, order: { ...work.order, limited } }));

/** Step 5c: stores the order's URL. A probe has already been removed; a forward rule stays. */
export const ordered = (order: NonNullable<Work['order']> & { readonly url: string }): Transition =>
  withWork('ordered', ({ first: _ordered, ...work }, lineage) => ({
    ...withoutProbe(work, lineage.spec),
    step: 'order',
    order: { ...order, ...droppedBefore(work) },
  }));

/** Step 6a: journals every challenge that is about to be presented, in one write. */
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
      accountUrl: facts.challenges.some(({ type }) => type === 'dns-account-01') ? facts.accountUrl : undefined,
      challenges: facts.challenges.map(({ type, identifier, token }) => ({
        type,
        identifier,
        ...present({ token }),
      })),
    };
  });

/** Identifies a challenge within an order. */
export const challengeKey = ({ type, identifier }: Pick<JournalledChallenge, 'type' | 'identifier'>): string =>
  `${type} ${identifier}`;

/** Adds receipts to the journal. The records among them outlive the order. */
function withReceipts(lineage: Held, receipts: ReadonlyMap<string, Json>): Held {
  const { kept: _before, ...rest } = lineage;
  const challenges = lineage.work.challenges.map((challenge) => {
    const receipt = receipts.get(challengeKey(challenge));
    return receipt === undefined ? challenge : { ...challenge, receipt };
  });
  const fresh = challenges.filter((challenge) => receipts.has(challengeKey(challenge)));
  return { ...rest, ...withKept(lineage, recordsOf(fresh)), work: { ...lineage.work, challenges } };
}

/** Step 6c: stores the solvers' receipts, by {@link challengeKey}. */
export const receiptsKept = (receipts: ReadonlyMap<string, Json>): Transition =>
  whileHeld('receiptsKept', (lineage) => withReceipts(lineage, receipts));

/**
 * Records that presenting a challenge failed. Keeps the receipts of the others, and drops refused ones, which need no
 * clean-up.
 */
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

/** What could not be removed before a run starts over. */
interface Removed {
  readonly left: readonly Tombstone[];
  readonly now: Date;
}

const startedOver = (lineage: Held, { left, now }: Removed, order: Pick<Work, 'order'>): Lineage => {
  const { order: _before, ...work } = lineage.work;
  return {
    ...lineage,
    ...tombstonesAfter(lineage, left, now),
    // The run may prepare again: the probe of before newOrder is gone, and its intent with it.
    work: { ...work, ...order, step: 'lease', challenges: [], probe: probeIntent(lineage.spec) },
  };
};

/** Starts over after a change of the account's key, with the same order, whose challenges now have other answers. */
export const accountKeyChanged = (facts: Removed): Transition =>
  whileHeld('accountKeyChanged', (lineage) => {
    const { order } = lineage.work;
    return startedOver(lineage, facts, order ? { order } : {});
  });

/**
 * The account is gone, and its order with it. The run starts over with the same private key, or with another one, as in
 * {@link orderGivenUp}.
 */
export const accountLost = ({ newId, ...removed }: Removed & { readonly newId?: string | undefined }): Transition =>
  whileHeld('accountLost', (lineage) => {
    const next = newId === undefined ? lineage : withNewVersion(lineage, newId);
    return startedOver(next, removed, { order: droppedBefore(lineage.work) });
  });

/**
 * An earlier run's order has failed, perhaps because its answers were removed. The run starts over with the same private
 * key.
 */
export const orderFailed = (facts: Removed): Transition =>
  whileHeld('orderFailed', (lineage) => startedOver(lineage, facts, { order: droppedBefore(lineage.work) }));

/** Some names were refused. Their order is given up, and the next one, with the same private key, omits them. */
export const namesDropped = (facts: Removed & { readonly dropped: readonly RefusedName[] }): Transition =>
  whileHeld('namesDropped', (lineage) => {
    const { dropped: before = [] } = droppedBefore(lineage.work);
    return startedOver(lineage, facts, { order: { dropped: [...before, ...facts.dropped] } });
  });

/**
 * The issued certificate does not match the order. Drops the order and its version, because another download would
 * return the same certificate.
 */
export const certificateRefused = (newId: string): Transition =>
  whileHeld('certificateRefused', (lineage) => {
    const { work, ...rest } = withNewVersion(lineage, newId);
    const { order: _over, ...left } = work;
    return { ...rest, work: left };
  });
