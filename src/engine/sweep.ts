import { isFailure, reasonOf } from '../core/errors.ts';
import { decodeLineage, type Lineage, type Tombstone } from '../core/lineage.ts';
import type { Entry } from '../ports/store.ts';
import { cleanUp, owesCleanup, tombstoneOf } from './clean-up.ts';
import { type EngineContext, report } from './context.ts';
import { takeLease } from './lease.ts';

export interface Swept {
  readonly cleaned: readonly string[];
  readonly failed: readonly { readonly what: string; readonly reason: string }[];
  readonly waiting: number;
}

/** A tombstone is looked at 1 h after it was closed and again after 24 h (house.md §5). */
const looksAfterMs = [3_600_000, 24 * 3_600_000] as const;

/**
 * Finishes what dead processes left in the outside world: every journalled challenge whose lease has no living
 * holder, every tombstone whose time has come, and token documents past their end. Certificates are not issued
 * here: the work itself is resumed by the next run, with the same key and order.
 */
export async function sweep(context: EngineContext, signal: AbortSignal): Promise<Swept> {
  const cleaned: string[] = [];
  const failed: { what: string; reason: string }[] = [];
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
  for (const name of candidates) {
    try {
      const done = await sweepOne(context, name, signal);
      cleaned.push(...done.cleaned);
      failed.push(...done.failed);
    } catch (error) {
      signal.throwIfAborted();
      failed.push({ what: name, reason: reasonOf(error) });
    }
  }
  cleaned.push(...(await sweepTokens(context, failed, signal)));
  await context.store.tidy(signal);
  for (const what of cleaned) report(context, 'info', 'sweep.cleaned', undefined, `${what} was removed`);
  return { cleaned, failed, waiting };
}

function readable(
  context: EngineContext,
  entry: Entry,
  failed: { what: string; reason: string }[],
): Lineage | undefined {
  try {
    if (entry.corrupt) throw entry.corrupt;
    return decodeLineage(entry.bytes, entry.key.name, context.store.location);
  } catch (error) {
    failed.push({ what: entry.key.name, reason: reasonOf(error) });
    return undefined;
  }
}

function whatIsLeft(context: EngineContext, lineage: Lineage): 'nothing' | 'left' | 'doubtful' {
  const { work } = lineage;
  const owes = owesCleanup(work);
  if (!work || !owes)
    return (lineage.tombstones ?? []).some((stone) => isDue(stone, context)) && !work?.lease ? 'left' : 'nothing';
  if (!work.lease) return 'left';
  const state = context.processes.look(work.lease.holder);
  return state === 'dead' ? 'left' : 'doubtful';
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

async function sweepOne(context: EngineContext, name: string, signal: AbortSignal): Promise<Omit<Swept, 'waiting'>> {
  const taken = await takeLease(
    context,
    name,
    (lineage) => {
      if (!lineage) return undefined;
      const empty = {
        step: 'close',
        version: '',
        directory: lineage.spec.issuer.directory,
        startedAt: context.clock.now().toISOString(),
        challenges: [],
      } as const;
      return { ...lineage, work: lineage.work ?? empty };
    },
    signal,
  );
  if (!taken || 'finished' in taken) return { cleaned: [], failed: [] };
  const { holding } = taken;
  const { lineage } = holding;
  const { challenges, thumbprint, probe } = holding.work;
  const stones = lineage.tombstones ?? [];
  const due = stones.filter((stone) => isDue(stone, context));
  const solver = await context.connect.solver(lineage.spec);
  if (probe) await solver.unprobe?.(lineage.name, signal);
  const left = await cleanUp(context, solver, lineage.spec, challenges, thumbprint ?? '');
  const leftStones: Tombstone[] = [];
  for (const stone of due)
    leftStones.push(...(await cleanUp(context, solver, lineage.spec, [stone], stone.thumbprint)));

  await holding.update((current) => {
    const { work, tombstones: _looked, ...rest } = current;
    const next = stones.flatMap((stone): Tombstone[] => {
      if (!due.includes(stone)) return [stone];
      const again = leftStones.find((s) => s.token === stone.token);
      if (again) return [again];
      // Looked at after an hour: once more after a day. After that, and after a mended removal, it is over.
      return stone.looked === 0 ? [{ ...stone, looked: 1 }] : [];
    });
    const late = work?.takenOver ? challenges.filter((c) => !left.some((l) => l.token === c.token)) : [];
    const tombstones = [...next, ...left, ...late.map((c) => tombstoneOf(context, c, thumbprint ?? ''))];
    const kept = work && work.step !== 'close' ? withoutLease(work) : undefined;
    return { ...rest, ...(tombstones.length > 0 ? { tombstones } : {}), ...(kept ? { work: kept } : {}) };
  }, signal);

  const gone = challenges.filter((c) => !left.some((l) => l.token === c.token));
  return {
    cleaned: gone.map((c) => `${name}: the ${c.type} challenge of ${c.identifier}`),
    failed: [...left, ...leftStones].map((c) => ({
      what: `${name}: the ${c.type} challenge of ${c.identifier}`,
      reason: 'it could not be removed; the next sweep tries again',
    })),
  };
}

function withoutLease(work: NonNullable<Lineage['work']>): NonNullable<Lineage['work']> {
  const { lease: _given, probe: _gone, ...rest } = work;
  return { ...rest, challenges: [] };
}

/** Token documents are removed by their challenge's clean-up; what a lost lineage left is removed past its end. */
async function sweepTokens(
  context: EngineContext,
  failed: { what: string; reason: string }[],
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
        if (!isFailure(error, 'store/conflict')) failed.push({ what, reason: reasonOf(error) });
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
