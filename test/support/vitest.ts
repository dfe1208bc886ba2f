import { appendFileSync } from 'node:fs';
import { afterAll, describe } from 'vitest';
import { findProgram, stopAll } from './service.ts';
import { skippedFileVariable } from './skipped.ts';

/** Stops every server and removes every folder of this file, even after a failed test. Call it once per file. */
export function stopAllAfterwards(): void {
  afterAll(stopAll);
}

/** A program and where it must come from; just a name means anywhere. */
export type Needed = string | { readonly name: string; readonly where: 'shared' | 'system' };

/**
 * A suite that needs programs. If one is missing, the suite is skipped, and a line at the end of the run names the
 * program and what was not tested.
 */
export function describeWith(needed: readonly Needed[], title: string, body: () => void): void {
  const missing = needed
    .map((entry) => (typeof entry === 'string' ? { name: entry, where: 'any' as const } : entry))
    .filter(({ name, where }) => findProgram(name, where) === undefined)
    .map(({ name, where }) => (where === 'shared' ? `${name} (of ../shared/bin)` : name));
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  noteSkipped(`not tested: ${title} (missing: ${missing.join(', ')})`);
  describe.skip(title, body);
}

/** One line for the end of the run. */
export function noteSkipped(line: string): void {
  const file = process.env[skippedFileVariable];
  // Without the global setup (another configuration), print the line at once.
  if (file === undefined) process.stderr.write(`${line}\n`);
  else appendFileSync(file, `${line}\n`);
}
