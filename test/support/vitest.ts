import { appendFileSync } from 'node:fs';
import { afterAll, describe } from 'vitest';
import { findProgram, stopAll } from './service.ts';
import { skippedFileVariable } from './skipped.ts';

/** Stops every server and removes every folder of this file, even after a failed test. Call it once per file. */
export function stopAllAfterwards(): void {
  afterAll(stopAll);
}

/** A program and where it must come from; just a name means anywhere. Or something else that may not be here. */
export type Needed =
  | string
  | { readonly name: string; readonly where: 'shared' | 'system' }
  | { readonly name: string; readonly works: () => boolean };

/**
 * A suite that needs programs or rights. If one is missing, the suite is skipped, and a line at the end of the run names
 * it and what was not tested.
 */
export function describeWith(needed: readonly Needed[], title: string, body: () => void): void {
  const missing = needed.flatMap(missingOf);
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  noteSkipped(`not tested: ${title} (missing: ${missing.join(', ')})`);
  describe.skip(title, body);
}

function missingOf(needed: Needed): readonly string[] {
  if (typeof needed === 'string') return findProgram(needed) === undefined ? [needed] : [];
  if ('works' in needed) return needed.works() ? [] : [needed.name];
  if (findProgram(needed.name, needed.where) !== undefined) return [];
  return [needed.where === 'shared' ? `${needed.name} (of ../shared/bin)` : needed.name];
}

/** One line for the end of the run. */
export function noteSkipped(line: string): void {
  const file = process.env[skippedFileVariable];
  // Without the global setup (another configuration), print the line at once.
  if (file === undefined) process.stderr.write(`${line}\n`);
  else appendFileSync(file, `${line}\n`);
}
