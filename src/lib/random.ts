import { randomBytes } from 'node:crypto';
import type { Random } from '../ports/random.ts';

// A call takes 10 µs, whatever its length, and an import needs a few bytes for each of thousands of documents.
let pool = Buffer.alloc(0);

function fromPool(length: number): Uint8Array {
  if (pool.length < length) pool = randomBytes(4_096);
  // A copy, so that no one else can see or change the bytes.
  const bytes = Uint8Array.from(pool.subarray(0, length));
  pool.fill(0, 0, length);
  pool = pool.subarray(length);
  return bytes;
}

/** The operating system's random source. */
export const systemRandom: Random = {
  bytes: (length) => (length > 64 ? randomBytes(length) : fromPool(length)),
  // 48 bits are enough for a window or a jitter, exact in a double, and never give 1.
  number: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
