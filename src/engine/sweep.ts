import type { ErrorCode } from '../core/error-table.ts';
import { asFailure, isFailure, reasonOf } from '../core/errors.ts';
import {
  decodeLineage,
  type JournalledChallenge,
  type Lineage,
  type Tombstone,
  unfinishedWork,
  type Work,
} from '../core/lineage.ts';
import { canonical } from '../core/plan.ts';
import type { StoredSpec } from '../core/spec.ts';
import type { Entry } from '../ports/store.ts';
import { type EngineContext, report } from './engine.ts';
import { bareWork, giveBack, type Holding, takeLease } from './leases/lease.ts';
import {
  cleanUp,
  oneForEach,
  owesCleanup,
  presentedIn,
  specOfPresenter,
  tombstoneOf,
  unprobe,
} from './steps/clean-up.ts';
import { together } from './wait.ts';

export interface Swept {
  readonly cleaned: readonly string[];
  readonly failed: readonly NotSwept[];
  readonly waiting: number;
}

export interface NotSwept {
  readonly what: string;
  readonly reason: string;
  /** Of the error; undefined: the solver or its provider, which did not come to an end in time. */
  readonly code?: ErrorCode;
}

type Done = Omit<Swept, 'waiting'>;

/** As many as one process has at work at once: what a machine that is gone held costs one lease, not one for each. */
const concurrency = 16;

/** A tombstone is looked at 1 h after it was closed and again after 24 h (house.md §5). */
const looksAfterMs = [3_600_000, 24 * 3_600_000] as const;

/**
 * Finishes what dead processes left in the outside world: every journalled challenge whose lease has no living
 * holder, every tombstone whose time has come, and token documents past their end. Certificates are not issued
 * here: the work itself is resumed by the next run, with the same key and order.
 */
export async function sweep(context: EngineContext, signal: AbortSignal): Promise<Swept> {
  const cleaned: string[] = [];
  const failed: NotSwept[] = [];
  let waiting = 0;
  const candidates: string[] = [];
  const doubtful = new Map<string, string>();
  for await (const page of context.store.scan('lineage', signal)) {
    for (const entry of page) {
      const lineage = readable(context, entry, failed);
      if (!lineage) continue;
      waiting += (lineage.tombstones ?? []).filter((stone) => !isDue(stone, context)).length;
      const kind = whatIsLeft(context, lineage);
      if (kind === 'left') candidates.push(lineage.name);
      else if (kind === 'doubtful') doubtful.set(lineage.name, entry.revision);
    }
  }
  candidates.push(...(await stillLying(context, doubtful, signal)));
  const lane = async () => {
    for (let name = candidates.shift(); name !== undefined; name = candidates.shift()) {
      try {
        const done = await sweepOne(context, name, signal);
        cleaned.push(...done.cleaned);
        failed.push(...done.failed);
      } catch (error) {
        signal.throwIfAborted();
        failed.push(notSwept(name, error));
      }
    }
  };
  await together(Array.from({ length: concurrency }, lane));
  cleaned.push(...(await sweepTokens(context, failed, signal)));
  await context.store.tidy(signal);
  for (const what of cleaned) report(context, 'info', 'sweep.cleaned', undefined, `${what} was removed`);
  return { cleaned, failed, waiting };
}

const notSwept = (what: string, error: unknown): NotSwept => ({
  what,
  reason: reasonOf(error),
  code: asFailure(error).code,
});

function readable(context: EngineContext, entry: Entry, failed: NotSwept[]): Lineage | undefined {
  try {
    if (entry.corrupt) throw entry.corrupt;
    return decodeLineage(entry.bytes, entry.key.name, context.store.location);
  } catch (error) {
    failed.push(notSwept(entry.key.name, error));
    return undefined;
  }
}

function whatIsLeft(context: EngineContext, lineage: Lineage): 'nothing' | 'left' | 'doubtful' {
  const { work } = lineage;
  const owes = owesCleanup(work);
  const hasDue = (lineage.tombstones ?? []).some((stone) => isDue(stone, context));
  if (!work?.lease) return owes || hasDue ? 'left' : 'nothing';
  // A lease that was taken for itself alone is resumed by no run: whoever died with it is relieved here.
  const isBare = unfinishedWork(lineage) === undefined;
  if (context.processes.look(work.lease.holder) === 'dead') return owes || hasDue || isBare ? 'left' : 'nothing';
  return owes || isBare ? 'doubtful' : 'nothing';
}

const isDue = (stone: Tombstone, context: EngineContext): boolean => {
  if (stone.looked === -1) return true;
  return context.clock.now().getTime() - Date.parse(stone.closedAt) >= (looksAfterMs[stone.looked] ?? 0);
};

/** Of those whose holder may live: the ones whose document does not move for a whole lease. */
async function stillLying(
  context: EngineContext,
  doubtful: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (doubtful.size === 0) return [];
  // A living holder moves its document every third of the lease; half of it tells the living from the rest, and the
  // taking of the lease waits for the whole.
  await context.clock.sleep(context.limits.leaseTtlMs / 2, signal);
  const lying: string[] = [];
  for (const [name, revision] of doubtful) {
    const entry = await context.store.get({ kind: 'lineage', name }, signal);
    if (entry?.revision === revision) lying.push(name);
  }
  return lying;
}

async function sweepOne(context: EngineContext, name: string, signal: AbortSignal): Promise<Done> {
  const taken = await takeLease(
    context,
    name,
    (lineage) => {
      // Another process may have seen to it meanwhile.
      if (!lineage || whatIsLeft(context, lineage) === 'nothing') return undefined;
      return { ...lineage, work: lineage.work ?? bareWork(context, lineage.spec) };
    },
    signal,
  );
  if (!taken || 'finished' in taken) return { cleaned: [], failed: [] };
  const { holding } = taken;
  const stop = holding.keepAlive();
  try {
    return await clear(context, holding, signal);
  } catch (error) {
    await giveBack(context, holding);
    throw error;
  } finally {
    stop();
  }
}

/** Removes what one lineage owes, all at once, and closes it in one write. */
async function clear(context: EngineContext, holding: Holding, signal: AbortSignal): Promise<Done> {
  const { lineage, work } = holding;
  const stones = lineage.tombstones ?? [];
  const due = stones.filter((stone) => isDue(stone, context));
  if (work.probe) await holding.effect(signal, () => unprobe(context, lineage.spec));
  const options = { holding, signal };
  const [left = [], ...ofStones] = await together([
    cleanUp(context, lineage.spec, presentedIn(work), options),
    ...bySolver(lineage, due).map(([spec, theirs]) => cleanUp(context, spec, theirs, options)),
  ]);
  const leftStones = ofStones.flat();
  const gone = presentedIn(work).filter((c) => !left.some(({ stone }) => stone.token === c.token));

  await holding.update((current) => {
    const { work: _swept, tombstones: _looked, ...rest } = current;
    const next = stones.flatMap((stone): Tombstone[] => {
      if (!due.includes(stone)) return [stone];
      const again = leftStones.find(({ presented }) => presented === stone);
      if (again) return [again.stone];
      // Looked at after an hour: once more after a day. After that, and after a mended removal, it is over.
      return stone.looked === 0 ? [{ ...stone, looked: 1 }] : [];
    });
    const late = work.takenOver ? gone.map((c) => tombstoneOf(context, lineage.spec, c)) : [];
    const tombstones = oneForEach([...next, ...left.map(({ stone }) => stone), ...late]);
    const unfinished = unfinishedWork(current);
    return {
      ...rest,
      ...(tombstones.length > 0 ? { tombstones } : {}),
      ...(unfinished ? { work: withoutLease(unfinished) } : {}),
    };
  }, signal);

  const what = (c: JournalledChallenge) => `${lineage.name}: the ${c.type} challenge of ${c.identifier}`;
  return {
    cleaned: gone.map(what),
    failed: [...left, ...leftStones].map(({ presented, error }) => ({
      what: what(presented),
      reason: `${reasonOf(error)}; the next sweep tries again`,
      ...(isFailure(error) ? { code: error.code } : {}),
    })),
  };
}

/** Tombstones with the spec whose solver made them. */
function bySolver(lineage: Lineage, stones: readonly Tombstone[]): readonly (readonly [StoredSpec, Tombstone[]])[] {
  const groups = new Map<string, readonly [StoredSpec, Tombstone[]]>();
  for (const stone of stones) {
    const key = canonical(stone.by ?? null);
    const group = groups.get(key) ?? ([specOfPresenter(lineage.spec, stone.by), []] as const);
    group[1].push(stone);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function withoutLease(work: Work): Work {
  const { lease: _given, probe: _gone, ...rest } = work;
  return { ...rest, challenges: [] };
}

/** Token documents are removed by their challenge's clean-up; what a lost lineage left is removed past its end. */
async function sweepTokens(
  context: EngineContext,
  failed: NotSwept[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const cleaned: string[] = [];
  const now = context.clock.now().getTime();
  for await (const page of context.store.scan('token', signal)) {
    for (const { key, bytes, revision } of page) {
      const expires = expiryOf(bytes);
      if (expires === undefined || expires > now) continue;
      const what = `the expired token ${key.name}`;
      try {
        await context.store.delete(key, { ifRevision: revision, signal });
        cleaned.push(what);
      } catch (error) {
        signal.throwIfAborted();
        // Another process has removed it, or needs it again.
        if (!isFailure(error, 'store/conflict')) failed.push(notSwept(what, error));
      }
    }
  }
  return cleaned;
}

function expiryOf(bytes: Uint8Array): number | undefined {
  try {
    const { expires } = JSON.parse(new TextDecoder().decode(bytes)) as { expires?: string };
    const time = Date.parse(expires ?? '');
    return Number.isNaN(time) ? undefined : time;
  } catch {
    return undefined;
  }
}
