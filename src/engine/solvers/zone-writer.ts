import { createBatches } from '../../core/batches.ts';
import { isFailure } from '../../core/errors.ts';
import { createTurns } from '../../core/turns.ts';
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
  /** Makes one change of a zone or name while no other process does. */
  readonly lock: Exclusively;
}

/** @param signal the one that `change` gets aborts with it, and if the lock is lost */
export type Exclusively = <T>(
  resource: string,
  signal: AbortSignal,
  change: (signal: AbortSignal) => Promise<T>,
) => Promise<T>;

/** Adds and removes single values at a provider of either kind, however many callers there are. */
export interface ZoneWriter {
  add(value: DnsValue, signal: AbortSignal): Promise<string | undefined>;
  /** @param made what `add` returned */
  remove(value: DnsValue, made: string | undefined, signal: AbortSignal): Promise<void>;
}

/** How many times a batch is made again because a set changed, or because another process took over. */
const mostTries = 5;

export function createZoneWriter(options: ZoneWriterOptions): ZoneWriter {
  const { provider, traits, clock, lock } = options;
  const slots = createTurns(traits.maxConcurrent);
  const pace = createPace(traits.perMinute, clock);
  // The lock covers the change alone, never the wait until the servers have it.
  const exclusively: Exclusively = (resource, signal, change) => {
    const inSlot = (over: AbortSignal) => slots.run(() => change(over), over);
    return traits.writes === 'value' ? inSlot(signal) : lock(resource, signal, inSlot);
  };

  if (provider.kind === 'sets') return createSetWriter(provider, traits, { exclusively, pace });
  const changed = async <T>({ zone, name }: DnsValue, signal: AbortSignal, change: (s: AbortSignal) => Promise<T>) => {
    // Without a lock, the pace is kept where the change begins: those that wait for a slot would come in a bunch.
    if (traits.writes === 'value')
      return slots.run(async () => {
        await pace(signal);
        return change(signal);
      }, signal);
    await pace(signal);
    return exclusively(traits.writes === 'zone' ? zone : name, signal, change);
  };
  return {
    add: (value, signal) => changed(value, signal, (over) => provider.append(value, over)),
    remove: (value, made, signal) => changed(value, signal, (over) => provider.remove(value, made, over)),
  };
}

interface Ask {
  readonly value: DnsValue;
  readonly isRemoval: boolean;
}

type Batched = (ask: Ask, signal: AbortSignal) => Promise<unknown>;

/** Everything that is asked for at the same time, of one zone or of one name, becomes one write. */
function createSetWriter(
  provider: SetsProvider,
  traits: DnsProviderTraits,
  { exclusively, pace }: { readonly exclusively: Exclusively; readonly pace: (signal: AbortSignal) => Promise<void> },
): ZoneWriter {
  const byResource = new Map<string, { readonly batched: Batched; callers: number }>();

  async function ask(value: DnsValue, isRemoval: boolean, signal: AbortSignal): Promise<void> {
    const resource = traits.writes === 'name' ? value.name : value.zone;
    const entry = byResource.get(resource) ?? { batched: batchesOf(value.zone, resource), callers: 0 };
    byResource.set(resource, entry);
    entry.callers += 1;
    try {
      const error = await entry.batched({ value, isRemoval }, signal);
      if (error !== undefined) throw error;
    } finally {
      entry.callers -= 1;
      if (entry.callers === 0) byResource.delete(resource);
    }
  }

  const batchesOf = (zone: string, resource: string): Batched =>
    createBatches<Ask, unknown>((asks, over) => commitOrEach(zone, resource, asks, over), pace);

  /**
   * A service that refuses one name refuses the whole write, so the names are then tried alone. Resolves with the error
   * of each, or undefined.
   */
  async function commitOrEach(
    zone: string,
    resource: string,
    asks: readonly Ask[],
    signal: AbortSignal,
  ): Promise<readonly unknown[]> {
    const commitThese = (these: readonly Ask[]) =>
      commit(zone, resource, these, signal).then(
        () => undefined,
        (error: unknown) => error,
      );
    const error = await commitThese(asks);
    const names = new Set(asks.map(({ value }) => value.name));
    if (names.size === 1 || !isFailure(error, 'dns/refused')) return asks.map(() => error);
    const errors = new Map<string, unknown>();
    for (const name of names) errors.set(name, await commitThese(asks.filter(({ value }) => value.name === name)));
    return asks.map(({ value }) => errors.get(value.name));
  }

  /** Reads, merges and writes; again if a set changed in between, or another process took over. */
  async function commit(zone: string, resource: string, asks: readonly Ask[], signal: AbortSignal): Promise<void> {
    const names = [...new Set(asks.map(({ value }) => value.name))];
    for (let tries = 1; ; tries += 1) {
      try {
        return await exclusively(resource, signal, async (over) => {
          const sets = await provider.read?.(zone, names, over);
          const changes = names.map((name) => merged(name, sets?.get(name), asks));
          const needed = sets ? changes.filter(isNeeded) : changes;
          if (needed.length > 0) await provider.write(zone, needed, over);
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

/** The values of other programs stay, and so does the TTL that they gave the set. */
function merged(name: string, before: TxtSet | undefined, asks: readonly Ask[]): SetChange {
  const ours = asks.filter(({ value }) => value.name === name);
  // The last word on a value counts.
  const last = new Map(ours.map(({ value, isRemoval }) => [value.value, isRemoval]));
  const [add, remove] = [false, true].map((isRemoval) => [...last.keys()].filter((one) => last.get(one) === isRemoval));
  const kept = (before?.values ?? []).filter((one) => !last.has(one));
  const ttl = before?.ttl ?? Math.max(...ours.map(({ value }) => value.ttl));
  return { name, add: add!, remove: remove!, before, after: [...kept, ...add!], ttl };
}

const isNeeded = ({ before, after }: SetChange): boolean =>
  after.length !== (before?.values.length ?? 0) || after.some((one) => !before?.values.includes(one));

const minuteMs = 60_000;

/** Waits until another change is allowed. */
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
