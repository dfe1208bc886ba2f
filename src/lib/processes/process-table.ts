import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ProcessIdentity } from '../../ports/processes.ts';

/** The fields of /proc/<pid>/stat (proc(5)) that certfleet uses. */
export interface ProcessStat {
  /** R, S, T…; Z and X mean dead. */
  readonly state: string;
  readonly group: number;
  /** Field 22, ticks since boot. */
  readonly startTime: string;
}

/**
 * Parses a stat line. The second field is the program's name in parentheses, which may itself contain spaces and
 * parentheses (`((sd-pam))`), so this counts the fields after the last one.
 */
export function parseStat(line: string): ProcessStat | undefined {
  const end = line.lastIndexOf(')');
  if (end < 0) return undefined;
  // The first field after the name is field 3.
  const fields = line.slice(end + 2).split(' ');
  const [state, , group] = fields;
  const startTime = fields[22 - 3];
  return state && group && startTime ? { state, group: Number(group), startTime } : undefined;
}

/** Returns undefined if there is no such process, or no /proc. */
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
 * Reports whether a process group has a living member, or undefined without /proc. Zombies do not count: in many
 * containers, PID 1 reaps them late or never, and kill(2) finds them in the group forever.
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

/** Returns the scope in which a PID is unique. The strings are empty without Linux's /proc. */
export const readHome = (): Pick<ProcessIdentity, 'bootId' | 'pidNamespace'> => ({
  bootId: orEmpty(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')),
  pidNamespace: orEmpty(() => readlinkSync('/proc/self/ns/pid')),
});
