import { scrypt, timingSafeEqual } from 'node:crypto';
import type { PasswordHash } from '../core/access/user.ts';
import { createTurns } from '../core/async/turns.ts';
import type { Random } from '../ports/random.ts';

/** Takes 32 MiB and about 0.2 s of a core, so that a stolen hash is expensive to guess (OWASP's choice for 32 MiB). */
const strong = { cost: 32_768, blockSize: 8, parallelization: 3 };
const length = 32;

export interface Passwords {
  hash(password: string): Promise<PasswordHash>;
  /** Takes the same time without a hash, so that the time does not tell whether a user exists. */
  isRight(password: string, hash: PasswordHash | undefined): Promise<boolean>;
  /** How many wait. */
  readonly waiting: number;
}

/** @param parameters of new hashes */
export function createPasswords({ bytes }: Random, parameters: PasswordHash['scrypt'] = strong): Passwords {
  // One at a time: the thread pool also opens the files of the store.
  const turns = createTurns(1);
  const derive = (password: string, salt: Uint8Array, { cost, blockSize, parallelization }: PasswordHash['scrypt']) =>
    turns.run(
      () =>
        new Promise<Buffer>((resolve, reject) => {
          const maxmem = 256 * cost * blockSize;
          // The same password can be typed in two ways (composed or not).
          const text = password.normalize('NFKC');
          scrypt(text, salt, length, { cost, blockSize, parallelization, maxmem }, (error, key) =>
            error ? reject(error) : resolve(key),
          );
        }),
    );
  const hash = async (password: string): Promise<PasswordHash> => {
    const salt = bytes(16);
    const key = await derive(password, salt, parameters);
    return { scrypt: parameters, salt: Buffer.from(salt).toString('base64'), hash: key.toString('base64') };
  };
  return {
    hash,
    async isRight(password, known) {
      const { scrypt: used, salt, hash: text } = known ?? { scrypt: parameters, salt: '', hash: '' };
      const key = await derive(password, Buffer.from(salt, 'base64'), used);
      const expected = Buffer.from(text, 'base64');
      return expected.length === key.length && timingSafeEqual(expected, key);
    },
    get waiting() {
      return turns.waiting;
    },
  };
}
