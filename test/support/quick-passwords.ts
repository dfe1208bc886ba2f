import { systemRandom } from '../../src/lib/random.ts';

/** For `createAccess`: hashes that take no time, because they guard nothing. */
export const quickPasswords = { random: systemRandom, scrypt: { cost: 16, blockSize: 8, parallelization: 1 } } as const;
