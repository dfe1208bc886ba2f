import type { Lineage } from '../../core/lineage/lineage.ts';
import { decodeLock, type LockDocument } from '../../core/lineage/lock.ts';
import { markIn } from '../../core/request-path/own-mark.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { targetNames } from '../../core/spec/spec-parts.ts';
import type { Json } from '../../core/text/json.ts';
import type { Balancer, OwnedObject } from '../../ports/balancer.ts';
import type { Deployer } from '../../ports/deployer.ts';
import { type Engine, report } from '../engine.ts';
import { isHeld } from '../locks/held-leases.ts';
import { lineageOf } from '../run/stored-lineage.ts';
import { uploadLock } from './calls-to-target.ts';
import { type NotSwept, notSwept } from './sweep-report.ts';

/** An object at a balancer or a target that carries certfleet's mark but is in no journal of this store. */
export interface LostObject extends OwnedObject {
  /** The balancer or the target: `alibaba-clb lb-bp1example`. */
  readonly at: string;
  /** The owner's ID, from the mark. */
  readonly owner: string;
  readonly isOurs: boolean;
  /** When it can only be a left-over. RFC 3339. */
  readonly expires: string;
  /** A process is working there, so the object may be about to be journalled. */
  readonly isInWork: boolean;
  /** It is removed only once it has expired. */
  readonly staysUntilExpiry: boolean;
}

export interface LostReport {
  readonly lost: readonly LostObject[];
  /** How many other marked objects are in a journal of this store. */
  readonly known: number;
  readonly removed: readonly string[];
  readonly failed: readonly NotSwept[];
}

/** Which lost objects to remove: those of one owner that expired at least this long ago. */
export interface LostRemoval {
  readonly owner: string;
  readonly olderThanMs: number;
}

/** A place that may have marked objects. */
interface Place {
  readonly at: string;
  /** The lock that protects every change of the place. */
  readonly resource: string | undefined;
  readonly deployer?: Deployer;
  owned(signal: AbortSignal): Promise<readonly OwnedObject[]>;
  remove(object: OwnedObject, signal: AbortSignal): Promise<void>;
}

/**
 * Lists the marked objects at every declared or stored balancer and target that are in no journal of this store.
 * Removes only those that `removal` selects, and nothing where a process is working.
 *
 * @param declared settings with the declared deployers, even those that no certificate uses any longer
 */
export async function sweepLost(
  engine: Engine,
  declared: readonly StoredSpec[],
  removal: LostRemoval | undefined,
  signal: AbortSignal,
): Promise<LostReport> {
  const failed: NotSwept[] = [];
  const places = await placesOf(engine, declared, failed, signal);
  const seen = new Set<string>();
  const lost: LostObject[] = [];
  const removed: string[] = [];
  let known = 0;
  for (const place of places) {
    try {
      const isNew = ({ kind, id }: OwnedObject) => {
        const key = JSON.stringify([place.resource ?? place.at, kind, id]);
        return !seen.has(key) && seen.add(key) !== undefined;
      };
      const objects = (await place.owned(signal)).filter((one) => markIn(one.name) !== undefined && isNew(one));
      if (objects.length === 0) continue;
      const found = await unknownOf(engine, place, objects, signal);
      known += objects.length - found.length;
      lost.push(...found);
      if (!removal || !found.some((one) => isToRemove(engine, one, removal))) continue;
      await removeAt(engine, place, { objects, removal, removed, failed }, signal);
    } catch (error) {
      signal.throwIfAborted();
      failed.push({ ...notSwept(`what carries certfleet’s mark at ${place.at}`, error), verb: 'list' });
    }
  }
  return { lost: lost.filter((one) => !removed.includes(nameOfLost(one))), known, removed, failed };
}

/**
 * Removes what this process may have sent to targets after it lost its lease. A failure is only a warning, because
 * `sweepLost` still finds the objects.
 */
export async function removeSentTooLate(engine: Engine, spec: StoredSpec, signal: AbortSignal): Promise<void> {
  const failed: NotSwept[] = [];
  const removal = { owner: engine.connect.owner, olderThanMs: Number.NEGATIVE_INFINITY };
  for (const target of targetNames(spec)) {
    try {
      const deployer = await engine.connect.deployer(spec, target);
      if (!deployer.owned || uploadLock(deployer) === undefined) continue;
      const place = placeOfDeployer(target, deployer);
      const objects = await place.owned(signal);
      await removeAt(engine, place, { objects, removal, removed: [], failed }, signal);
    } catch (error) {
      signal.throwIfAborted();
      failed.push(notSwept(`what ${target} was sent too late`, error));
    }
  }
  for (const { what, reason } of failed)
    report(engine, {
      level: 'warn',
      event: 'sweep.failed',
      certificate: spec.name,
      message: `${what}: ${reason}`,
    });
}

const nameOfLost = ({ kind, name, at }: Pick<LostObject, 'kind' | 'name' | 'at'>): string =>
  `the ${kind} ${name} at ${at}`;

const isToRemove = ({ clock }: Engine, one: LostObject, { owner, olderThanMs }: LostRemoval): boolean =>
  one.owner === owner && !one.isInWork && Date.parse(one.expires) + olderThanMs <= clock.now().getTime();

/** Removes the selected objects, rules before their groups, while nothing else changes the place. */
async function removeAt(
  engine: Engine,
  place: Place,
  facts: {
    readonly objects: readonly OwnedObject[];
    readonly removal: LostRemoval;
    readonly removed: string[];
    readonly failed: NotSwept[];
  },
  signal: AbortSignal,
): Promise<void> {
  const remove = async (effect: (run: () => Promise<void>) => Promise<void>, own?: LockDocument) => {
    // Check again under the lock: until now, another process could have journalled an object that it had just created.
    const found = await unknownOf(engine, place, facts.objects, signal, own);
    const tried: LostObject[] = [];
    for (const one of found.filter((all) => isToRemove(engine, all, facts.removal))) {
      if (one.staysUntilExpiry && Date.parse(one.expires) > engine.clock.now().getTime()) {
        const reason = `it is valid until ${one.expires}, and may be in use there: it can be removed once it has expired`;
        facts.failed.push({ what: nameOfLost(one), reason });
        continue;
      }
      try {
        await effect(() => place.remove(one, signal));
        tried.push(one);
      } catch (error) {
        signal.throwIfAborted();
        facts.failed.push(notSwept(nameOfLost(one), error));
      }
    }
    const still = tried.length > 0 ? await place.owned(signal) : [];
    for (const one of tried) {
      const what = nameOfLost(one);
      if (still.some(({ kind, id }) => kind === one.kind && id === one.id)) {
        facts.failed.push({ what, reason: 'something still refers to it' });
        continue;
      }
      facts.removed.push(what);
      report(engine, { level: 'info', event: 'sweep.cleaned', message: `removed ${what}` });
    }
  };
  if (place.resource === undefined) return remove((run) => run());
  await engine.locks.with(
    place.resource,
    (document) => document,
    (held) => remove((run) => held.effect(signal, run), held.document),
    signal,
  );
}

/** Returns the objects that are in no journal. */
async function unknownOf(
  engine: Engine,
  place: Place,
  objects: readonly OwnedObject[],
  signal: AbortSignal,
  /** The lock's document, if this process holds it. */
  own?: LockDocument,
): Promise<readonly LostObject[]> {
  const journal = await readJournal(engine, signal);
  const isLocked = own === undefined && place.resource !== undefined && journal.locked.has(place.resource);
  // What is sent under this lock is journalled under it, so its holder knows that nothing is in flight.
  const isInWork = own === undefined && (isLocked || (await isDelivering(engine, place, journal)));
  return objects.flatMap((object) => {
    const mark = markIn(object.name);
    if (!mark || journal.names.has(object.name) || journal.names.has(object.id)) return [];
    const { owner, expires } = mark;
    const isOurs = owner === engine.connect.owner;
    const staysUntilExpiry = place.deployer?.keepsUntilExpiry === true;
    return [{ ...object, at: place.at, owner, isOurs, expires: expires.toISOString(), isInWork, staysUntilExpiry }];
  });
}

/** What the store knows about. */
interface Journal {
  /** Names and IDs of rules and groups in the locks, and every text in the receipts of uploads. */
  readonly names: ReadonlySet<string>;
  /** Resources whose lock may be held by a living process. */
  readonly locked: ReadonlySet<string>;
  /** Lineages that a living process may be working on. */
  readonly working: readonly Lineage[];
}

async function readJournal(engine: Engine, signal: AbortSignal): Promise<Journal> {
  const names = new Set<string>();
  const locked = new Set<string>();
  const working: Lineage[] = [];
  for await (const page of engine.store.scan('lock', signal))
    for (const { key, bytes, corrupt } of page) {
      if (corrupt) throw corrupt;
      const { lease, listeners = {} } = decodeLock(bytes, key.name, engine.store.location);
      if (await isHeld(lease, engine, signal)) locked.add(key.name);
      for (const { group, rules, receipt } of Object.values(listeners)) {
        for (const { name } of group ? [group, ...rules] : rules) names.add(name);
        addTexts(receipt, names);
      }
    }
  for (const lineage of await readLineages(engine, signal)) {
    if (await isHeld(lineage.work?.lease, engine, signal)) working.push(lineage);
    for (const { sent = [] } of Object.values(lineage.deployments))
      for (const { receipt } of sent) addTexts(receipt, names);
  }
  return { names, locked, working };
}

/** Returns all lineages. Fails if one is damaged, because its objects would look lost. */
async function readLineages(engine: Engine, signal: AbortSignal): Promise<readonly Lineage[]> {
  const all: Lineage[] = [];
  for await (const page of engine.store.scan('lineage', signal))
    for (const entry of page) {
      const found = lineageOf(engine, entry);
      if (found instanceof Error) throw found;
      all.push(found);
    }
  return all;
}

function addTexts(value: Json | undefined, texts: Set<string>): void {
  if (typeof value === 'string') texts.add(value);
  else if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) addTexts(one, texts);
}

/** Reports whether a living process may be sending something to the target that is not journalled until it arrives. */
async function isDelivering(engine: Engine, { deployer }: Place, { working }: Journal): Promise<boolean> {
  if (!deployer) return false;
  for (const { spec } of working)
    for (const target of targetNames(spec))
      if (isSame(await engine.connect.deployer(spec, target).catch(() => undefined), deployer)) return true;
  return false;
}

/**
 * Reports whether two deployers deliver to the same target: a certificate with its own credentials has its own
 * deployer.
 */
const isSame = (a: Deployer | undefined, b: Deployer): boolean =>
  a === b || (a !== undefined && uploadLock(b) !== undefined && uploadLock(a) === uploadLock(b));

/** Returns every balancer and target, each once. Those that cannot be connected are added to `failed`. */
async function placesOf(
  engine: Engine,
  declared: readonly StoredSpec[],
  failed: NotSwept[],
  signal: AbortSignal,
): Promise<readonly Place[]> {
  const places: Place[] = [];
  const known = new Set<object>();
  /** Adds the places of what can be connected, each once. What cannot be connected is added to `failed`. */
  const add = async <T extends object>(
    what: string,
    connect: () => Promise<readonly T[]>,
    placeOf: (one: T) => Place,
  ) => {
    try {
      for (const one of await connect()) if (!known.has(one) && known.add(one)) places.push(placeOf(one));
    } catch (error) {
      signal.throwIfAborted();
      failed.push({ ...notSwept(what, error), verb: 'list' });
    }
  };
  const stored = await readLineages(engine, signal);
  const specs = [...declared, ...stored.map((lineage) => lineage.spec)];
  await add('what the balancers have', () => engine.connect.balancers(specs), placeOfBalancer);
  for (const spec of specs)
    for (const target of targetNames(spec))
      await add(
        `what ${target} has`,
        async () => [await engine.connect.deployer(spec, target)].filter(({ owned }) => owned !== undefined),
        (deployer) => placeOfDeployer(target, deployer),
      );
  return places;
}

const placeOfBalancer = (balancer: Balancer): Place => ({
  at: balancer.resource,
  resource: balancer.resource,
  owned: (signal) => balancer.owned(signal),
  remove: (object, signal) => balancer.removeOwned(object, signal),
});

const placeOfDeployer = (target: string, deployer: Deployer): Place => ({
  at: `${deployer.type} ${target}`,
  resource: uploadLock(deployer),
  deployer,
  owned: async (signal) => (await deployer.owned?.(signal)) ?? [],
  remove: async (object, signal) => deployer.removeOwned?.(object, signal),
});
