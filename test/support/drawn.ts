import { basename } from 'node:path';
import { expect, it, type TestContext } from 'vitest';
import { isLong, seeded } from './seeded.ts';

type Declare = (title: string, body: (context: TestContext) => Promise<void>) => void;

const share = 1 / 3;

/**
 * Declares a test beside the main path of its file. Each run of `npm test` draws a third of these tests, and
 * `npm run test:long` runs all. A suite needs another test, because vitest refuses an empty one.
 */
export const itDrawn: Declare = (title, body) => {
  if (isLong || seeded(`${basename(expect.getState().testPath ?? '')} ${title}`)() < share) it(title, body);
};

/** For a contract: runs the cases whose titles match in every run, and draws among the others. */
export const drawnExcept =
  (always: RegExp): Declare =>
  (title, body) =>
    (always.test(title) ? it : itDrawn)(title, body);
