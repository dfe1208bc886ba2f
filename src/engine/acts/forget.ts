import { untilAny } from '../../core/async/on-abort.ts';
import { fail, reasonOf } from '../../core/errors/errors.ts';
import { unusedAt } from '../../core/lineage/deployments.ts';
import { isOnlyOwing, type Lineage } from '../../core/lineage/lineage.ts';
import { nameOfPresented } from '../../core/lineage/tombstones.ts';
import { forgotten } from '../../core/lineage/work/end.ts';
import { leased } from '../../core/lineage/work/lease.ts';
import { deployHookTarget } from '../../core/spec/hooks.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { partsOf, targetNames, targetsAndEndpoints } from '../../core/spec/spec-parts.ts';
import { keepsRule } from '../../core/spec/traits.ts';
import { present } from '../../core/text/present.ts';
import type { Entry } from '../../ports/store.ts';
import { retireSent } from '../delivery/retire.ts';
import type { Engine } from '../engine.ts';
import { forgetHistory } from '../history/stored-history.ts';
import { firstSight, giveBack, type Holding, isBusy, refuseHeld, takeLease } from '../leases/lease.ts';
import { finishRevocations } from '../pass/revocations.ts';
import { removeOwed } from '../pass/sweep.ts';
import { deleteDocument, lineageOf, readLineage } from '../run/stored-lineage.ts';

/** A lineage that was deleted from the store, and what is left of it elsewhere. */
export interface Forgotten {
  readonly certificate: string;
  /** Targets and endpoints that still have it. */
  readonly keptBy: readonly string[];
  /** What targets keep, in sentences that also say how to remove it, by target. */
  readonly kept?: Readonly<Record<string, readonly string[]>>;
  /** TXT records that stay (dns-persist-01), and the other certificates that use them. */
  readonly records?: readonly { readonly name: string; readonly value: string; readonly usedBy: readonly string[] }[];
  /** The paths to which its keys were exported, as they were typed. */
  readonly exported?: readonly string[];
  /** When its current certificate expires; undefined if it is revoked. */
  readonly notAfter?: string;
  /** What could not be cleaned up, in words; empty without `force`. */
  readonly left: readonly string[];
  /** What a later sweep checks again, in words: the provider's list of records may not have shown it yet. */
  readonly unsure?: readonly string[];
}

/**
 * Deletes all documents of a lineage, after cleaning up its challenges and finishing its revocations. The lineage's own
 * document is deleted last, so that another call finishes what a killed process began. If a removal may have missed
 * something, that document and the credentials stay for the sweep, which checks again later.
 *
 * Fails with `store/held` if another process is working on it, `lineage/in-use` if a target has it,
 * `solver/not-removed` if the clean-up failed, and the CA's error if a revocation failed; `force` overrides all but the
 * first.
 *
 * @returns undefined if there is no such lineage
 */
export async function forget(
  engine: Engine,
  name: string,
  how: {
    readonly force: boolean;
    readonly versions?: VersionsOf;
    /** Returns the settings that `renew` goes by, if not the stored ones: a target left out of them blocks nothing. */
    readonly wantedOf?: (lineage: Lineage) => StoredSpec | undefined;
  },
  signal: AbortSignal,
): Promise<Forgotten | undefined> {
  const { force, versions, wantedOf } = how;
  const entry = await engine.store.get({ kind: 'lineage', name }, signal);
  if (!entry) return undefined;
  const refuseInUse = (lineage: Lineage) => refuse(lineage, { force, wanted: wantedOf?.(lineage) });
  const found = readLineage(engine, entry);
  await refuseHeld(engine, found, signal);
  refuseInUse(found);
  const taken = await takeLease(
    engine,
    firstSight(engine, name),
    (lineage, claim) => {
      if (!lineage) return undefined;
      refuseInUse(lineage);
      return leased(claim);
    },
    signal,
  );
  if (!taken) return undefined;
  // Another process took the lease first, and may have delivered since.
  if (isBusy(taken) || 'finished' in taken) return forget(engine, name, how, signal);
  const { holding } = taken;
  try {
    return await untilAny([signal, holding.lost], (over) => forgetHeld({ engine, holding, force, versions }, over));
  } catch (error) {
    await giveBack(engine, holding);
    throw error;
  } finally {
    holding.leave();
  }
}

function refuse(
  lineage: Lineage,
  { force, wanted = lineage.spec }: { readonly force: boolean; readonly wanted: StoredSpec | undefined },
): void {
  const delivered = targetsAndEndpoints(wanted);
  // There is nothing to remove from a hook.
  const targets = keepersOf(lineage).filter((target) => target !== deployHookTarget && delivered.includes(target));
  if (targets.length > 0 && !force) throw fail('lineage/in-use', { name: lineage.name, targets: targets.join(', ') });
}

/** Returns the targets and endpoints that may have a version of it. A target whose first deployment failed has none. */
const keepersOf = ({ deployments, previous }: Lineage): readonly string[] =>
  Object.entries(deployments)
    .filter(([, { state }]) => state !== 'pending' || previous !== undefined)
    .map(([target]) => target);

async function forgetHeld(
  given: {
    readonly engine: Engine;
    readonly holding: Holding;
    readonly force: boolean;
    readonly versions: VersionsOf | undefined;
  },
  signal: AbortSignal,
): Promise<Forgotten> {
  const { engine, holding, force } = given;
  const { failed } = await finishRevocations(engine, holding, signal);
  if (failed[0] && !force) throw failed[0].error;
  const { lineage } = holding;
  // The report names the records that stay, but not when only test versions are deleted.
  const records = given.versions ? {} : await recordsLeft(engine, lineage, signal);
  const { owed, unsure: found } = await removeAll(engine, holding, signal);
  // Calling it again with `--force` ends the wait.
  const unsure = force && isOnlyOwing(lineage) ? [] : found;
  if (!force) refuseLeft(lineage, owed);
  // Only now, because commands need their files as long as the certificate exists.
  const copies = await removeCopies(engine, holding, signal);
  if (!force) refuseLeft(lineage, copies);
  const left = [...owed, ...copies];
  // Before the credentials go.
  const kept = given.versions ? {} : await keptAt(engine, lineage, signal);
  const versions = given.versions ?? (await versionsOf(engine, new Set([lineage.name]), signal));
  for (const { key, revision } of versions.get(lineage.name) ?? []) {
    await holding.check(signal);
    await engine.store.delete(key, { ifRevision: revision, signal });
  }
  engine.pass.runs.forgot(lineage.name);
  await holding.check(signal);
  await forgetHistory(engine, lineage.name, signal);
  // The later check needs the credentials.
  if (unsure.length === 0) await deleteDocument(engine, 'credential', lineage.name, signal);
  await holding.apply(forgotten(unsure.map(({ stone }) => stone)), signal);
  const { current, exports = [] } = lineage;
  const notAfter = current?.revoked ? undefined : current?.facts.notAfter;
  return {
    certificate: lineage.name,
    keptBy: keepersOf(lineage),
    ...present({ kept: Object.keys(kept).length > 0 ? kept : undefined }),
    ...present({ exported: exports.length > 0 ? [...new Set(exports.map(({ to }) => to))] : undefined }),
    ...records,
    ...present({ notAfter }),
    left: [
      ...left.map(({ what, error }) => `${what} could not be removed: ${reasonOf(error)}`),
      ...failed.map(({ version, error }) => `version ${version} could not be revoked: ${reasonOf(error)}`),
    ],
    ...present({
      unsure: unsure.length > 0 ? unsure.map(({ presented }) => nameOfPresented(presented, lineage.spec)) : undefined,
    }),
  };
}

/**
 * Returns the records that stay. They are not removed, because other certificates, of this store or another, may use
 * the same record.
 */
async function recordsLeft(
  engine: Engine,
  { name, kept = [] }: Lineage,
  signal: AbortSignal,
): Promise<Pick<Forgotten, 'records'>> {
  if (kept.length === 0) return {};
  const users = new Map<string, string[]>();
  for await (const page of engine.store.scan('lineage', signal))
    for (const entry of page) {
      const other = lineageOf(engine, entry);
      if (other instanceof Error || other.name === name) continue;
      for (const { value, name: at } of other.kept ?? [])
        users.set(`${at} ${value}`, [...(users.get(`${at} ${value}`) ?? []), other.name]);
    }
  const usersOf = (at: string, value: string) => users.get(`${at} ${value}`) ?? [];
  return { records: kept.map(({ name: at, value }) => ({ name: at, value, usedBy: usersOf(at, value) })) };
}

/** How long a target may take to say what it keeps. */
const keepsMs = 10_000;

/** Returns what the targets keep, as far as they can say. The certificate is deleted in any case. */
async function keptAt(
  engine: Engine,
  lineage: Lineage,
  signal: AbortSignal,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const { spec, name } = lineage;
  const targets = targetNames(spec).filter((target) => keepersOf(lineage).includes(target));
  const found = await Promise.all(
    targets.map(async (target) => {
      const deadline = engine.clock.deadline(keepsMs, signal);
      try {
        const deployer = await engine.connect.deployer(spec, target);
        return [target, (await deployer.keeps?.(name, deadline.signal)) ?? []] as const;
      } catch {
        signal.throwIfAborted();
        return [target, []] as const;
      } finally {
        deadline.done();
      }
    }),
  );
  return Object.fromEntries(found.filter(([, kept]) => kept.length > 0));
}

interface NotRemoved {
  readonly what: string;
  readonly error: unknown;
}

type Unsure = Awaited<ReturnType<typeof removeOwed>>['left'][number];

/**
 * Removes the challenges, the probe, the values of all tombstones, including those to be checked later, and unused
 * uploads at targets. `unsure` is what the removal may have missed.
 */
async function removeAll(
  engine: Engine,
  holding: Holding,
  signal: AbortSignal,
): Promise<{ readonly owed: readonly NotRemoved[]; readonly unsure: readonly Unsure[] }> {
  const { left, leftStones } = await removeOwed(engine, holding, holding.lineage.tombstones ?? [], signal);
  const { lineage } = holding;
  const { left: kept } = await retireSent({ engine, holding, signal }, lineage.spec, lineage, unusedAt);
  const all = [...left, ...leftStones];
  return {
    owed: [
      ...all
        .filter(({ error }) => error !== undefined)
        .map(({ presented, place, error }) => ({
          what: `${nameOfPresented(presented, lineage.spec)}${place === undefined ? '' : ` (${place})`}`,
          error,
        })),
      ...kept.map(({ target, error }) => ({ what: `what ${target} was sent`, error })),
      ...(await removeKeptRule(engine, lineage, signal)),
    ],
    unsure: all.filter(({ error }) => error === undefined),
  };
}

function refuseLeft({ name }: Lineage, [first]: readonly NotRemoved[]): void {
  if (!first) return;
  const { what, error } = first;
  throw fail('solver/not-removed', { certificate: name, what, reason: reasonOf(error) }, { cause: error });
}

/**
 * Removes the files that commands got in the store's own folder, including those of former targets: the folder contains
 * keys.
 */
async function removeCopies(
  { connect }: Engine,
  holding: Holding,
  signal: AbortSignal,
): Promise<readonly NotRemoved[]> {
  try {
    await holding.effect(signal, () => connect.forgetDeployed(holding.lineage.name));
    return [];
  } catch (error) {
    signal.throwIfAborted();
    return [{ what: 'the copy of its key for commands', error }];
  }
}

/** Removes the forward rule that a solver keeps between orders. */
async function removeKeptRule(
  engine: Engine,
  { name, spec }: Lineage,
  signal: AbortSignal,
): Promise<readonly NotRemoved[]> {
  const left: NotRemoved[] = [];
  for (const part of partsOf(spec).filter(({ solver }) => keepsRule(solver))) {
    try {
      const solver = await engine.connect.solver(part);
      await solver.forget?.(name, signal);
    } catch (error) {
      signal.throwIfAborted();
      left.push({ what: 'the forward rule', error });
    }
  }
  return left;
}

/** The keys and versions of lineages, by the lineage's name. */
type VersionsOf = ReadonlyMap<string, readonly Pick<Entry, 'key' | 'revision'>[]>;

/**
 * Returns every key and version of some lineages, including those of earlier lineages with these names. It lists the
 * whole store, so it is called once for many lineages.
 */
export async function versionsOf(
  { store }: Pick<Engine, 'store'>,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<VersionsOf> {
  const found = new Map<string, Pick<Entry, 'key' | 'revision'>[]>();
  for (const kind of ['key', 'version'] as const)
    for await (const page of store.scan(kind, signal))
      for (const { key, revision } of page) {
        // `<name>~staging~<id>` belongs to another lineage than `<name>~<id>`.
        const name = key.name.slice(0, key.name.lastIndexOf('~'));
        if (names.has(name)) found.set(name, [...(found.get(name) ?? []), { key, revision }]);
      }
  return found;
}
