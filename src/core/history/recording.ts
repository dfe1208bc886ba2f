import { type CertfleetError, isFailure } from '../errors/errors.ts';
import { remoteText } from '../errors/remote-text.ts';
import { shortened, storedError } from '../errors/stored-error.ts';
import { type StoredError, say } from '../errors/wording.ts';
import type { Deployment, Lineage, Step } from '../lineage/lineage.ts';
import { processText } from '../lineage/process-identity.ts';
import type { Event } from '../plan/event.ts';
import type { Outcome } from '../plan/outcome.ts';
import { isFields, type JsonObject } from '../text/json.ts';
import { present } from '../text/present.ts';
import type { Act, Continued, RunEntry, StepTime, TargetResult } from './run-entry.ts';

/** What is known of a run under way. `…Ms` are by the monotonic clock. */
export interface Recording {
  readonly startedAt: string;
  readonly startMs: number;
  readonly forced?: true | undefined;
  readonly continued?: Continued | undefined;
  /** There was a certificate when it began. */
  readonly isRenewal: boolean;
  readonly did: readonly Act[];
  readonly steps: readonly { readonly step: Step; readonly sinceMs: number }[];
  readonly targets: readonly TargetResult[];
  readonly problem?: Problem | undefined;
  readonly version?: string | undefined;
  readonly message?: string | undefined;
}

type Problem = Omit<StoredError, 'hint'> & { readonly result: 'pending' | 'failed' };

/** When something happened, by both clocks. */
export interface Moment {
  readonly at: string;
  readonly ms: number;
}

export const newRecording = ({ at, ms }: Moment): Recording => ({
  ...{ startedAt: at, startMs: ms, isRenewal: true },
  ...{ did: [], steps: [], targets: [] },
});

/**
 * Returns the recording of a run that has taken the lease.
 *
 * @param found the document before
 * @param step the step at which it begins
 */
export function begun(
  recording: Recording,
  { found, step, forced }: { readonly found: Lineage | undefined; readonly step: Step; readonly forced: boolean },
  { ms }: Moment,
): Recording {
  const { work } = found ?? {};
  const isLeft = work !== undefined && (work.step !== 'close' || work.lease !== undefined);
  return atStep(
    {
      ...recording,
      isRenewal: found?.current !== undefined,
      forced: forced ? true : recording.forced,
      continued:
        recording.continued ??
        (isLeft && recording.steps.length === 0
          ? {
              startedAt: work.startedAt,
              step: work.step,
              ...present({ cutOff: work.lease && processText(work.lease.holder) }),
            }
          : undefined),
    },
    step,
    ms,
  );
}

/** Returns the recording after an event; undefined if there is none and the event begins none. */
export function heard(recording: Recording | undefined, event: Event, moment: Moment): Recording | undefined {
  const { data = {}, message } = event;
  const known = recording ?? newRecording(moment);
  switch (event.event) {
    case 'certificate.step':
      return recording && atStep(recording, String(data['step']) as Step, moment.ms);
    case 'certificate.issued':
      return did({ ...known, message, version: textIn(data, 'version') }, known.isRenewal ? 'renewed' : 'issued');
    case 'certificate.deployed': {
      const targets = Array.isArray(data['targets']) ? data['targets'].map(String) : [];
      const node = textIn(data, 'node');
      const has = targets.map((target) => ({ target, ...present({ node }), result: 'delivered' as const }));
      return did(withTargets({ ...known, message: known.message ?? message }, has), 'delivered');
    }
    case 'certificate.pending': {
      const [target, node] = [textIn(data, 'target') ?? '', textIn(data, 'node')];
      const reason = reasonIn(event);
      const lacks = { target, result: 'pending' as const, ...reason, ...present({ node }) };
      return { ...withTargets(known, [lacks]), problem: known.problem ?? { result: 'pending', ...reason } };
    }
    case 'certificate.failed':
      return recording && { ...recording, problem: { result: 'failed', ...reasonIn(event) } };
    case 'certificate.revoked':
      return did({ ...known, message }, 'revoked');
    case 'certificate.rolled-back':
      return did({ ...known, message, version: textIn(data, 'to') }, 'rolled-back');
    case 'certificate.exported':
      return did({ ...known, message }, 'exported');
    default:
      return recording;
  }
}

const textIn = (data: JsonObject, field: string): string | undefined =>
  typeof data[field] === 'string' ? data[field] : undefined;

/** Returns what an event says of a failure. The message is kept only if code and parameters do not make it. */
function reasonIn({ data = {}, message }: Event): Omit<StoredError, 'hint'> {
  const { code, params, cause } = data as StoredError;
  const reason = present({ code, params, cause });
  return code !== undefined && say(reason, 'en').message === message ? reason : { ...reason, message };
}

/** Returns the recording after an act that no event tells. */
export const acted = (recording: Recording, act: Act, message: string): Recording =>
  did({ ...recording, message: recording.message ?? message }, act);

/** Returns the recording with the targets that have got the version, although others have not. */
export function delivered(recording: Recording, deployments: Readonly<Record<string, Deployment>>): Recording {
  const has = Object.entries(deployments).flatMap(([target, { state, node }]): readonly TargetResult[] =>
    state === 'current' ? [{ target, ...present({ node }), result: 'delivered' }] : [],
  );
  return has.length > 0 ? did(withTargets(recording, has), 'delivered') : recording;
}

const did = (recording: Recording, act: Act): Recording =>
  recording.did.includes(act) ? recording : { ...recording, did: [...recording.did, act] };

function withTargets(recording: Recording, targets: readonly TargetResult[]): Recording {
  const isNew = ({ target, node }: TargetResult) => targets.every((one) => one.target !== target || one.node !== node);
  return { ...recording, targets: [...recording.targets.filter(isNew), ...targets] };
}

const atStep = (recording: Recording, step: Step, sinceMs: number): Recording =>
  recording.steps.at(-1)?.step === step
    ? recording
    : { ...recording, steps: [...recording.steps, { step, sinceMs }].slice(0, mostSteps) };

/** An order whose names are dropped one by one begins its steps again. */
const mostSteps = 24;
const mostTargets = 20;
/** The whole of it is in the lineage, as long as the failure counts. */
const longestMessage = 400;
const longestOfCa = 1_000;

/** How a run ended: with an outcome, or because its process is to stop. */
export type End = Outcome | 'stopped' | undefined;

/** Returns the entry of a run, or undefined if it has done nothing. */
export function entryOf(
  recording: Recording,
  facts: Pick<RunEntry, 'id' | 'trigger' | 'node' | 'process'>,
  end: End,
  { at: endedAt, ms: endMs }: Moment,
): RunEntry | undefined {
  const { startedAt, startMs, forced, continued, did: acts, targets, version, problem } = recording;
  const error = end !== 'stopped' && end && 'error' in end ? end.error : undefined;
  const wasOrdering = recording.steps.some(({ step }) => step !== 'lease' && step !== 'close');
  const isStopped = end === 'stopped' && wasOrdering;
  if (acts.length === 0 && !problem && !isStopped) return undefined;
  const isErrors = error && (!problem || error.code === problem.code);
  return {
    ...facts,
    ...{ startedAt, endedAt, ms: Math.round(endMs - startMs) },
    result: isStopped ? 'stopped' : (problem?.result ?? 'done'),
    did: acts,
    steps: timesOf(recording.steps, endMs),
    targets: targets.slice(0, mostTargets).map(shortTarget),
    ...present({
      forced,
      continued,
      version,
      moreTargets: targets.length > mostTargets ? targets.length - mostTargets : undefined,
      caSays: isErrors ? caWords(error) : undefined,
    }),
    ...(isErrors ? reasonOfEnd(error) : shortened(problem ?? present({ message: recording.message }), longestMessage)),
  };
}

const shortTarget = (one: TargetResult): TargetResult => {
  const { params: _p, cause: _c, message: _m, ...target } = one;
  return { ...target, ...shortened(one, longestMessage) };
};

function reasonOfEnd(error: CertfleetError): Omit<StoredError, 'hint'> {
  const { hint: _told, ...reason } = storedError(error, longestMessage);
  return reason;
}

const timesOf = (steps: Recording['steps'], endMs: number): readonly StepTime[] =>
  steps.map(({ step, sinceMs }, index) => ({
    step,
    ms: Math.round((steps[index + 1]?.sinceMs ?? endMs) - sinceMs),
  }));

/** Returns what the CA said: its type, its detail, and its detail about each name. */
function caWords(error: CertfleetError | undefined): string | undefined {
  const { problem } = error ?? {};
  if (!isFailure(error, 'acme/', 'account/') || !isFields(problem)) return undefined;
  const { type, detail, subproblems } = problem;
  const others = (Array.isArray(subproblems) ? subproblems : []).filter(isFields);
  const about = others.map((one) => {
    const name = isFields(one['identifier']) ? `${String(one['identifier']['value'])}: ` : '';
    return `${name}${String(one['detail'] ?? '')}`;
  });
  const texts = [typeof type === 'string' ? type : '', typeof detail === 'string' ? detail : '', ...about];
  const words = texts.filter((text) => text !== '').join('; ');
  return words === '' ? undefined : remoteText(words, longestOfCa);
}
