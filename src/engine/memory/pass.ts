import type { Clock } from '../../ports/clock.ts';
import { noRuns, type RunsOfPass } from '../history/runs-of-pass.ts';
import { type CaOfPass, createCaOfPass } from './ca-of-pass.ts';
import { type HooksOfPass, newHooksOfPass } from './hooks-of-pass.ts';
import { createLimitsOfPass, type LimitsOfPass } from './limits-of-pass.ts';
import type { Memory } from './memory.ts';
import { createReloads, type Reloads } from './reloads.ts';

/**
 * What one pass has done and found out. It ends with the pass: the next one runs hooks again, and checks again which
 * CAs are down.
 */
export interface Pass {
  /** Distinguishes the passes of one process. */
  readonly id: string;
  /** The hooks around its orders. */
  readonly hooks: HooksOfPass;
  /** The certificates that wait to share a reload. */
  readonly reloads: Reloads;
  /** What is left of the CAs' rate limits. */
  readonly limits: LimitsOfPass;
  /** By directory URL: whether the CA is down, and how many certificates may be worked on. */
  readonly cas: (directory: string) => CaOfPass;
  /** What it does to each certificate, for the histories. */
  readonly runs: RunsOfPass;
}

export function newPass(
  id: string,
  clock: Pick<Clock, 'monotonicMs' | 'sleep'>,
  { paces }: Pick<Memory, 'paces'>,
  runs: RunsOfPass = noRuns,
): Pass {
  const cas = new Map<string, CaOfPass>();
  return {
    id,
    hooks: newHooksOfPass(),
    reloads: createReloads(clock),
    limits: createLimitsOfPass(),
    runs,
    cas(directory) {
      const ca = cas.get(directory) ?? createCaOfPass(clock, paces(directory));
      cas.set(directory, ca);
      return ca;
    },
  };
}
