import fs from 'node:fs';
import { fail, reasonOf } from '../core/errors.ts';
import { foreignOn } from './foreign.ts';

/** A file that lines are appended to. */
export interface LogFile {
  write(line: string): void;
  close(): void;
}

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = fs.constants;

/**
 * Opens the file, or creates it with mode 0600. Writes each line at once, so that a kill loses none.
 */
export function openLogFile(path: string): LogFile {
  let file: number;
  try {
    file = openToAppend(path);
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

/**
 * The operator may name a pipe (`>(…)`) or a terminal, and then a line waits until it is read. Another user could put a
 * pipe that is not read there, which would stop the whole process.
 */
function openToAppend(path: string): number {
  const file = open(path, O_NONBLOCK);
  if (fs.fstatSync(file).isFile()) return file;
  try {
    const foreign = foreignOn(path);
    if (foreign) throw new Error(`it is not a regular file, and ${foreign.reason}; name another file, or remove it`);
    return open(path);
  } finally {
    fs.closeSync(file);
  }
}

function open(path: string, more = 0): number {
  try {
    return fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | more, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
    throw new Error('it is a pipe that no program reads', { cause: error });
  }
}
