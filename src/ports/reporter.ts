import type { Event } from '../core/event.ts';

/** Where events go: progress lines, `--json`, later SSE, metrics and alarms. MUST NOT throw and MUST NOT wait. */
export interface Reporter {
  report(event: Event): void;
}
