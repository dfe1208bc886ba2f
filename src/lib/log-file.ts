import fs from 'node:fs';
import { fail, reasonOf } from '../core/errors.ts';

/** A file that lines are appended to. */
export interface LogFile {
  write(line: string): void;
  close(): void;
}

/**
 * Opens the file, or creates it with mode 0600. Writes each line at once, so that a kill loses none.
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
        // A full disk must not interrupt an issue.
      }
    },
    close: () => fs.closeSync(file),
  };
}
