import fs from 'node:fs';
import { fail, reasonOf } from '../core/errors.ts';

/** A file that lines are added to. */
export interface LogFile {
  write(line: string): void;
  close(): void;
}

/**
 * Opens it, or makes it for its owner alone. Each line is written at once, so that a process which is killed has left
 * all that it said.
 */
export function openLogFile(path: string): LogFile {
  let file: number;
  try {
    file = fs.openSync(path, 'a', 0o600);
  } catch (cause) {
    throw fail('usage/invalid', { what: `--log-file ${path}: ${reasonOf(cause)}` }, { cause });
  }
  return {
    write(line) {
      try {
        fs.writeSync(file, `${line}\n`);
      } catch {
        // A full disk must not end an issue in the middle.
      }
    },
    close: () => fs.closeSync(file),
  };
}
