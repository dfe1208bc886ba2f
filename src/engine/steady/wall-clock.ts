import type { Clock } from '../../ports/clock.ts';

/** Returns how far the wall clock is ahead of the monotonic one, in ms. That changes only if it jumps. */
export const aheadMsOf = (clock: Clock): number => clock.now().getTime() - clock.monotonicMs();

/** How far the wall clock moves at once if somebody sets it, or the machine has slept. */
const jumpMs = 1_000;

/** Reports whether the wall clock has jumped between two times. */
export const isJump = (beforeMs: number, aheadMs: number): boolean => Math.abs(aheadMs - beforeMs) > jumpMs;
