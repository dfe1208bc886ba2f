import type { JsonObject } from '../text/json.ts';

/**
 * Something that happened, for people and programs: one line of `--json`. Within one format version (`v`), no field is
 * renamed or changes its meaning. Documented in docs/reference/events.md.
 */
export interface Event {
  readonly v: 1;
  /** RFC 3339, UTC. */
  readonly time: string;
  /** `debug` is shown only on request. */
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'alarm';
  readonly event: EventName;
  /** The lineage that it concerns, if any. */
  readonly certificate?: string;
  /** One sentence for a person; contains no secret. */
  readonly message: string;
  /** Details for programs, documented for each event. */
  readonly data?: JsonObject;
}

export type EventName =
  | 'run.started'
  | 'run.ready'
  | 'run.planned'
  | 'run.finished'
  | 'store.made'
  | 'configuration.read'
  | 'configuration.refused'
  | 'secrets.changed'
  | 'certificate.changed'
  | 'certificate.started'
  | 'certificate.step'
  | 'certificate.waiting'
  | 'certificate.issued'
  | 'certificate.deployed'
  | 'certificate.pending'
  | 'certificate.failed'
  | 'certificate.revoked'
  | 'certificate.rolled-back'
  | 'certificate.exported'
  | 'certificate.paused'
  | 'certificate.resumed'
  | 'preflight.finding'
  | 'renewal.scheduled'
  | 'renewal.early'
  | 'schedule.too-slow'
  | 'sweep.cleaned'
  | 'sweep.unsure'
  | 'sweep.failed'
  | 'deploy.alarm'
  | 'node.missing'
  | 'node.forgotten'
  | 'alarm.raised'
  | 'alarm.repeated'
  | 'alarm.resolved'
  | 'alarm.unsent'
  | 'hook.ran'
  | 'hook.failed'
  | 'log';
