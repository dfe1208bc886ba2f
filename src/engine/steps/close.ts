import { backoffMs } from '../../core/backoff.ts';
import { type ErrorCode, errorTable } from '../../core/error-table.ts';
import { CertfleetError, fail, isFailure } from '../../core/errors.ts';
import type { Failure, LastRun, Lineage, Renewal, Tombstone, Work } from '../../core/lineage.ts';
import type { Outcome } from '../../core/outcome.ts';
import { endOfHold } from '../../core/retry-after.ts';
import { happenedWithin } from '../../core/stored-time.ts';
import { type EngineContext, report } from '../engine.ts';
import type { Holding } from '../leases/lease.ts';
import { oneForEach, presentedIn, tombstoneOf } from './clean-up.ts';
import type { Deployed } from './deploy.ts';

/** Step 14: the work is closed and the lease given back in one write. */
export async function closeDone(
  context: EngineContext,
  holding: Holding,
  done: {
    /** Undefined where no target was touched. */
    readonly deployed: Deployed | undefined;
    readonly left: readonly Tombstone[];
    readonly renewal: Renewal | undefined;
    /** Older versions that are still in the store. */
    readonly retired: readonly string[] | undefined;
    readonly isRenewal: boolean;
  },
  signal: AbortSignal,
): Promise<Outcome> {
  const { lineage } = holding;
  const { current, name } = lineage;
  if (!current) throw fail('bug/unexpected', { reason: `${name} was closed without a certificate` });
  const at = context.clock.now().toISOString();
  const error = allOf(done.deployed?.errors ?? []);
  const issued = lineage.last?.version !== current.id;
  const quiet = done.deployed ? 'deployed' : 'unchanged';
  const result = error ? 'pending' : !issued ? quiet : done.isRenewal ? 'renewed' : 'issued';
  const words = { deployed: 'every target has it', unchanged: 'it is not due' } as const;
  const message = error ? error.message : issued ? `valid until ${current.facts.notAfter}` : words[quiet];
  const last: LastRun = {
    at,
    result,
    version: current.id,
    message,
    ...(error ? { code: error.code, hint: error.hint } : {}),
  };
  await holding.update((l) => {
    const { work, failure, tombstones: _old, retired: _removed, ...rest } = l;
    const stones = keepTombstones(context, l, done.left);
    const waiting = work && unpark(work);
    // A pass that only deployed says nothing about the order that failed, nor about the CA that wants no call yet.
    const stands = !issued && failure && (waiting || (failure.holdUntil ?? '') > at);
    return {
      ...rest,
      ...(stands ? { failure } : {}),
      ...(waiting ? { work: waiting } : {}),
      ...(done.renewal ? { renewal: done.renewal } : {}),
      ...(done.deployed ? { deployments: done.deployed.deployments } : {}),
      ...(stones.length > 0 ? { tombstones: stones } : {}),
      ...(done.retired && done.retired.length > 0 ? { retired: done.retired } : {}),
      last,
    };
  }, signal);
  return withNext(outcomeOf(name, last, current.facts.notAfter, error), holding.lineage);
}

/** One error for all targets that wait, each on a line of its own; its code is the first one's. */
function allOf(errors: readonly CertfleetError[]): CertfleetError | undefined {
  const [first] = errors;
  const sameHint = errors.every(({ hint }) => hint === first?.hint);
  const lines = new Set(errors.map(({ message, hint }) => (sameHint ? message : `${message}. ${hint}`)));
  if (!first || lines.size === 1) return first;
  const message = [`${lines.size} targets do not have it yet:`, ...lines].join('\n');
  return new CertfleetError(
    first.code,
    message,
    sameHint ? first.hint : '`certfleet renew` tries each of them again.',
    {},
  );
}

/** A failure: what can be resumed is kept without a lease, the back-off is counted, the CA's Retry-After is kept. */
export async function closeFailed(
  context: EngineContext,
  holding: Holding,
  error: CertfleetError,
  left: readonly Tombstone[],
): Promise<Outcome> {
  const now = context.clock.now();
  const { name, current } = holding.lineage;
  const failure = countFailure(holding.lineage, error, now);
  const last: LastRun = {
    at: failure.at,
    result: 'failed',
    ...told(holding.lineage),
    code: error.code,
    message: error.message,
    hint: error.hint,
  };
  await settle(context, holding, left, { failure, last }, fateOf(error));
  report(context, 'error', 'certificate.failed', name, error.message, { code: error.code, retryAt: failure.retryAt });
  const outcome: Outcome = { certificate: name, result: 'failed', message: error.message, error };
  return {
    ...outcome,
    next: current && Date.parse(failure.retryAt) < now.getTime() ? now.toISOString() : failure.retryAt,
  };
}

/** The caller gave up: everything is kept for the next run, nothing counts as a failure. */
export async function closeStopped(
  context: EngineContext,
  holding: Holding,
  left: readonly Tombstone[],
): Promise<void> {
  const last: LastRun = {
    at: context.clock.now().toISOString(),
    result: 'stopped',
    ...told(holding.lineage),
    message: 'it was stopped; the next run goes on where it was',
  };
  await settle(context, holding, left, { last }, 'kept');
}

/** The version whose issue was told already: a later pass that only deploys must not tell it again. */
const told = ({ last }: Lineage) => (last?.version === undefined ? {} : { version: last.version });

/** Writes the end of an unfinished run, on a time budget of its own: the caller's signal may be what ended it. */
async function settle(
  context: EngineContext,
  holding: Holding,
  left: readonly Tombstone[],
  fields: { readonly failure?: Failure; readonly last: LastRun },
  order: OrderFate,
): Promise<void> {
  const deadline = context.clock.deadline(context.limits.shutdownBudgetMs);
  try {
    await holding.update((lineage) => {
      const { work, tombstones: _old, ...rest } = lineage;
      const stones = keepTombstones(context, lineage, left);
      const kept = work && keepWork(work, order);
      return {
        ...rest,
        ...fields,
        ...(stones.length > 0 ? { tombstones: stones } : {}),
        ...(kept ? { work: kept } : {}),
      };
    }, deadline.signal);
  } finally {
    deadline.done();
  }
}

/** The order that waited while a target got the current version: to be resumed like any. */
const unpark = ({ parked, directory, startedAt }: Work): Work | undefined =>
  parked && { step: 'lease', directory, startedAt, challenges: [], ...parked };

/** `dead`: the CA has given it up. `unsent`: without a URL it was never asked for. */
type OrderFate = 'kept' | 'dead' | 'unsent';

function fateOf(error: CertfleetError): OrderFate {
  if (error.code === 'acme/invalid-authorization' || error.code === 'acme/invalid-order') return 'dead';
  return error.code.startsWith('acme/') ? 'kept' : 'unsent';
}

function keepWork(work: Work, fate: OrderFate): Work {
  const { lease: _given, order, probe: _probe, thumbprint: _print, takenOver: _over, ...rest } = work;
  // Without an order there is the key alone; it is used by the next try.
  const isKept = order && (fate === 'kept' || (fate === 'unsent' && order.url !== undefined));
  return { ...rest, challenges: [], ...(isKept ? { order } : {}) };
}

/**
 * Tombstones of this lineage after a close: those that are still to be looked at, those whose removal just failed,
 * and, where the work was taken over from another process, the closed challenges themselves: his effects may yet arrive.
 */
export function keepTombstones(
  context: EngineContext,
  lineage: Lineage,
  left: readonly Tombstone[],
): readonly Tombstone[] {
  const { work } = lineage;
  const closed = work?.takenOver
    ? presentedIn(work)
        .filter((c) => !left.some((l) => l.token === c.token))
        .map((c) => tombstoneOf(context, lineage.spec, c))
    : [];
  return oneForEach([...(lineage.tombstones ?? []), ...closed, ...left]);
}

const hourMs = 3_600_000;

function countFailure(lineage: Lineage, error: CertfleetError, now: Date): Failure {
  const before = lineage.failure;
  // A wrong clock, or another certfleet process on the port, says nothing about the certificate: it is tried again
  // soon, and the count stays what it was.
  const isElsewhere = isFailure(error, 'acme/clock-skew', 'solver/port-held');
  const count = isElsewhere ? Math.max(1, before?.count ?? 0) : (before?.count ?? 0) + 1;
  const left = lineage.current && Date.parse(lineage.current.facts.notAfter) - now.getTime();
  const byBackoff = now.getTime() + backoffMs(isElsewhere ? 1 : count, left, error.retry);
  const isLimit = error.code === 'acme/rate-limited';
  const hold = error.retryAt && endOfHold(error.retryAt, { now, validityLeftMs: left, isLimit });
  const retryAt = new Date(Math.max(byBackoff, hold?.getTime() ?? 0)).toISOString();
  const recent = Object.entries(before?.validations ?? {})
    .map(([name, times]) => [name, times.filter((t) => happenedWithin(hourMs, t, now))] as const)
    .filter(([, times]) => times.length > 0);
  const validations: Record<string, readonly string[]> = Object.fromEntries(recent);
  const failed = failedIdentifier(error);
  if (failed !== undefined) validations[failed] = [...(validations[failed] ?? []), now.toISOString()];
  return {
    count,
    at: now.toISOString(),
    code: error.code,
    message: error.message,
    hint: error.hint,
    retryAt,
    ...(hold ? { holdUntil: hold.toISOString() } : {}),
    ...(Object.keys(validations).length > 0 ? { validations } : {}),
    ...(before?.overruledAt === undefined ? {} : { overruledAt: before.overruledAt }),
  };
}

const failedIdentifier = (error: CertfleetError): string | undefined =>
  error.code === 'acme/invalid-authorization'
    ? (error.problem as { identifier?: { value?: string } } | undefined)?.identifier?.value
    : undefined;

/** The result of another process's run, told as this one's. */
export function outcomeOfLast(lineage: Lineage): Outcome {
  const { last, name, current } = lineage;
  if (!last) return { certificate: name, result: 'unchanged', message: 'another process has worked on it' };
  const error =
    last.code !== undefined && last.code in errorTable
      ? new CertfleetError(last.code as ErrorCode, last.message, last.hint ?? '', {})
      : undefined;
  return withNext(outcomeOf(name, last, current?.facts.notAfter ?? '', error), lineage);
}

function outcomeOf(certificate: string, last: LastRun, notAfter: string, error: CertfleetError | undefined): Outcome {
  const { message } = last;
  if (last.result === 'stopped' || (last.result === 'failed' && !error))
    return { certificate, result: 'failed', message, error: fail('store/lease-lost', { certificate }) };
  if (last.result === 'failed' && error) return { certificate, result: 'failed', message, error };
  if (last.result === 'pending' && error) return { certificate, result: 'pending', notAfter, message, error };
  if (last.result === 'issued' || last.result === 'renewed' || last.result === 'deployed')
    return { certificate, result: last.result, notAfter, message };
  return { certificate, result: 'unchanged', notAfter, message };
}

const withNext = (outcome: Outcome, lineage: Lineage): Outcome =>
  lineage.renewal ? { ...outcome, next: lineage.renewal.at } : outcome;
