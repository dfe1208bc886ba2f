/** Names one process for good: a pid alone is given to others later. */
export interface ProcessIdentity {
  readonly bootId: string;
  /** The PID namespace (the link target of /proc/self/ns/pid). */
  readonly pidNamespace: string;
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat, in clock ticks since boot. */
  readonly startTime: string;
}
