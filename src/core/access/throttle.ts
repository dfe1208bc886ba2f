/** Slows down guesses of passwords. Times are those of a monotonic clock. */
export interface Throttle {
  /** Returns how long someone must wait before the next try counts at all; 0 if it does now. */
  waitMs(attempt: Attempt, nowMs: number): number;
  /** Counts a try. It may be called before the outcome is known. */
  failed(attempt: Attempt, nowMs: number): void;
  /** Takes back the last count. From now on, tries for the user from there are not slowed down by those of others. */
  succeeded(attempt: Attempt, nowMs: number): void;
}

export interface Attempt {
  readonly user: string;
  /** The address of the client, or what stands for it. */
  readonly from: string;
}

interface Bucket {
  readonly left: number;
  readonly atMs: number;
}

interface Rate {
  /** So many tries at once. */
  readonly most: number;
  /** One more after this time. */
  readonly eachMs: number;
}

/** Admits so many of something at once, and one more after each time. */
export function createBucket(rate: Rate): { take(nowMs: number): boolean } {
  let bucket: Bucket | undefined;
  return {
    take(nowMs) {
      const left = leftIn(bucket, rate, nowMs);
      if (left < 1) return false;
      bucket = { left: left - 1, atMs: nowMs };
      return true;
    },
  };
}

const leftIn = (bucket: Bucket | undefined, { most, eachMs }: Rate, nowMs: number): number =>
  bucket === undefined ? most : Math.min(most, bucket.left + (nowMs - bucket.atMs) / eachMs);

/** A person who mistypes notices nothing; a program gets 2,880 tries a day. */
const ofAddress: Rate = { most: 10, eachMs: 30_000 };
/** Of all addresses together. A person elsewhere has a try every ten seconds even under attack, so no one is locked out. */
const ofUser: Rate = { most: 20, eachMs: 10_000 };
/** So many addresses and users are remembered. Those that tried least recently are forgotten first. */
const mostKnown = 10_000;

/**
 * Keeps count in memory. A try that is refused because of the throttle does not count, so waiting always helps. An
 * address from which a user has logged in counts by itself, so an attacker elsewhere cannot slow down that user.
 */
export function createThrottle(): Throttle {
  const buckets = new Map<string, Bucket>();
  const trusted = new Map<string, number>();

  const keysOf = ({ user, from }: Attempt): readonly (readonly [string, Rate])[] => {
    const network = networkOf(from);
    const own = ['address', network].join(' ');
    if (trusted.has(`${network} ${user}`)) return [[`${own} ${user}`, ofAddress]];
    return [
      [own, ofAddress],
      [`user ${user}`, ofUser],
    ];
  };

  return {
    waitMs: (attempt, nowMs) =>
      Math.max(
        0,
        ...keysOf(attempt).map(([key, rate]) => Math.ceil((1 - leftIn(buckets.get(key), rate, nowMs)) * rate.eachMs)),
      ),
    failed(attempt, nowMs) {
      for (const [key, rate] of keysOf(attempt)) {
        const left = leftIn(buckets.get(key), rate, nowMs) - 1;
        buckets.delete(key);
        buckets.set(key, { left, atMs: nowMs });
      }
      forgetOldest(buckets);
    },
    succeeded(attempt, nowMs) {
      const { user, from } = attempt;
      for (const [name, rate] of keysOf(attempt)) {
        const left = Math.min(rate.most, leftIn(buckets.get(name), rate, nowMs) + 1);
        buckets.set(name, { left, atMs: nowMs });
      }
      const key = `${networkOf(from)} ${user}`;
      trusted.delete(key);
      trusted.set(key, nowMs);
      forgetOldest(trusted);
    },
  };
}

function forgetOldest(known: Map<string, unknown>): void {
  for (const key of known.keys()) {
    if (known.size <= mostKnown) return;
    known.delete(key);
  }
}

/** Who has one IPv6 address has 2^64 of them. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const first = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - rest.length) }, () => '0');
  const groups = tail === undefined ? first : [...first, ...zeros, ...rest];
  return groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':');
}
