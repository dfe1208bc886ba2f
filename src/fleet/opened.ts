import type { Composed } from '../compose.ts';
import type { Settings } from '../core/spec/spec.ts';
import type { Engine } from '../engine/engine.ts';

/** What each method of a fleet works on. The engine is for this pass. */
export interface OpenFleet {
  readonly settings: Settings;
  readonly composed: Composed;
  readonly engine: Engine;
}
