import { remoteText } from '../errors/remote-text.ts';
import { shortList } from '../text/short-list.ts';

// A target may have many places, such as the domains of a CDN, which get a version one by one. They are looked up at
// the target each time: a lineage keeps only how many there are, and the first ones that lack the version.

export interface LackingPlace {
  readonly place: string;
  /**
   * `changing`: it is rolling a change out, and takes no other. A deployment has `busy` for those of these that certfleet
   * has not given the version: the change is another one.
   */
  readonly state: 'changing' | 'busy' | 'stale' | 'absent';
  readonly reason: string;
}

export interface Places {
  readonly total: number;
  readonly lacking: readonly LackingPlace[];
}

/** The places of a target, as its deployment keeps them. */
export interface KeptPlaces {
  readonly total: number;
  /** How many lack the version. */
  readonly lacking: number;
  /** At most 20 of these: first those that are stuck, then those that are `busy`. */
  readonly named: readonly LackingPlace[];
}

const isChanging = ({ state }: LackingPlace) => state === 'changing';
const isBusy = ({ state }: LackingPlace) => state === 'busy';
const isStuck = (one: LackingPlace) => !isUnderWay(one);

/** Reports whether a place was rolling a change out. */
export const isUnderWay = (one: LackingPlace): boolean => isChanging(one) || isBusy(one);

/** How many places are stored and shown by name. A longer list helps neither a person nor a program. */
const mostNamed = 20;
/** A place is a domain name or as short as one. */
const longestPlace = 255;
const longestReason = 200;

export function keptPlaces({ total, lacking }: Places): KeptPlaces {
  const ordered = [isStuck, isBusy, isChanging].flatMap((is) => lacking.filter(is));
  const named = ordered.slice(0, mostNamed).map(({ place, state, reason }) => ({
    place: remoteText(place, longestPlace),
    state,
    reason: remoteText(reason, longestReason),
  }));
  return { total, lacking: lacking.length, named };
}

/** Returns the state of a target from its places: `changing` only if all that lack the version are. */
export function stateOfPlaces({ total, lacking }: Places): 'current' | 'changing' | 'stale' | 'absent' {
  if (lacking.length === 0) return 'current';
  if (lacking.every(isChanging)) return 'changing';
  return lacking.length === total && lacking.every(({ state }) => state === 'absent') ? 'absent' : 'stale';
}

/** Places that lack the version for the same reason. */
export interface Cause {
  readonly places: readonly string[];
  /** As of the first place. */
  readonly reason: string;
}

/** Groups places by their reasons, whatever name of a place and request ID these contain. */
export function byCause(lacking: readonly LackingPlace[]): readonly Cause[] {
  const causes = new Map<string, { readonly places: string[]; readonly reason: string }>();
  for (const { place, reason } of lacking) {
    // Skips longer names: `www.example.com` does not name `example.com`.
    const own = new RegExp(`(?<![\\w.-])${place.replaceAll(/\W/g, '\\$&')}(?![\\w.-])`, 'g');
    const key = reason.replaceAll(own, 'PLACE').replaceAll(/\(request [^)]*\)?/g, '');
    const known = causes.get(key) ?? { places: [], reason };
    known.places.push(remoteText(place, longestPlace));
    causes.set(key, known);
  }
  return [...causes.values()];
}

/**
 * Describes the places that lack the version and are not rolling a change out, or if all are, those: `a.example.com,
 * b.example.com, c.example.com and 9 more (refused); x.example.com (busy); and 3 more`.
 */
export function placesText({ lacking }: Places): string {
  const stuck = lacking.filter(isStuck);
  const causes = byCause(stuck.length > 0 ? stuck : lacking);
  const parts = causes
    .slice(0, mostNamed)
    .map(({ places, reason }) => `${shortList(places)}${reason === '' ? '' : ` (${reason})`}`);
  const more = causes.slice(mostNamed).reduce((sum, { places }) => sum + places.length, 0);
  return [...parts, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** Reports whether the places only wait until another change is rolled out. */
export const waitsForOther = ({ named }: KeptPlaces): boolean => named.some(isBusy) && !named.some(isChanging);

/** Returns how many places lack the version and are not rolling a change out. */
export const stuckPlaces = ({ lacking }: Places): number => lacking.filter(isStuck).length;

/** Returns how many places there are, in words: `12 domains`. */
export const placeCount = (total: number): string => `${total} domain${total === 1 ? '' : 's'}`;

/** Returns a target with the number of its places, if it has places: `cdn (12 domains)`. */
export const withCount = (target: string, total: number | undefined): string =>
  total === undefined ? target : `${target} (${placeCount(total)})`;
