import type { JsonObject } from './json.ts';

/**
 * What happened, for people and programs: one line of `--json` each. The format is versioned by `v`; a field is never
 * renamed or given another meaning within a version. Documented in docs/reference/events.md.
 */
export interface Event {
  readonly v: 1;
  /** RFC 3339, UTC. */
  readonly time: string;
  /** `debug`: only where it was asked for. */
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'alarm';
  readonly event: EventName;
  /** The lineage it is about, where it is about one. */
  readonly certificate?: string;
  /** One sentence for a person; holds no secret. */
  readonly message: string;
  /** What a program may want; documented by event. */
  readonly data?: JsonObject;
}

export type EventName =
  | 'run.started'
  | 'run.finished'
  | 'store.made'
  | 'certificate.changed'
  | 'certificate.started'
  | 'certificate.step'
  | 'certificate.waiting'
  | 'certificate.issued'
  | 'certificate.deployed'
  | 'certificate.pending'
  | 'certificate.failed'
  | 'preflight.finding'
  | 'renewal.scheduled'
  | 'sweep.cleaned'
  | 'sweep.failed'
  | 'deploy.alarm'
  | 'log';
