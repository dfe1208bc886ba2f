import { randomBytes } from 'node:crypto';
import type { Random } from '../ports/random.ts';

/** The operating system's random source. */
export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  // 48 bits are enough for a window or a jitter, exact in a double, and never give 1.
  number: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
