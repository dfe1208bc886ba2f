import type { Session } from '../lineage/session.ts';

/** What a process that keeps running does for its node: everything, or only answer challenges. */
export type Role = (typeof roles)[number];
export const roles = ['node', 'responder'] as const;

/** What keeps running for each role, as it is typed. */
export const commandsOf: Readonly<Record<Role, string>> = {
  node: 'certfleet run',
  responder: 'certfleet run --role responder',
};

/** The process of `certfleet run` that has the name of a node for a role, or had it last. */
export interface Running {
  /** Its session, whose beat is the sign of life that other machines see. Undefined once it has ended or was fenced. */
  readonly lease?: Session | undefined;
  /** It has not ended in order: another process has taken over its leases. */
  readonly fenced?: true | undefined;
  /** The version of certfleet. */
  readonly version: string;
  /** A hash over its configuration, to compare with other nodes. */
  readonly configuration: string;
  /** When it began. RFC 3339. */
  readonly since: string;
  /** When it gave its last sign of life, by its own clock. RFC 3339. */
  readonly at: string;
  /** How often it gives one. */
  readonly everyMs: number;
}

/** The processes of a node, by role. */
export type RunningByRole = Readonly<Partial<Record<Role, Running>>>;

/** After this many missed beats, a process is taken for dead, and another one may have its name. */
const missedBeats = 3;

/** Returns for how long a process must be silent until another one may have its name. */
export const silenceMs = ({ everyMs }: Pick<Running, 'everyMs'>): number => missedBeats * everyMs;

/** An update or a restart is no reason to wake somebody, and the clocks of two machines may differ a little. */
const leastMissingMs = 5 * 60_000;

/** Who stops a process in order knows of it, at least for a day. */
const endedMs = 24 * 3_600_000;

/** Returns how long after its last sign of life a process is missing. */
export const missingAfterMs = (running: Pick<Running, 'lease' | 'fenced' | 'everyMs'>): number =>
  running.lease || running.fenced ? Math.max(silenceMs(running), leastMissingMs) : endedMs;
