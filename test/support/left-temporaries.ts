import { writerText } from '../../src/lib/files/files.ts';
import { readHome, readStat } from '../../src/lib/processes/process-table.ts';
import type { ProcessIdentity } from '../../src/ports/processes.ts';

/** The name of a temporary file that this process wrote. */
export const temporaryOf = (writer: ProcessIdentity, number = 1): string =>
  `.certfleet-${writerText(writer)}-0a1b2c3d-${number}.tmp`;

/** The name of a temporary file of a process that was killed. No PID is that high (pid_max is at most 2^22). */
export const temporaryOfDead = (number = 1): string =>
  temporaryOf({ ...readHome(), pid: 4_194_305, startTime: '7' }, number);

/** The name of a temporary file of this process. */
export const temporaryOfLiving = (number = 1): string =>
  temporaryOf({ ...readHome(), pid: process.pid, startTime: readStat(process.pid)!.startTime }, number);
