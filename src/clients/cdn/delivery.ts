import { createRecent } from '../../core/async/recent.ts';
import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { type HolderOf, keepsPlace } from '../../core/lineage/holder.ts';
import { type LackingPlace, type Places, placeCount, placesText, stateOfPlaces } from '../../core/lineage/places.ts';
import { coversName } from '../../core/names/covers-name.ts';
import { shortList } from '../../core/text/short-list.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Look, VersionBundle, WantedRoom } from '../../ports/deployer.ts';
import { withAdvice } from '../http/balancer-errors.ts';
import { type CdnCertificate, type CdnDomain, whyNeverOn, whyNot } from './domain.ts';

/** What a delivery needs of one CDN. */
export interface CdnParts<Domain extends CdnDomain> {
  /** Of the deployer. */
  readonly type: string;
  /** In messages: `Alibaba Cloud CDN`. */
  readonly title: string;
  readonly clock: Clock;
  /** The options that choose the domains. */
  readonly options: { readonly domains: 'covered' | readonly string[]; readonly except: readonly string[] };
  /** Returns every domain of the account. */
  domains(signal: AbortSignal): Promise<readonly Domain[]>;
  /** Reads what the list lacks about a domain. It may be as it was at most `ageMs` ago. */
  complete?(domain: Domain, ageMs: number, signal: AbortSignal): Promise<Domain>;
  /** Returns the first 12 digits of the fingerprint of a certificate of this store, and undefined for any other. */
  versionIn(certificate: CdnCertificate): string | undefined;
  readonly holderOf: HolderOf | undefined;
  /** A domain that has accepted a certificate shows it within this time. */
  readonly visibleWithinMs: number;
  /** A domain that has accepted a certificate is shown as changing within this time. */
  readonly changesWithinMs: number;
}

/** A version, and the ID of its certificate at the CDN; undefined if it is not there. */
export interface CdnVersion {
  readonly version: VersionBundle;
  readonly id: string | undefined;
}

export interface CdnDelivery<Domain extends CdnDomain> {
  look(wanted: CdnVersion, signal: AbortSignal): Promise<Look>;
  /** Fails if no domain can get the version, before anything is uploaded for nothing. */
  check(wanted: CdnVersion, signal: AbortSignal): Promise<void>;
  /**
   * Describes where a certificate for these names would be set, in words. Fails with `balancer/not-found` if no such
   * domain exists, and with another error if none has HTTPS or one that is listed cannot get it.
   */
  describe(of: Pick<WantedRoom, 'lineage' | 'names'>, signal: AbortSignal): Promise<string>;
  /** Reports whether a domain has this certificate. */
  has(id: string, ageMs: number, signal: AbortSignal): Promise<boolean>;
  /** Sets the version at each domain that lacks it. Fails only if each of these refuses. */
  activate(wanted: CdnVersion, set: (domain: Domain) => Promise<void>, signal: AbortSignal): Promise<void>;
}

export function createCdnDelivery<Domain extends CdnDomain>(parts: CdnParts<Domain>): CdnDelivery<Domain> {
  const { title, clock, options } = parts;
  const { except } = options;
  const listed = options.domains === 'covered' ? undefined : [...new Set(options.domains)];
  /** What each domain has accepted or refused in this process: the lists may lag, and do not tell why. */
  const tried = new Map<string, { readonly id: string; readonly atMs: number; readonly refusal?: string }>();
  /** Every domain. The deliveries of a pass share the lists. */
  const domains = createRecent<readonly Domain[]>(clock, (signal) => parts.domains(signal));

  const versionOf = ({ certificate }: Domain) => certificate && parts.versionIn(certificate);

  /** Returns the other certificate of this store to which a domain is left. */
  async function keeperOf(domain: Domain, lineage: string, signal: AbortSignal): Promise<string | undefined> {
    const version = versionOf(domain);
    const holder = version === undefined ? undefined : await parts.holderOf?.(version, signal);
    if (!holder || holder.lineage === lineage) return undefined;
    const place = { domains: [domain.name], type: parts.type, isListed: listed !== undefined };
    return keepsPlace(holder, place, clock.now()) ? holder.lineage : undefined;
  }

  /**
   * Returns the domains that are to have a certificate for these names, and how many are left to each other certificate.
   * One that is listed may not exist. `doesExist` says whether any domain does that could have it, with HTTPS or without.
   */
  async function wantedFor(
    { lineage, names: covers }: Pick<WantedRoom, 'lineage' | 'names'>,
    ageMs: number,
    signal: AbortSignal,
  ) {
    const all = await domains.get(ageMs, signal);
    const isMeant = (one: Domain) =>
      one.phase !== 'resting' && coversName(covers, one.name) && !except.includes(one.name);
    const named = listed
      ? listed.map((place) => ({ place, found: all.find(({ name }) => name === place) }))
      : all.filter(isMeant).map((found) => ({ place: found.name, found }));
    const doesExist = listed
      ? named.some(({ found }) => found)
      : all.some(({ name }) => coversName(covers, name) && !except.includes(name));
    const { complete } = parts;
    const completed = async (found: Domain | undefined) =>
      found && complete && whyNeverOn(found, covers) === undefined ? complete(found, ageMs, signal) : found;
    const whole = await Promise.all(named.map(async ({ place, found }) => ({ place, found: await completed(found) })));
    const meant = listed ? whole : whole.filter(({ found }) => found?.https);
    const wanted: typeof meant = [];
    const left = new Map<string, number>();
    for (const one of meant) {
      const keeper = one.found && (await keeperOf(one.found, lineage, signal));
      if (keeper === undefined) wanted.push(one);
      else left.set(keeper, (left.get(keeper) ?? 0) + 1);
    }
    return { wanted, left, doesExist };
  }

  /** Looks at each domain that is to have the version. `ready` are those that can get it now. */
  async function survey({ version, id }: CdnVersion, ageMs: number, signal: AbortSignal) {
    const covers = version.facts.identifiers.map(({ value }) => value);
    const meant = { lineage: version.lineage, names: covers };
    const { wanted, left, doesExist } = await wantedFor(meant, ageMs, signal);
    const lacking: LackingPlace[] = [];
    const ready: Domain[] = [];
    for (const { place, found } of wanted) {
      const stays = whyNot(found, covers);
      if (stays !== undefined || !found) {
        lacking.push({ place, state: 'absent', reason: stays ?? '' });
        continue;
      }
      const last = id !== undefined && tried.get(place)?.id === id ? tried.get(place) : undefined;
      const isAccepted = last !== undefined && last.refusal === undefined;
      const acceptedMs = isAccepted ? clock.monotonicMs() - last.atMs : Number.POSITIVE_INFINITY;
      const isOld = acceptedMs < parts.changesWithinMs;
      const hasFailed = found.phase === 'failed' && !isOld;
      const isSet = id !== undefined && found.certificate?.id === id && !hasFailed;
      if (isSet && found.phase === 'serving' && !isOld) continue;
      // A domain takes no change while another one is under way, no matter who made that.
      if (found.phase === 'changing' || (acceptedMs < parts.visibleWithinMs && !hasFailed)) {
        lacking.push({ place, state: 'changing', reason: '' });
        continue;
      }
      const reason = last?.refusal ?? (hasFailed ? 'its last configuration failed' : '');
      lacking.push({ place, state: versionOf(found) === undefined ? 'absent' : 'stale', reason });
      ready.push(found);
    }
    return { places: { total: wanted.length, lacking }, ready, left, doesExist };
  }

  function nowhere(doesExist: boolean): Error {
    // HTTPS may be switched on later, perhaps with this certificate, so an order can still make sense.
    if (doesExist)
      return new Error(`${title} has no domain with HTTPS that the certificate covers (and that is not in \`except\`)`);
    const what = listed
      ? `${listed.length === 1 ? 'the domain' : 'each of the domains'} ${shortList(listed)}`
      : 'a domain that the certificate covers';
    const reason = listed ? 'the account has no such domain' : 'there is none (that is not in `except`)';
    return fail('balancer/not-found', { balancer: title, what, reason });
  }

  async function checkSome(wanted: CdnVersion, signal: AbortSignal): Promise<readonly Domain[]> {
    const { places, ready, left, doesExist } = await survey(wanted, recentMs, signal);
    if (!doesExist || (places.total === 0 && left.size === 0)) throw nowhere(doesExist);
    if (places.total > 0 && isStuck(places) && ready.length === 0)
      throw new Error(`no domain can get it: ${placesText(places)}`);
    return ready;
  }

  return {
    async look(wanted, signal) {
      const isRolling = [...tried.values()].some(({ id }) => id === wanted.id);
      const { places, left } = await survey(wanted, isRolling ? 0 : recentMs, signal);
      if (places.total === 0 && left.size === 0) return { state: 'absent', detail: 'no domain is covered', places };
      const state = stateOfPlaces(places);
      const detail =
        state === 'current'
          ? places.total === 1
            ? '1 domain has it'
            : `${places.total} domains have it`
          : placesText(places);
      const texts = places.total === 0 ? leftTexts(left) : [detail, ...leftTexts(left)];
      return { state, detail: texts.join('; '), places };
    },

    async check(wanted, signal) {
      await checkSome(wanted, signal);
    },

    async describe(of, signal) {
      const { names } = of;
      const { wanted, left, doesExist } = await wantedFor(of, recentMs, signal);
      if (!doesExist || (wanted.length === 0 && left.size === 0)) throw nowhere(doesExist);
      const lacking = wanted.flatMap(({ place, found }): LackingPlace[] => {
        const reason = whyNot(found, names);
        return reason === undefined ? [] : [{ place, state: 'absent', reason }];
      });
      const places = { total: wanted.length, lacking };
      if (lacking.length > 0)
        throw new Error(`${lacking.length} of ${placeCount(places.total)} cannot get it: ${placesText(places)}`);
      return [`${placeCount(places.total)} of ${title} can get it`, ...leftTexts(left)].join('; ');
    },

    has: async (id, ageMs, signal) =>
      (await domains.get(ageMs, signal)).some(({ certificate }) => certificate?.id === id),

    async activate(wanted, set, signal) {
      const { id = '' } = wanted;
      /** Returns the names of those whose answer was lost. */
      async function setAt(all: readonly Domain[]): Promise<readonly string[]> {
        const lost: string[] = [];
        await Promise.all(
          all.map(async (domain) => {
            const { name } = domain;
            try {
              await set(domain);
              tried.set(name, { id, atMs: clock.monotonicMs() });
            } catch (error) {
              signal.throwIfAborted();
              if (isFailure(error, 'balancer/unreachable', 'balancer/failed')) lost.push(name);
              tried.set(name, { id, atMs: clock.monotonicMs(), refusal: reasonOf(withAdvice(error)) });
            }
          }),
        );
        domains.forget();
        return lost;
      }

      const ready = await checkSome(wanted, signal);
      const lost = await setAt(ready);
      if (lost.length > 0) {
        const still = (await survey(wanted, 0, signal)).ready;
        for (const place of lost) if (!still.some(({ name }) => name === place)) tried.delete(place);
        await setAt(still.filter(({ name }) => lost.includes(name)));
      }
      const refused = ready.flatMap(({ name }) => tried.get(name)?.refusal ?? []);
      if (ready.length > 0 && refused.length === ready.length) throw new Error(refused[0]);
    },
  };
}

/** Reports whether no place has the version or is getting it. */
const isStuck = ({ total, lacking }: Places): boolean =>
  lacking.length === total && lacking.every(({ state }) => state !== 'changing');

/** Says which certificates keep some of the domains. */
export const leftTexts = (left: ReadonlyMap<string, number>): readonly string[] =>
  [...left].map(([keeper, count]) => `${placeCount(count)} left to the certificate ${keeper}`);

/** How old lists may be that several deliveries share. */
export const recentMs = 10_000;
