/** How often a process that keeps running looks at what is served. */
export interface LookTimes {
  /** At the endpoints of a certificate, if the last look was good. */
  readonly everyMs: number;
  /** After the first bad look; twice as long after each further one, up to `mostMs`. */
  readonly againMs: number;
  readonly mostMs: number;
  /** For how long an endpoint may not answer before that is stored. */
  readonly silentMs: number;
  /** At the targets of this node. */
  readonly ownMs: number;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export const usualLookTimes: LookTimes = {
  everyMs: 24 * hourMs,
  againMs: minuteMs,
  mostMs: hourMs,
  silentMs: 10 * minuteMs,
  ownMs: hourMs,
};

/**
 * Returns when to look next, in ms since 1970: each certificate has its own moment in the interval, so that the looks are
 * spread over it, and a process that starts again neither looks at all at once nor begins to count anew.
 *
 * @param share the moment, as a part of the interval: in [0, 1)
 */
export function nextLookMs(nowMs: number, everyMs: number, share: number): number {
  const offsetMs = share * everyMs;
  return Math.ceil(offsetMs + (Math.floor((nowMs - offsetMs) / everyMs) + 1) * everyMs);
}

/** Returns for how long to wait after a number of bad looks, one after the other. */
export const pauseAfterBad = ({ againMs, mostMs }: LookTimes, looks: number): number =>
  Math.min(againMs * 2 ** Math.min(looks - 1, 30), mostMs);
