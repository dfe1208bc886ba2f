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

/** Returns the prefix of the names of all of one owner's objects. */
export const markOf = (owner: string): string => `cf-${owner}-`;
