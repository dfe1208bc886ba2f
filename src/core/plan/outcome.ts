import type { ErrorCode } from '../errors/error-table.ts';
import { CertfleetError, fail, type RefusedName } from '../errors/errors.ts';
import { errorOf } from '../errors/stored-error.ts';
import { isErrorCode, say } from '../errors/wording.ts';
import { type LimitWait, laterOf, type Wait } from '../lineage/failure.ts';
import { isOnlyOwing, type LastRun, type Lineage } from '../lineage/lineage.ts';
import { isStagingName } from '../names/identifiers.ts';
import { isByHand } from '../spec/by-hand.ts';
import { sameSpec } from '../spec/same-spec.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { present } from '../text/present.ts';
import { nextTry, whyDue } from './due.ts';
import { type LeftOutside, leftOutside } from './left-outside.ts';
import type { Plan } from './plan.ts';

/** A hook around a certificate's orders that does not run. */
export interface RefusedHook {
  /** In words: ``the pre-hook `stop …` ``. */
  readonly what: string;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly hint: string;
}

/** The result of one pass for one certificate. */
export type Outcome = {
  readonly certificate: string;
  /** When `renew` renews it, or tries again what failed: RFC 3339. Asking the CA for its window does not count. */
  readonly next?: string;
  /** Names that its certificate lacks because they were refused. */
  readonly dropped?: readonly RefusedName[];
  /** A person must add its TXT records, so `renew` does not renew it. */
  readonly byHand?: true;
  /** What it has left outside because the removal was refused. */
  readonly left?: readonly LeftOutside[];
  /** Targets and endpoints that are still rolling its certificate out, in words. Nothing has failed. */
  readonly settling?: readonly string[];
  /** Its hooks that do not run because other users can change their programs. */
  readonly refusedHooks?: readonly RefusedHook[];
} & (
  | { readonly result: 'issued' | 'renewed' | 'deployed'; readonly notAfter: string; readonly message: string }
  | {
      readonly result: 'unchanged';
      readonly notAfter?: string;
      readonly message: string;
      /** It failed earlier, and it is too early to try again. */
      readonly failing?: boolean;
      /** A person has paused it; the message says who. */
      readonly paused?: true;
      /** Another process is working on it, so nothing was looked at. */
      readonly isOfOthers?: true;
      /** It waits for a rate limit of its CA. Then `renew` orders it. */
      readonly limited?: LimitWait;
    }
  | { readonly result: 'pending'; readonly notAfter: string; readonly message: string; readonly error: CertfleetError }
  | {
      readonly result: 'failed';
      readonly message: string;
      readonly error: CertfleetError;
      /** Its certificate is valid and not due, so `next` is the renewal time. */
      readonly notDue?: true;
      /** A change of its settings failed, so it keeps the earlier settings and certificate. */
      readonly settingsStay?: true;
    }
);

/**
 * Returns the result of the last run, from the document.
 *
 * @param error the run's own error, if available: it has more details than the document keeps
 */
export function outcomeOfLast(lineage: Lineage, error?: CertfleetError): Outcome {
  const { last, name, current, renewal, spec } = lineage;
  if (!last) return { certificate: name, result: 'unchanged', message: 'another process worked on it' };
  const next = {
    ...present({ next: renewal?.at, dropped: current?.dropped, byHand: isByHand(spec) ? (true as const) : undefined }),
    ...leftOf(lineage),
  };
  return { ...resultOf(name, last, current?.facts.notAfter ?? '', error ?? errorOfLast(last)), ...next };
}

/** Returns what a certificate has left outside, for its outcome. */
export function leftOf(lineage: Lineage | undefined): Pick<Outcome, 'left'> {
  const left = lineage?.tombstones ? leftOutside(lineage) : [];
  return left.length > 0 ? { left } : {};
}

/** Returns a run's error, as far as it is stored. */
const errorOfLast = (last: LastRun): CertfleetError | undefined =>
  isErrorCode(last.code ?? '') ? errorOf(last, 'store/lease-lost') : undefined;

function resultOf(certificate: string, last: LastRun, notAfter: string, error: CertfleetError | undefined): Outcome {
  const { result } = last;
  const { message } = say(last, 'en');
  switch (result) {
    case 'stopped':
      return { certificate, result: 'failed', message, error: fail('store/lease-lost', { certificate }) };
    case 'failed':
      return { certificate, result, message, error: error ?? fail('store/lease-lost', { certificate }) };
    case 'pending':
      if (error) return { certificate, result, notAfter, message, error };
      return { certificate, result: 'unchanged', notAfter, message };
    default:
      return { certificate, result, notAfter, message };
  }
}

/** A job, as far as it matters for the outcome of a plan that does nothing. */
interface Planned {
  readonly wanted: StoredSpec;
  readonly origin: Lineage['origin'];
  readonly obeyBackoff: boolean;
}

/** Returns the outcome of a plan that does nothing. */
export function outcomeOfPlan(
  { wanted, origin, obeyBackoff }: Planned,
  lineage: Lineage | undefined,
  plan: Plan,
): Outcome {
  const certificate = wanted.name;
  const byHand = isByHand(wanted) ? { byHand: true as const } : {};
  const isIdle = plan.wakeAt !== undefined && !plan.wait && !plan.pending;
  const at = (isIdle ? lineage?.renewal?.at : undefined) ?? plan.wakeAt;
  const next = { ...present({ next: at }), ...byHand, ...leftOf(lineage) };
  if (plan.wait?.why === 'limit')
    return { ...byHand, ...leftOf(lineage), ...outcomeOfLimit({ wanted, origin, obeyBackoff }, lineage, plan.wait) };
  if (!obeyBackoff && plan.wait && plan.wait.why !== 'paused') {
    const { until, why } = plan.wait;
    const issuer = wanted.issuer.name;
    const error =
      why === 'down'
        ? fail('acme/down', { issuer })
        : why === 'rollover'
          ? fail('account/rolling', { certificate, reason: plan.wait.reason })
          : fail('acme/hold', { issuer, certificate, until }, { retryAt: new Date(until) });
    // A person may have asked for a new certificate before the old one is due.
    const again = nextTry(wanted, lineage, { retryAt: until });
    const retry = { next: again, ...present({ notDue: again === until ? undefined : (true as const) }) };
    return { certificate, result: 'failed', message: error.message, error, ...next, ...retry };
  }
  const notAfter = lineage?.current?.facts.notAfter;
  if (plan.byHand) {
    const until = notAfter === undefined ? '' : `; the current certificate is valid until ${notAfter}`;
    const error = fail('dns/needs-person', { name: certificate, until });
    return { certificate, result: 'failed', message: error.message, error, ...next };
  }
  if (plan.pending && notAfter !== undefined) {
    const hint = `To try now, run \`certfleet issue ${certificate}\`.`;
    const error = errorOf(plan.pending, 'deploy/target-failed', hint);
    return { certificate, result: 'pending', notAfter, message: error.message, error, ...next };
  }
  const valid = notAfter === undefined ? {} : { notAfter };
  const { isFailing, why } = plan.wait ?? {};
  const failing = present({ failing: isFailing || undefined, paused: why === 'paused' ? (true as const) : undefined });
  const lacking = lineage?.current?.dropped ? { dropped: lineage.current.dropped } : {};
  return { certificate, result: 'unchanged', message: plan.reason, ...failing, ...valid, ...lacking, ...next };
}

/**
 * Returns the outcome of a certificate that must wait for a rate limit. That is no failure if `renew` goes on by itself,
 * unless the certificate expires before. It is one if nothing would be ordered without the person: a new certificate or
 * new settings by flags, which are not stored, a test, or one that is not due. Nor is a person who tries again what has
 * failed told that all is well.
 */
function outcomeOfLimit(
  { wanted, origin, obeyBackoff }: Planned,
  lineage: Lineage | undefined,
  { until, quota = '', reason, isFailing }: Wait,
): Outcome {
  const certificate = wanted.name;
  const issuer = wanted.issuer.name;
  const notAfter = lineage?.current?.facts.notAfter;
  const failed = (error: CertfleetError) => ({ certificate, result: 'failed', message: error.message, error }) as const;
  const params = { issuer, until, quota };
  const retryAt = new Date(until);
  if (notAfter !== undefined && Date.parse(notAfter) < retryAt.getTime())
    return { ...failed(fail('acme/limited-too-long', { ...params, notAfter }, { retryAt })), next: until };
  const stored = lineage && !isOnlyOwing(lineage) ? lineage : undefined;
  const isKept = origin === 'configuration' || (stored !== undefined && sameSpec(stored.spec, wanted));
  const isDue = whyDue(wanted, lineage, retryAt, { force: false }) !== undefined;
  const goesOn = isKept && isDue && !isStagingName(certificate);
  // Only a person cuts the back-off of a failure short.
  const next = laterOf(until, isFailing ? lineage?.failure?.retryAt : undefined) ?? until;
  if (goesOn && (obeyBackoff || !isFailing)) {
    const limited = { until, quota };
    const more = present({ notAfter, failing: isFailing || undefined });
    return { certificate, result: 'unchanged', message: reason, next: until, limited, ...more };
  }
  if (goesOn) return { ...failed(fail('acme/limited', params, { retryAt })), next };
  const hint = 'Run it again then. `certfleet limits` shows what is left.';
  const failure = failed(fail('acme/limited', params, { retryAt, hint }));
  if (!lineage?.current) return failure;
  if (!isKept) return { ...failure, settingsStay: true };
  return { ...failure, ...present({ next: lineage.renewal?.at }), notDue: true };
}

/**
 * Returns the outcome of a certificate with what happened on this node. A failure of the certificate itself comes first.
 */
export function withThisNode(
  outcome: Outcome,
  here: {
    readonly notAfter: string;
    readonly delivered: readonly string[];
    /** Why this node still lacks it. */
    readonly error: CertfleetError | undefined;
  },
): Outcome {
  const { notAfter, delivered, error } = here;
  if (outcome.result === 'failed' || outcome.result === 'pending') return outcome;
  if (error) return { ...outcome, result: 'pending', notAfter, message: error.message, error };
  if (outcome.result !== 'unchanged' || delivered.length === 0) return outcome;
  const { failing: _earlier, ...rest } = outcome;
  return { ...rest, result: 'deployed', notAfter, message: 'this node has it' };
}

/** Combines the errors of all pending targets into one, with a line for each. It has the code of the first. */
export function oneErrorOf(errors: readonly CertfleetError[]): CertfleetError | undefined {
  const [first] = errors;
  const sameHint = errors.every(({ hint }) => hint === first?.hint);
  const lines = new Set(errors.map(({ message, hint }) => (sameHint ? message : `${message}. ${hint}`)));
  if (!first || lines.size === 1) return first;
  const message = [`${lines.size} targets do not have it yet:`, ...lines].join('\n');
  const hint = sameHint ? first.hint : '`certfleet renew` tries each of them again.';
  return new CertfleetError(first.code, message, hint, {});
}
