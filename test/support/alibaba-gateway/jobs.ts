import { type ApiError, invalid } from '../alibaba-clb/api-error.ts';
import type { Schemas, Values } from '../call-values.ts';
import type { Action, Call } from './gateway.ts';

// Every change of a load balancer is a job: accepted at once, in effect later. Meanwhile what it changes takes no other
// one. Shared by the fakes of ALB and NLB.

/** Something that takes one change at a time. */
export interface Busy {
  readonly id: string;
}

export interface Job {
  readonly id: string;
  readonly action: string;
  readonly resources: readonly Busy[];
  readonly endMs: number;
  readonly createdMs: number;
  readonly failure: string | undefined;
  readonly end: (isDone: boolean) => void;
  status: 'Processing' | 'Succeeded' | 'Failed';
}

export interface Change<Kind extends string = string> {
  readonly action: string;
  /** What takes no other change until this one has ended. */
  readonly resources: readonly Busy[];
  readonly kind: Kind;
  /** Marks it as under way. */
  begin?(): void;
  /** Makes it, or takes the mark away. */
  end(isDone: boolean): void;
}

export interface JobOptions<Kind extends string> {
  nowMs(): number;
  readonly changeMs: number;
  newId(): string;
  /** Makes a refusal from its code. */
  refuse(code: string): ApiError;
  /** The code that refuses a change while another one holds this resource of it. */
  busyCode(held: Busy, change: Change<Kind>): string;
  /** The code that refuses a token that came with other parameters. */
  readonly mismatch: string;
  /** The code that refuses a repeat while the first change is under way; absent if it has the answer of the first one. */
  readonly repeat?: string;
  /** After a change has come into effect. */
  applied(): void;
}

export interface Jobs<Kind extends string = string> {
  readonly all: ReadonlyMap<string, Job>;
  /** Carries out a change with the parameters that all changes have, and returns its answer. */
  run(
    values: Values,
    change: Change<Kind>,
    answer?: Readonly<Record<string, unknown>>,
  ): Readonly<Record<string, unknown>>;
  settle(): void;
  endAll(): void;
  /** Lets the next jobs of an action fail, with this code. */
  fail(action: string, code: string, times: number): void;
  /** An action that changes something: a repeat with the same token is the same change. */
  change(name: string, action: Action): Action;
}

/** What every change takes besides its own parameters. */
const changeSchemas: Schemas = { ClientToken: 'text', DryRun: 'boolean' };

export function createJobs<Kind extends string>(options: JobOptions<Kind>): Jobs<Kind> {
  const { nowMs, changeMs, newId, refuse, busyCode, mismatch, repeat, applied } = options;
  const jobs = new Map<string, Job>();
  const tokens = new Map<string, { readonly asked: string; readonly answer: Readonly<Record<string, unknown>> }>();
  const failures: { readonly action: string; readonly code: string; left: number }[] = [];

  const running = () => [...jobs.values()].filter(({ status }) => status === 'Processing');
  function end(job: Job): void {
    job.status = job.failure === undefined ? 'Succeeded' : 'Failed';
    job.end(job.failure === undefined);
    applied();
  }
  const settle = () => {
    for (const job of running()) if (job.endMs <= nowMs()) end(job);
  };

  function repeated(key: string, { asked }: Call): Readonly<Record<string, unknown>> | undefined {
    const found = tokens.get(key);
    if (found === undefined) return undefined;
    if (found.asked !== asked) throw refuse(mismatch);
    const isRunning = jobs.get(String(found.answer['JobId']))?.status === 'Processing';
    if (isRunning && repeat !== undefined) throw refuse(repeat);
    return found.answer;
  }

  return {
    all: jobs,
    run(values, change, answer = {}) {
      const { action, resources, begin, end: ends } = change;
      const all = running();
      const held = resources.find((one) => all.some((job) => job.resources.includes(one)));
      if (held !== undefined) throw refuse(busyCode(held, change));
      if (values.flag('DryRun') === true) throw refuse('DryRunOperation');
      const failure = failures.find((one) => one.action === action && one.left > 0);
      if (failure !== undefined) failure.left -= 1;
      const [id, createdMs] = [newId(), nowMs()];
      begin?.();
      const endMs = createdMs + changeMs;
      jobs.set(id, {
        ...{ id, action, resources, createdMs, endMs, failure: failure?.code, end: ends, status: 'Processing' },
      });
      settle();
      return { JobId: id, ...answer };
    },
    change: (name, { parameters, run, ...rest }) => ({
      ...rest,
      parameters: { ...parameters, ...changeSchemas },
      run(call) {
        settle();
        const token = call.values.text('ClientToken');
        if (token !== undefined && !/^[\x20-\x7e]{1,64}$/.test(token)) throw invalid('ClientToken is not valid.');
        const earlier = token === undefined ? undefined : repeated(`${name} ${token}`, call);
        if (earlier !== undefined) return earlier;
        const answer = run(call);
        if (token !== undefined) tokens.set(`${name} ${token}`, { asked: call.asked, answer });
        return answer;
      },
    }),
    settle,
    endAll() {
      for (const job of running()) end(job);
    },
    fail: (action, code, left) => void failures.push({ action, code, left }),
  };
}

/** A page of a list: MaxResults up to `most` and NextToken, and TotalCount of all. */
export function pageOf(
  values: Values,
  rows: readonly object[],
  name: string,
  most = 100,
): Readonly<Record<string, unknown>> {
  const size = values.integer('MaxResults', 1, most) ?? 20;
  const token = values.text('NextToken');
  const from = Number(/^next-(\d+)$/.exec(token ?? 'next-0')?.[1] ?? Number.NaN);
  if (Number.isNaN(from)) throw invalid('NextToken is not valid.');
  const next = from + size;
  return {
    ...{ [name]: rows.slice(from, next), MaxResults: size, TotalCount: rows.length },
    ...(next < rows.length ? { NextToken: `next-${next}` } : {}),
  };
}
