import type { Lineage, Renewal } from '../../core/lineage/lineage.ts';
import { windowAsked } from '../../core/lineage/work/end.ts';
import { notDue } from '../../core/plan/not-due.ts';
import { present } from '../../core/text/present.ts';
import type { Engine } from '../engine.ts';
import { changeFree, type Free, firstSight } from '../leases/lease.ts';
import type { CaHold } from '../ledger/ca-hold.ts';
import type { Job } from '../run/job.ts';
import { decide } from './decision.ts';
import { askRenewalInfo } from './steps/renewal.ts';

/** A certificate as the process last saw it. */
export interface SeenCertificate {
  readonly job: Job;
  readonly lineage: Lineage;
  readonly revision: string;
}

/** What became of the question for a certificate's renewal window. */
export type Answer =
  /** The window is the one that was stored. Nothing was written: the process remembers when to ask again. */
  | { readonly checkAfter: string }
  /** The document has changed, by this process or by another one. */
  | 'changed'
  /** There is more to do for the certificate, for which a job is needed. */
  | 'not asked';

/** Stores the answer to a question for the renewal window, unless another process has written meanwhile. */
export function storeWindow(
  engine: Engine,
  free: Omit<Free, 'claim'> & { readonly lineage: Lineage },
  renewal: Renewal,
  signal: AbortSignal,
): ReturnType<typeof changeFree> {
  const { version } = free.lineage.last ?? {};
  const at = engine.clock.now().toISOString();
  const last = { at, result: 'unchanged', message: notDue, ...present({ version }) } as const;
  return changeFree(engine, free, windowAsked({ renewal, last }), signal);
}

/**
 * Asks the CA for the renewal window of a certificate that this process knows from an earlier look, if nothing else is to
 * be done for it. Reads no document, and writes only if the window has changed.
 */
export async function askAgain(
  engine: Engine,
  { job, lineage, revision }: SeenCertificate,
  caHold: CaHold | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  const { clock, node, pass } = engine;
  const isDown = pass.cas(job.wanted.issuer.settings.directory).state() === 'down';
  // An account's rollover and the rate limits concern orders; a certificate to be ordered needs a job.
  const others = { isChecked: true, rollover: undefined, limit: undefined };
  const decision = decide(job, { lineage, caHold, isDown, node, now: clock.now(), ...others });
  if (decision.action !== 'ask-window') return 'not asked';
  const renewal = await askRenewalInfo({ engine, job: decision.job, lineage, caHold, signal });
  if (renewal?.checkAfter !== undefined && isSame(renewal, lineage.renewal)) return { checkAfter: renewal.checkAfter };
  if (renewal)
    await storeWindow(engine, { sight: firstSight(engine, lineage.name), lineage, revision }, renewal, signal);
  return 'changed';
}

/** Reports whether renewals differ in nothing but when the CA is asked again. */
const isSame = (a: Renewal, b: Renewal | undefined): boolean =>
  b !== undefined &&
  a.at === b.at &&
  a.source === b.source &&
  a.window?.start === b.window?.start &&
  a.window?.end === b.window?.end &&
  a.explanationUrl === b.explanationUrl;
