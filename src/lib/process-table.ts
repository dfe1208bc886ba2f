import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ProcessIdentity } from '../ports/processes.ts';

/** One line of /proc/<pid>/stat, as far as it is used (proc(5)). */
export interface ProcessStat {
  /** R, S, T…; Z and X are dead. */
  readonly state: string;
  readonly group: number;
  /** Field 22, ticks since boot. */
  readonly startTime: string;
}

/**
 * Reads a stat line. The second field is the program's name in parentheses and may itself hold spaces and parentheses
 * (`(sd-pam)`, or whatever a program calls itself), so counting starts after the last one.
 */
export function parseStat(line: string): ProcessStat | undefined {
  const end = line.lastIndexOf(')');
  if (end < 0) return undefined;
  // The first one after the name is field 3.
  const fields = line.slice(end + 2).split(' ');
  const [state, , group] = fields;
  const startTime = fields[22 - 3];
  return state && group && startTime ? { state, group: Number(group), startTime } : undefined;
}

/** undefined where there is no such process, or no /proc. */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

export const isRunning = (stat: ProcessStat | undefined): stat is ProcessStat =>
  stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';

/**
 * Whether a process group has a member that still runs; undefined without /proc. Zombies do not count: where PID 1
 * reaps late or never (many containers), kill(2) finds them in the group for ever.
 */
export function groupRuns(group: number): boolean | undefined {
  let names: readonly string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return undefined;
  }
  const pids = names.filter((name) => /^\d+$/.test(name));
  if (pids.length === 0) return undefined;
  return pids.some((pid) => {
    const stat = readStat(Number(pid));
    return isRunning(stat) && stat.group === group;
  });
}

const orEmpty = (read: () => string): string => {
  try {
    return read().trim();
  } catch {
    return '';
  }
};

/** Where a pid means what it says. Empty strings on a machine without Linux's /proc: nothing can be told there. */
export const readHome = (): Pick<ProcessIdentity, 'bootId' | 'pidNamespace'> => ({
  bootId: orEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')),
  pidNamespace: orEmpty(() => readlinkSync('/proc/self/ns/pid')),
});
