import { decodeLineage, type Lineage, type Renewal } from '../../core/lineage/lineage.ts';
import { windowAsked } from '../../core/lineage/work/end.ts';
import { notDue } from '../../core/plan/not-due.ts';
import type { NamedIssuer } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Engine } from '../engine.ts';
import { changeFree, firstSight } from '../leases/lease.ts';
import { type CaHold, endOfCaHold } from '../ledger/ca-hold.ts';
import { type Job, jobOfToday } from '../run/job.ts';
import { isUntouched } from './decision.ts';
import { type AskedLineage, askForWindow } from './steps/renewal.ts';

/** What a process must know of a certificate to ask for its window, without its document. */
export interface SeenCertificate {
  readonly issuer: NamedIssuer;
  readonly lineage: AskedLineage;
  readonly revision: string;
}

/** What became of the question for a certificate's renewal window. */
export type Answer =
  /** The window is the one that was stored. Nothing was written: the process remembers when to ask again. */
  | { readonly checkAfter: string }
  /** The document has changed, by this process or by another one. */
  | 'changed';

/**
 * Returns what the question for the window of a certificate needs, or undefined if the answer takes a job: a run would
 * store something else, too, or has something to remove.
 */
export function questionOf(job: Job, lineage: Lineage): Omit<SeenCertificate, 'revision'> | undefined {
  const { name, current, renewal, rolledBack, paused } = lineage;
  const today = jobOfToday(job, lineage);
  if (!current || !today || (rolledBack ?? paused) || !isUntouched(lineage, today)) return undefined;
  const { issuer } = today.wanted;
  const { directory, issuedAt, facts } = current;
  const { ariId, notBefore, notAfter } = facts;
  if (ariId === undefined || directory !== issuer.settings.directory) return undefined;
  return {
    issuer,
    lineage: { name, renewal, current: { directory, issuedAt, facts: { ariId, notBefore, notAfter } } },
  };
}

/** Stores the answer to a question for the renewal window, unless another process has written meanwhile. */
export function storeWindow(
  engine: Engine,
  free: Parameters<typeof changeFree>[1] & { readonly lineage: Lineage },
  renewal: Renewal,
  signal: AbortSignal,
): ReturnType<typeof changeFree> {
  const { version } = free.lineage.last ?? {};
  const at = engine.clock.now().toISOString();
  const last = { at, result: 'unchanged', message: notDue, ...present({ version }) } as const;
  return changeFree(engine, free, windowAsked({ renewal, last }), signal);
}

/**
 * Asks the CA for the renewal window of a certificate that this process knows from an earlier look, and for which there
 * is nothing else to do. Reads and writes its document only if the window has changed.
 */
export async function askAgain(
  engine: Engine,
  { issuer, lineage, revision }: SeenCertificate,
  caHold: CaHold | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  const { name, renewal: before } = lineage;
  const { clock, store } = engine;
  const hold = endOfCaHold(caHold, lineage, clock.now());
  const renewal = await askForWindow({ engine, issuer, lineage, hold, signal });
  if (!renewal) return 'changed';
  if (renewal.checkAfter !== undefined && isSame(renewal, before)) return { checkAfter: renewal.checkAfter };
  const entry = await store.get({ kind: 'lineage', name }, signal);
  if (entry?.revision !== revision) return 'changed';
  const sight = firstSight(engine, name);
  await storeWindow(
    engine,
    { sight, lineage: decodeLineage(entry.bytes, name, store.location), revision },
    renewal,
    signal,
  );
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
