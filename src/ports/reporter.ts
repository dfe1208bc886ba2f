import type { Event } from '../core/plan/event.ts';

/** Receives events: progress lines, `--json`, later SSE, metrics and alarms. MUST NOT throw or wait. */
export interface Reporter {
  report(event: Event): void;
}
