import { type CertfleetError, fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import type { DeliveryResult } from '../../core/lineage/deployments.ts';
import type { Deployment } from '../../core/lineage/lineage.ts';
import { isUnderWay, keptPlaces, placesText, stuckPlaces } from '../../core/lineage/places.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Look, VersionBundle } from '../../ports/deployer.ts';
import { nameOf } from '../run/run.ts';
import { waitFor } from '../run/wait.ts';
import { type Courier, callsTo, type Destination } from './calls-to-target.ts';
import { shareReload } from './shared-reload.ts';

/** How to deliver, and what the document says about the target. */
interface Facts extends Destination {
  /** Deliver even if the target has the version. A target that rolls versions out is still looked at first. */
  readonly again: boolean;
  /** Do not wait for other certificates, to share a reload with them. */
  readonly alone: boolean;
  readonly before: Deployment | undefined;
}

/**
 * Delivers a version to one target, within its deadline. Resolves with the error, if any.
 *
 * A target that rolls versions out for a while (`settleMs`) is looked at without a lock, before and after.
 */
export async function carry(run: Courier, version: VersionBundle, facts: Facts): Promise<DeliveryResult> {
  try {
    return facts.deployer.settleMs === undefined
      ? await carryAtOnce(run, version, facts)
      : await carryAndFollow(run, version, facts, facts.deployer.settleMs);
  } catch (error) {
    run.signal.throwIfAborted();
    return { error: targetError(run, facts.target, error) };
  }
}

async function carryAtOnce(run: Courier, version: VersionBundle, facts: Facts): Promise<DeliveryResult> {
  const { again, alone, deployer } = facts;
  if (deployer.activateTogether && !alone) await shareReload(run, version, facts);
  else await callsTo(run, version, facts).deliver(again);
  return {};
}

async function carryAndFollow(
  run: Courier,
  version: VersionBundle,
  facts: Facts,
  settleMs: number,
): Promise<DeliveryResult> {
  const { clock } = run.engine;
  const { target } = facts;
  const certificate = nameOf(run);
  const before = facts.before?.version === version.id ? facts.before : undefined;
  const { look, deliver, leftMs } = callsTo(run, version, facts);
  const first = await look();
  if (first.state === 'current') return withPlaces(first, present({ settlesUntil: before?.settlesUntil }));
  // The pause before the next try gives the target, and a person, time to mend it.
  if (before && hasFailedToSettle(before, first))
    return withPlaces(first, {
      error: notThere({ target, certificate, seen: first, failure: undefined }),
      ...present({ settlesUntil: before.settlesUntil }),
    });
  /** The places that are rolling out another change, and take this version only afterwards. */
  const busy = new Set(changingIn(first).filter((place) => !before || !wasRollingOut(before, place)));
  let settlesUntil = untilOf(before, clock.now(), settleMs);
  let failure: CertfleetError | undefined;
  const bring = async (seen: Look) => {
    settlesUntil = untilOf(undefined, clock.now(), settleMs);
    await deliver(true).catch((error: unknown) => {
      run.signal.throwIfAborted();
      // Other places may have the version, so a look says which of them failed, and why.
      if (!seen.places || seen.places.total === 0 || !isFailure(error, 'deploy/target-failed')) throw error;
      failure = error;
    });
  };
  /** Looks, and brings the version to the places that are no longer busy. */
  const lookAgain = async () => {
    const seen = await look();
    const freed = [...busy].filter((place) => !changingIn(seen).includes(place));
    for (const place of freed) busy.delete(place);
    if (!seen.places?.lacking.some(({ place }) => freed.includes(place))) return seen;
    await bring(seen);
    return look();
  };
  const isNew = first.state !== 'changing';
  if (isNew) await bring(first);
  const failed = failure;
  const seen = failed && (await look().catch(() => undefined));
  if (failed && !seen) throw failed;
  const budget = { budgetMs: leftMs(), signal: run.signal };
  const last = seen ?? (isNew || busy.size > 0 ? await follow(clock, lookAgain, budget) : first);
  if (last.state === 'current') return withPlaces(last, { settlesUntil });
  const shown = withBusy(last, busy);
  if (last.state !== 'changing')
    return withPlaces(shown, { error: notThere({ target, certificate, seen: shown, failure }), settlesUntil });
  const words = { target, certificate, detail: shown.detail, until: settlesUntil };
  const isLate = Date.parse(settlesUntil) <= clock.now().getTime();
  const result = isLate ? { error: fail('deploy/not-settled', words) } : { settling: fail('deploy/settling', words) };
  return withPlaces(shown, { ...result, settlesUntil });
}

/** Until when a roll-out may take: one that earlier runs have seen, or one that begins now. */
function untilOf(before: Deployment | undefined, now: Date, settleMs: number): string {
  const isSeen = before?.state === 'pending' && (before.places?.named.some(isUnderWay) ?? false);
  const began = isSeen ? new Date(before.since) : now;
  return (isSeen ? before.settlesUntil : undefined) ?? new Date(began.getTime() + settleMs).toISOString();
}

/**
 * Reports whether a target that was rolling this version out has given it up. A place that was not changing, such as a
 * new one, or one that was busy, has not.
 */
function hasFailedToSettle(before: Deployment, { state, places: now }: Look): boolean {
  if (before.code !== 'deploy/settling' || state === 'changing') return false;
  if (!now || !before.places) return true;
  return now.lacking.some((one) => one.state !== 'changing' && wasRollingOut(before, one.place));
}

/** Reports whether a place was rolling this version out when an earlier run looked. */
function wasRollingOut({ state, places }: Deployment, place: string): boolean {
  if (state !== 'pending' || !places) return false;
  const known = places.named.find((one) => one.place === place);
  if (known) return known.state === 'changing';
  // Not all are known by name; those that roll it out come last.
  return places.lacking > places.named.length && places.named.at(-1)?.state === 'changing';
}

const changingIn = ({ places }: Look): readonly string[] =>
  (places?.lacking ?? []).filter(({ state }) => state === 'changing').map(({ place }) => place);

/** Marks the places that are rolling out another change. */
function withBusy(seen: Look, busy: ReadonlySet<string>): Look {
  if (!seen.places || busy.size === 0) return seen;
  const reason = 'it is still rolling out another change, and `certfleet renew` sets this version after that';
  const lacking = seen.places.lacking.map((one) =>
    one.state === 'changing' && busy.has(one.place) ? { ...one, state: 'busy' as const, reason } : one,
  );
  const places = { ...seen.places, lacking };
  return { ...seen, detail: placesText(places), places };
}

const withPlaces = ({ places }: Look, result: DeliveryResult): DeliveryResult => ({
  ...result,
  ...present({ places: places && keptPlaces(places) }),
});

function notThere({
  target,
  certificate,
  seen: { places, detail },
  failure,
}: {
  readonly target: string;
  readonly certificate: string;
  readonly seen: Look;
  /** Why the delivery failed, if it did. */
  readonly failure: CertfleetError | undefined;
}): CertfleetError {
  if (!places) return fail('deploy/target-failed', { target, certificate, reason: detail });
  const [missing, { total }] = [stuckPlaces(places), places];
  const text = placesText(places);
  const reason = failure ? reasonOf(failure.cause ?? failure) : '';
  // An upload that failed is the reason at no single place.
  const isTold = text.includes(reason) || reason.includes(text);
  const words = { target, certificate, missing, total, places: isTold ? text : `${text}: ${reason}` };
  return fail('deploy/places-missing', words, { cause: failure });
}

/** Looks until the target is no longer changing, or the time is up. */
async function follow(
  clock: Clock,
  look: () => Promise<Look>,
  { budgetMs, signal }: { readonly budgetMs: number; readonly signal: AbortSignal },
): Promise<Look> {
  const waited = await waitFor<Look>(clock, { budgetMs, firstMs: 1_000, mostMs: 15_000, signal }, async () => {
    const seen = await look();
    return seen.state === 'changing' ? { reason: seen.detail, seen } : { done: seen };
  });
  return 'value' in waited ? waited.value : waited.seen!;
}

export const targetError = (run: Pick<Courier, 'job'>, target: string, error: unknown): CertfleetError =>
  isFailure(error, 'deploy/')
    ? error
    : fail('deploy/target-failed', { target, certificate: nameOf(run), reason: reasonOf(error) }, { cause: error });
