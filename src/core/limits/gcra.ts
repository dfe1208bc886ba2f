/**
 * The generic cell rate algorithm (GCRA), with the rules of Boulder, the software of Let's Encrypt. A bucket is one
 * number: its theoretical arrival time, which is when it will be full again. Undefined is a bucket that was never used.
 * All times are milliseconds since 1970 on the CA's clock.
 */

export interface Rate {
  /** How many tokens a full bucket has. */
  readonly burst: number;
  /** One token comes back in this time: whole milliseconds, or whole 1024ths, so that times stay exact numbers. */
  readonly intervalMs: number;
}

export interface Level {
  /** The tokens left now. */
  readonly left: number;
  /** When a token is there: now or earlier if one is left. The CA says yes at exactly this instant, not a millisecond before. */
  readonly nextAtMs: number;
  /** When the bucket is full. */
  readonly fullAtMs: number;
}

export function look(arrivalMs: number | undefined, { burst, intervalMs }: Rate, nowMs: number): Level {
  const fullAtMs = Math.max(arrivalMs ?? nowMs, nowMs);
  const nextAtMs = Math.ceil(fullAtMs - (burst - 1) * intervalMs);
  const left = nextAtMs > nowMs ? 0 : Math.floor((nowMs - fullAtMs) / intervalMs) + burst;
  return { left, nextAtMs, fullAtMs };
}

/**
 * Returns the arrival time after `cost` tokens are spent. If fewer are left, the CA spends nothing: it refuses the
 * order, and of what it counts afterwards (certificates, failures) it drops what does not fit. So a bucket never owes
 * more than its burst.
 */
export function spent(arrivalMs: number | undefined, rate: Rate, nowMs: number, cost = 1): number {
  const { left, fullAtMs } = look(arrivalMs, rate, nowMs);
  return left < cost ? fullAtMs : fullAtMs + cost * rate.intervalMs;
}

/** Returns the arrival time after a token is given back: the CA does that if it refuses an order for another reason. */
export const refunded = (arrivalMs: number | undefined, { intervalMs }: Rate, nowMs: number): number =>
  Math.max((arrivalMs ?? nowMs) - intervalMs, nowMs);

/** Returns the arrival time that makes the next token come exactly then, as the CA said. */
export const refilledUntil = ({ burst, intervalMs }: Rate, nextAtMs: number): number =>
  nextAtMs + (burst - 1) * intervalMs;
