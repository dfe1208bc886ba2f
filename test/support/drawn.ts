import { basename } from 'node:path';
import { expect, it, type TestContext } from 'vitest';
import { isLong, seeded } from './seeded.ts';

type Declare = (title: string, body: (context: TestContext) => Promise<void>, timeout?: number) => void;

const share = 1 / 4;

/**
 * Declares a test beside the main path of its file. Each run of `npm test` draws a quarter of these tests, and
 * `npm run test:long` runs all. A suite needs another test, because vitest refuses an empty one.
 */
export const itDrawn: Declare = (title, body, timeout) => {
  if (isLong || seeded(`${basename(expect.getState().testPath ?? '')} ${title}`)() < share) it(title, body, timeout);
};

/** For a contract: runs the cases whose titles match in every run, and draws among the others. */
export const drawnExcept =
  (always: RegExp): Declare =>
  (title, body, timeout) =>
    (always.test(title) ? it : itDrawn)(title, body, timeout);
