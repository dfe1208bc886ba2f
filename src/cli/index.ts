#!/usr/bin/env node
// biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, and this is less than a stream
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { version } from '../core/errors/version.ts';

/** The file that has `run.ts`, defined by the build. */
declare const builtRun: string | undefined;

// Scripts and package tests often ask for `--version`, so it loads nothing else, not even the stream of stdout.
const [first, ...others] = process.argv.slice(2);
const isVersionAsked = (first === '--version' || first === '-V') && others.length === 0;
if (!isVersionAsked || !isWritten(`${version}\n`)) void load().then(({ run }) => run());

/**
 * Reports whether the text was written. If the output is full, closed or broken, `run` prints the text again, and
 * reports the problem.
 */
function isWritten(text: string): boolean {
  try {
    return writeSync(1, text) === text.length;
  } catch {
    return false;
  }
}

async function load(): Promise<typeof import('./run.ts')> {
  if (typeof builtRun === 'undefined') return import('./run.ts');
  // biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, so it loads itself
  const { loadBuilt } = await import('../lib/code-cache.ts');
  return loadBuilt<typeof import('./run.ts')>(join(import.meta.dirname, builtRun));
}
