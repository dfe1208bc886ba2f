import { fail } from '../../core/errors/errors.ts';
import { isOnlyOwing, type Lineage } from '../../core/lineage/lineage.ts';
import { type Pause, pauseText } from '../../core/lineage/pause.ts';
import { paused, resumed } from '../../core/lineage/work/acts.ts';
import { type Engine, report } from '../engine.ts';
import { changeFree, firstSight, isBusy, lookAt } from '../leases/lease.ts';

/** What is asked for. */
export interface PauseRequest {
  readonly name: string;
  /** Undefined to resume it. */
  readonly pause: Pause | undefined;
  /** Who asks. */
  readonly by: string;
  /** The revision of the document that the person saw; undefined to act whatever it says now. */
  readonly ifRevision?: string | undefined;
  /** Does not wait for a process that works on it. */
  readonly atOnce?: boolean;
}

/**
 * Pauses a certificate, or resumes it, in one write without a lease. A run that another process is in the middle of ends
 * first: it may have begun an order. Fails with `lineage/changed`, with `lineage/at-work` if it must not wait, or with
 * `store/busy` after 15 minutes.
 *
 * @returns the document as it is now, or undefined if there is no such lineage
 */
export async function changePause(
  engine: Engine,
  { name, pause, by, ifRevision, atOnce = false }: PauseRequest,
  signal: AbortSignal,
): Promise<Lineage | undefined> {
  for (let sight = firstSight(engine, name); ; ) {
    const seen = await lookAt(engine, sight, signal);
    if (isBusy(seen)) {
      if (atOnce) throw fail('lineage/at-work', { name });
      await engine.clock.sleep(seen.pauseMs, signal);
      continue;
    }
    if ('finished' in seen) {
      sight = firstSight(engine, name);
      continue;
    }
    const { lineage, revision } = seen;
    if (ifRevision !== undefined && (revision ?? '') !== ifRevision) throw fail('lineage/changed', { name });
    if (!lineage || isOnlyOwing(lineage)) return undefined;
    if (!pause && !lineage.paused) return lineage;
    const written = await changeFree(engine, seen, pause ? paused(pause) : resumed(), signal);
    if (!written) continue;
    const event = pause ? 'certificate.paused' : 'certificate.resumed';
    const message = pause ? pauseText(pause) : `resumed by ${by}`;
    report(engine, { level: 'info', event, certificate: name, message, data: { by } });
    return written.lineage;
  }
}
