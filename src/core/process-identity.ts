/** Identifies one process for ever; a pid alone is reused. */
export interface ProcessIdentity {
  readonly bootId: string;
  /** The PID namespace (the link target of /proc/self/ns/pid). */
  readonly pidNamespace: string;
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat, in clock ticks since boot. */
  readonly startTime: string;
}
