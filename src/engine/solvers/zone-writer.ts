import { createBatches } from '../../core/async/batches.ts';
import { createTurns } from '../../core/async/turns.ts';
import { type Removal, removalBy, watchWrites } from '../../core/async/writes.ts';
import { provesNothingWritten } from '../../core/ca/proofs.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import { neverArrived } from '../../core/errors/unsent.ts';
import type { Clock } from '../../ports/clock.ts';
import type {
  DnsProvider,
  DnsProviderTraits,
  DnsValue,
  SetChange,
  SetsProvider,
  TxtSet,
} from '../../ports/dns-provider.ts';

export interface ZoneWriterOptions {
  readonly provider: DnsProvider;
  readonly traits: DnsProviderTraits;
  readonly clock: Clock;
  /** Runs one change of a zone or name while no other process changes it. */
  readonly lock: Exclusively;
}

/** @param signal aborts the signal that `change` gets, which also aborts if the lock is lost */
export type Exclusively = <T>(
  resource: string,
  signal: AbortSignal,
  change: (signal: AbortSignal) => Promise<T>,
) => Promise<T>;

/** Adds and removes single values at a provider of either kind, however many callers there are. */
export interface ZoneWriter {
  add(value: DnsValue, signal: AbortSignal): Promise<string | undefined>;
  /** @param made what `add` returned */
  remove(value: DnsValue, made: string | undefined, signal: AbortSignal): Promise<Removal>;
}

/** How many times a batch is tried, because a set changed, or because another process took over. */
const mostTries = 5;

export function createZoneWriter(options: ZoneWriterOptions): ZoneWriter {
  const { provider, traits, clock, lock } = options;
  const slots = createTurns(traits.maxConcurrent);
  const pace = createPace(traits.perMinute, clock);
  // The lock covers only the change, never the wait until the servers have it.
  const exclusively: Exclusively = (resource, signal, change) => {
    const inSlot = (over: AbortSignal) => slots.run(() => change(over), over);
    return traits.writes === 'value' ? inSlot(signal) : lock(resource, signal, inSlot);
  };

  const calls = traits.keepsLast === undefined ? 2 : 1;
  if (provider.kind === 'sets') return createSetWriter(provider, traits, { exclusively, pace, calls });
  const changed = async <T>({ zone, name }: DnsValue, signal: AbortSignal, change: (s: AbortSignal) => Promise<T>) => {
    // Without a lock, the pace applies where the change begins: callers that wait for a slot would otherwise come in a
    // bunch.
    if (traits.writes === 'value')
      return slots.run(async () => {
        await pace(signal);
        return change(signal);
      }, signal);
    await pace(signal);
    return exclusively(traits.writes === 'zone' ? zone : name, signal, change);
  };
  const one = <T>(
    value: DnsValue,
    signal: AbortSignal,
    change: (own: AbortSignal, progress: Progress) => Promise<T>,
  ): Promise<T> =>
    changed(value, signal, async (over) => {
      const progress = createProgress(calls);
      try {
        return await progress.call((own) => change(own, progress), over);
      } catch (error) {
        throw progress.honest(error, value.name);
      }
    });
  return {
    add: (value, signal) => one(value, signal, (own) => provider.append(value, own)),
    remove: (value, made, signal) =>
      one(value, signal, async (own, progress) => {
        await provider.remove(value, made, own);
        // The response to an earlier call was lost, but that call may have removed the value.
        return progress.wrote === 'no' ? removalBy(own) : 'removed';
      }),
  };
}

/** What the calls for one change may have written. */
interface Progress {
  /** Calls the provider, and once more if the response to a write was lost, because a repeated call does no harm. */
  call<T>(change: (own: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Whether the calls wrote something, or may have. */
  readonly wrote: 'yes' | 'no' | 'unknown';
  /** Records that, according to what was read, the previous batch wrote none of these values. */
  untouched(): void;
  /**
   * Returns the error of a call, corrected: after a write, no error may say that nothing was written, because the
   * journal would lose the value.
   */
  honest(error: unknown, name: string): unknown;
}

/**
 * @param calls 1 if the service would store a value twice when it receives it twice
 * @param batch the progress of a refused write that included other names
 */
function createProgress(calls: 1 | 2, batch?: Progress): Progress {
  let wrote = false;
  let isUnknown = false;
  let ofBatch = batch?.wrote ?? 'no';
  return {
    get wrote() {
      return isUnknown ? 'unknown' : wrote ? 'yes' : 'no';
    },
    untouched() {
      // A write whose response was lost may still arrive.
      if (ofBatch === 'yes') ofBatch = 'no';
    },
    async call(change, signal) {
      for (let left = calls - 1; ; left -= 1) {
        const watch = watchWrites(signal);
        try {
          return await change(watch.signal);
        } catch (error) {
          wrote ||= watch.wrote;
          const isLost = watch.wrote && isFailure(error, 'dns/unreachable') && !neverArrived(error);
          isUnknown ||= isLost;
          if (left === 0 || !isLost) throw error;
        } finally {
          watch.done();
        }
      }
    },
    honest(error, name) {
      if ((!wrote && ofBatch === 'no') || !isFailure(error)) return error;
      const { code, message, retryAt } = error;
      if (!provesNothingWritten(error) && code !== 'dns/unreachable') return error;
      const reason = `${message}; something may have been written before that`;
      // The service was reached, so a hint about its address would mislead.
      const hint = code === 'dns/unreachable' ? undefined : error.hint.replace(/^Nothing was changed\. /, '');
      const options = { cause: error, retryAt, hint };
      return fail('dns/failed', { provider: 'the DNS provider', name, reason }, options);
    },
  };
}

interface Ask {
  readonly value: DnsValue;
  readonly isRemoval: boolean;
}

interface Commit {
  readonly zone: string;
  readonly resource: string;
  readonly asks: readonly Ask[];
  readonly progress: Progress;
}

interface Result {
  readonly error?: unknown;
  readonly removal?: Removal;
}

type Batched = (ask: Ask, signal: AbortSignal) => Promise<Result>;

/** Creates a writer that combines all concurrent requests for one zone or one name into one write. */
function createSetWriter(
  provider: SetsProvider,
  traits: DnsProviderTraits,
  {
    exclusively,
    pace,
    calls,
  }: {
    readonly exclusively: Exclusively;
    readonly pace: (signal: AbortSignal) => Promise<void>;
    readonly calls: 1 | 2;
  },
): ZoneWriter {
  const byResource = new Map<string, { readonly batched: Batched; callers: number }>();

  async function ask(value: DnsValue, isRemoval: boolean, signal: AbortSignal): Promise<Removal> {
    const resource = traits.writes === 'name' ? value.name : value.zone;
    const entry = byResource.get(resource) ?? { batched: batchesOf(value.zone, resource), callers: 0 };
    byResource.set(resource, entry);
    entry.callers += 1;
    try {
      const { error, removal } = await entry.batched({ value, isRemoval }, signal);
      if (error !== undefined) throw error;
      return removal;
    } finally {
      entry.callers -= 1;
      if (entry.callers === 0) byResource.delete(resource);
    }
  }

  const batchesOf = (zone: string, resource: string): Batched =>
    createBatches<Ask, Result>((asks, over) => commitOrEach(zone, resource, asks, over), pace);

  /**
   * Commits all requests in one write. A service that refuses one name refuses the whole write; in that case, each name
   * is tried alone. Resolves with the result of each request.
   */
  async function commitOrEach(
    zone: string,
    resource: string,
    asks: readonly Ask[],
    signal: AbortSignal,
  ): Promise<readonly Result[]> {
    const whole = createProgress(calls);
    const commitThese = (these: readonly Ask[], progress: Progress) =>
      commit({ zone, resource, asks: these, progress }, signal).then(
        (sets) => ({ sets }),
        (error: unknown) => ({ error }),
      );
    const all = await commitThese(asks, whole);
    if ('sets' in all) return asks.map((ask) => ({ removal: removalOf(ask, all.sets) }));
    const names = new Set(asks.map(({ value }) => value.name));
    if (names.size === 1 || !isFailure(all.error, 'dns/refused'))
      return asks.map(({ value }) => ({ error: whole.honest(all.error, value.name) }));
    const results = new Map<string, (ask: Ask) => Result>();
    for (const name of names) {
      const own = createProgress(calls, whole);
      const alone = await commitThese(
        asks.filter(({ value }) => value.name === name),
        own,
      );
      results.set(name, (ask) =>
        'sets' in alone ? { removal: removalOf(ask, alone.sets) } : { error: own.honest(alone.error, name) },
      );
    }
    return asks.map((ask) => results.get(ask.value.name)?.(ask) ?? {});
  }

  /**
   * Reads, merges and writes, and repeats that if a set changed in between, or another process took over. Resolves with
   * what it read.
   */
  async function commit(
    { zone, resource, asks, progress }: Commit,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, TxtSet> | undefined> {
    const names = [...new Set(asks.map(({ value }) => value.name))];
    for (let tries = 1; ; tries += 1) {
      try {
        return await exclusively(resource, signal, async (over) => {
          const sets = await provider.read?.(zone, names, over);
          const changes = names.map((name) => merged(name, sets?.get(name), asks));
          const needed = sets ? changes.filter(isNeeded) : changes;
          if (sets && traits.listLagMs === undefined && changes.every(isUntouched)) progress.untouched();
          if (needed.length > 0) await progress.call((own) => provider.write(zone, needed, own), over);
          return sets;
        });
      } catch (error) {
        if (tries === mostTries || signal.aborted || !isFailure(error, 'dns/conflict', 'store/lease-lost')) throw error;
      }
    }
  }

  return {
    async add(value, signal) {
      await ask(value, false, signal);
      return undefined;
    },
    remove: (value, _made, signal) => ask(value, true, signal),
  };
}

/** @param sets the sets before the write */
const removalOf = (
  { value: { name, value }, isRemoval }: Ask,
  sets: ReadonlyMap<string, TxtSet> | undefined,
): Removal => (isRemoval && sets ? (sets.get(name)?.values.includes(value) ? 'removed' : 'absent') : undefined);

/** Merges the requests into a set. Other programs' values stay, and so does the TTL that they gave the set. */
function merged(name: string, before: TxtSet | undefined, asks: readonly Ask[]): SetChange {
  const ours = asks.filter(({ value }) => value.name === name);
  // The last request for a value counts.
  const last = new Map(ours.map(({ value, isRemoval }) => [value.value, isRemoval]));
  const [add, remove] = [false, true].map((isRemoval) => [...last.keys()].filter((one) => last.get(one) === isRemoval));
  const kept = (before?.values ?? []).filter((one) => !last.has(one));
  const ttl = before?.ttl ?? Math.max(...ours.map(({ value }) => value.ttl));
  return { name, add: add!, remove: remove!, before, after: [...kept, ...add!], ttl };
}

const isNeeded = ({ before, after }: SetChange): boolean =>
  after.length !== (before?.values.length ?? 0) || after.some((one) => !before?.values.includes(one));

/** Reports whether no part of the change has been made yet. */
const isUntouched = ({ add, remove, before }: SetChange): boolean =>
  add.every((one) => !before?.values.includes(one)) && remove.every((one) => before?.values.includes(one));

const minuteMs = 60_000;

/** Returns a function that waits until another change is allowed. */
function createPace(perMinute: number | undefined, clock: Clock): (signal: AbortSignal) => Promise<void> {
  if (perMinute === undefined) return async () => {};
  let atMs: number[] = [];
  const oneByOne = createTurns(1);
  return (signal) =>
    oneByOne.run(async () => {
      const recent = (now: number) => atMs.filter((at) => at > now - minuteMs);
      atMs = recent(clock.monotonicMs());
      if (atMs.length >= perMinute) await clock.sleep(atMs[0]! + minuteMs - clock.monotonicMs(), signal);
      atMs = [...recent(clock.monotonicMs()), clock.monotonicMs()];
    }, signal);
}
