import { onceForEach } from '../core/async/once-for-each.ts';
import type { Lineage } from '../core/lineage/lineage.ts';
import { isOnlyOwing } from '../core/lineage/lineage.ts';
import { isStagingName } from '../core/names/identifiers.ts';
import { type Ahead, type Known, type KnownLimits, planAhead } from '../core/plan/ahead.ts';
import { whyDue } from '../core/plan/due.ts';
import { accountKey, accountOf } from '../core/spec/account.ts';
import type { IssuerSettings, StoredSpec } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';
import type { Engine } from '../engine/engine.ts';
import { accountUrl, rolloverOf } from '../engine/ledger/account.ts';
import { endOfCaHold, holdOf } from '../engine/ledger/ca-hold.ts';
import {
  type LimitedOrder,
  limitedOrder,
  limitsKey,
  limitsOfIssuer,
  mayOverrule,
  readLimits,
  refusalOf,
} from '../engine/ledger/limits.ts';
import type { OpenFleet } from './opened.ts';
import { notFound, readAll } from './stored.ts';
import { allWanted, nameOfWanted } from './wanted.ts';

export interface PlanRequest {
  /** Only these certificates; but the others take tokens from them, too. */
  readonly names: readonly string[];
  readonly untilMs: number;
}

/** Says what `renew` will order. Only reads the store. Fails with `lineage/not-found`. */
export async function planOf(fleet: OpenFleet, { names, untilMs }: PlanRequest, signal: AbortSignal): Promise<Ahead> {
  const { engine } = fleet;
  const stored = await readAll(fleet, signal);
  const wanted = new Map(allWanted(fleet, stored).map((one) => [nameOfWanted(one), one.wanted]));
  const shown = [...stored].filter(
    ([name, found]) => wanted.has(name) || found instanceof Error || isShown(name, found),
  );
  const all = new Set([...wanted.keys(), ...shown.map(([name]) => name)].sort());
  for (const name of names) if (!all.has(name)) throw notFound(name, all);
  const now = engine.clock.now();
  const urlOf = onceForEach(accountKeyOf, (settings) => accountUrl(engine, settings, signal));
  const holdAt = onceForEach(
    ({ directory }: IssuerSettings) => directory,
    ({ directory }) => holdOf(engine, directory, signal),
  );
  const known: Known[] = [];
  const limited = new Map<Known, LimitedOrder>();
  for (const name of all) {
    const found = stored.get(name);
    const spec = wanted.get(name);
    const lineage = found instanceof Error ? undefined : found;
    const corrupt = found instanceof Error ? found : undefined;
    const { settings } = (spec ?? lineage?.spec)?.issuer ?? {};
    const account = settings ? await urlOf(settings) : '';
    const caHold = settings && endOfCaHold(await holdAt(settings), lineage, now);
    const rollover = spec && (await rolloverOf(engine, spec, signal));
    const one = { name, wanted: spec, lineage, corrupt, account, ...present({ caHold, rollover }) };
    // Until the others are due, what is used up now has come back.
    const isDue = spec && whyDue(spec, lineage, now, { force: false }) !== undefined;
    const order = isDue ? await limitedOrder(engine, spec, lineage, { account }) : undefined;
    known.push(one);
    if (order) limited.set(one, order);
  }
  await readLimits(engine, [...limited.values()], signal);
  for (const [at, one] of known.entries()) {
    const order = limited.get(one);
    if (!order || !refusalOf(engine, order)) continue;
    known[at] = { ...one, isOverruled: await mayOverrule(engine, order, { ...one, now }, signal) };
  }
  const limitsAt = limitsBy(engine);
  const hasLimits = known.some((one) => one.wanted && limitsAt(one.wanted).limits.length > 0);
  const registeredDomain = hasLimits ? await engine.loadRegisteredDomain() : (value: string) => value;
  const ahead = planAhead(known, { now, untilMs, limitsAt, registeredDomain, declared: engine.declared() });
  if (names.length === 0) return ahead;
  return { ...ahead, certificates: ahead.certificates.filter(({ certificate }) => names.includes(certificate)) };
}

/** Reports whether a lineage that is not renewed is shown: it has a certificate that will expire. */
const isShown = (name: string, lineage: Lineage): boolean =>
  !isStagingName(name) && !isOnlyOwing(lineage) && lineage.current !== undefined;

/** Returns what is known of the limits of a certificate's CA, the same object for the same CA and limits. */
function limitsBy(engine: Engine): (wanted: StoredSpec) => KnownLimits {
  const cas = new Map<string, KnownLimits>();
  return ({ issuer: { settings } }) => {
    const { directory } = settings;
    const key = limitsKey(settings);
    const known = cas.get(key);
    if (known) return known;
    const arrivals = engine.pass.limits.arrivalsAt(directory);
    const ca = { limits: limitsOfIssuer(settings), arrivals, skewMs: engine.memory.skews.get(directory) ?? 0 };
    cas.set(key, ca);
    return ca;
  };
}

const accountKeyOf = (settings: IssuerSettings): string => accountKey(accountOf(settings));
