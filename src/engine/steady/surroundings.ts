import type { Outcome } from '../../core/plan/outcome.ts';
import type { EngineProcess } from '../engine.ts';
import type { AlarmSigns } from './alarm-watch.ts';
import type { Rows } from './rows.ts';
import type { Declarations } from './seen.ts';
import type { VitalsLog } from './vitals.ts';
import type { Watched } from './watch.ts';

/** What the loop needs besides the engine. */
export interface Surroundings {
  readonly engine: EngineProcess;
  readonly declared: () => Declarations;
  readonly changes: Changes;
  readonly vitals: VitalsLog;
  readonly alarms: AlarmSigns;
  /** Reports whether a secret may have changed since the last call. */
  readonly hasNewSecrets: () => boolean;
  /** How much later than needed it wakes, in ms, drawn for each sleep. */
  readonly lateMs: () => number;
  /**
   * How many of the nodes come before this one for a certificate. The first one asks for its renewal window, and begins at
   * once what is due.
   */
  readonly rank: (name: string) => number;
  /** How seldom it asks for a renewal window, even if the CA wants to be asked more often. */
  readonly askEveryMs: number;
  /** How often it runs a whole pass, which finds what no single lineage shows. */
  readonly wholeEveryMs: number;
  readonly ready: () => void;
  readonly done: (outcome: Outcome) => void;
  /** Takes note of a certificate that is new, or may have changed. */
  readonly note: (name: string, watched: Watched) => void;
  /** Hears of all certificates, if lists are shown. */
  readonly rows?: Pick<Rows, 'saw' | 'lost'> | undefined;
}

/** How the loop finds out what others have changed. */
export interface Changes {
  /** Takes the names of the certificates whose document or declaration has changed since the last call. */
  take(): readonly string[];
  /** Sets what to call once there is something to take. */
  onChange(ring: () => void): void;
}
