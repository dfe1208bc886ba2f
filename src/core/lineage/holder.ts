import { coversName } from '../names/covers-name.ts';
import type { NamedAdapter } from '../spec/spec.ts';
import type { Json } from '../text/json.ts';
import type { Version } from './lineage.ts';

// Two lineages of a store may cover one domain of a CDN, and deliver to it. Which of them has it is decided by what the
// domain has now, so they need not agree on anything: the first one keeps it while it can.

/** A lineage whose version a place has. */
export interface Holder {
  readonly lineage: string;
  /** The version that the place has. */
  readonly has: Version;
  readonly current: Version;
  readonly targets: readonly NamedAdapter[];
}

/** Finds the lineage with a version in the store, by the first 12 digits of its fingerprint. */
export type HolderOf = (fingerprint: string, signal: AbortSignal) => Promise<Holder | undefined>;

export interface HeldPlace {
  /** The names that the place serves. */
  readonly domains: readonly string[];
  /** The type of the deployer. */
  readonly type: string;
  /** Whether the configuration lists the place by name at the deployer that asks. */
  readonly isListed: boolean;
}

/**
 * Reports whether the place is left to its holder: it still delivers there, and its certificate is good. One that lists
 * the place by name takes it from one that only covers it.
 */
export function keepsPlace({ has, current, targets }: Holder, place: HeldPlace, now: Date): boolean {
  const { domains, type, isListed } = place;
  const coversAll = ({ facts }: Version) => {
    const names = facts.identifiers.map(({ value }) => value);
    return domains.every((domain) => coversName(names, domain));
  };
  if (!isGood(has, now) || !coversAll(has) || !coversAll(current)) return false;
  const ways = targets.flatMap(({ settings }) =>
    settings.type === type ? domains.map((domain) => wayTo(settings, domain)) : [],
  );
  return ways.some((way) => way === 'listed' || (way === 'covered' && !isListed));
}

/** Returns how a deployer chooses a domain, from the options of CDNs (`domains`, `except`) and of listeners (`names`). */
export function wayTo(settings: { readonly [option: string]: Json }, domain: string): 'listed' | 'covered' | undefined {
  const includes = (list: Json | undefined) =>
    Array.isArray(list) && list.some((one) => formOf(String(one)) === domain);
  const listed = settings['domains'] ?? settings['names'];
  if (Array.isArray(listed)) return includes(listed) ? 'listed' : undefined;
  return includes(settings['except']) ? undefined : 'covered';
}

/** Reports whether clients still take it. In its last tenth, its own renewal has failed, so another one may take over. */
function isGood({ facts, revoked, compromised }: Version, now: Date): boolean {
  const [start, end] = [Date.parse(facts.notBefore), Date.parse(facts.notAfter)];
  return revoked === undefined && !compromised && now.getTime() < end - (end - start) / 10;
}

/** Most APIs write `.example.com` for a wildcard. */
const formOf = (name: string): string => name.toLowerCase().replace(/^\./, '*.');
