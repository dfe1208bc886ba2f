import { remoteText } from '../errors/remote-text.ts';

/** Identifies a process uniquely, even after its pid is reused. */
export interface ProcessIdentity {
  readonly bootId: string;
  /** The PID namespace (the link target of /proc/self/ns/pid). */
  readonly pidNamespace: string;
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat, in clock ticks since boot. */
  readonly startTime: string;
  /** The name of its machine or container, for display. */
  readonly host?: string;
}

export const isSameProcess = (a: ProcessIdentity, b: ProcessIdentity): boolean =>
  a.bootId === b.bootId && a.pidNamespace === b.pidNamespace && a.pid === b.pid && a.startTime === b.startTime;

/** Returns `32 on node-a`, or `32` if the host was not stored. */
export const processText = ({ pid, host }: Pick<ProcessIdentity, 'pid' | 'host'>): string =>
  host === undefined ? String(pid) : `${pid} on ${remoteText(host)}`;
