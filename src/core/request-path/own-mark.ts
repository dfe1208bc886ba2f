/**
 * The name of an object at a load balancer: `cf-<owner>-<expiry>-<id>`, 34 characters of `a-z0-9-`, which every
 * balancer accepts. It is the only handle after a crash, and shows the owner where objects cannot be tagged.
 */
export interface OwnMark {
  /** The store that created it: {@link ownerOf}. */
  readonly owner: string;
  /** When it can only be a left-over. */
  readonly expires: Date;
  /** Unique among the owner's objects. */
  readonly id: string;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** The age at which an object that still exists is certainly left over. Rules that are meant to stay get ten years. */
export const markLifeMs = { order: dayMs, keep: 3_650 * dayMs } as const;
const form = /^cf-([0-9a-f]{12})-([0-9a-z]{5})-([0-9a-f]{12})$/;

export function nameWithMark({ owner, expires, id }: OwnMark): string {
  const hours = Math.ceil(expires.getTime() / hourMs);
  return `cf-${owner}-${hours.toString(36).padStart(5, '0')}-${id}`;
}

/** Parses the mark in a name. Returns undefined if the object is not certfleet's. */
export function markIn(name: string): OwnMark | undefined {
  const [, owner, hours, id] = form.exec(name) ?? [];
  if (owner === undefined || hours === undefined || id === undefined) return undefined;
  return { owner, expires: new Date(Number.parseInt(hours, 36) * hourMs), id };
}

/**
 * Returns how old a rule or a group is, which its expiry shows to the hour, and whether it is meant to stay. The expiry of
 * a certificate says nothing about its age.
 */
export function ageOf({ expires }: OwnMark, now: Date): { readonly ms: number; readonly isKept: boolean } {
  const leftMs = expires.getTime() - now.getTime();
  const isKept = leftMs > 2 * markLifeMs.order;
  return { ms: Math.max(0, markLifeMs[isKept ? 'keep' : 'order'] - leftMs), isKept };
}

/** Returns the prefix of the names of all of one owner's objects. */
export const markOf = (owner: string): string => `cf-${owner}-`;
