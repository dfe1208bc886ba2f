import type { Composed } from '../compose.ts';
import type { Settings } from '../core/spec/spec.ts';

/** What each method of a fleet works on. */
export interface OpenFleet {
  readonly settings: Settings;
  readonly composed: Composed;
}
