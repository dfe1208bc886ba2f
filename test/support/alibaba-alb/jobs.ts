import { invalid } from '../alibaba-clb/api-error.ts';
import { pick } from '../alibaba-clb/random.ts';
import type { Action, Call } from '../alibaba-gateway/gateway.ts';
import type { Schemas, Values } from '../call-values.ts';
import type { Cloud } from './cloud.ts';
import { refuse } from './errors.ts';

// Every change is a job: accepted at once, in effect later, and told by ListAsynJobs why it failed. Meanwhile the listener
// or the group takes no other one. Sources: alibabacloud-typescript-sdk alb-20200616 (ListAsynJobs, ClientToken, DryRun),
// terraform-provider-alicloud (busy codes), certimate #1215.

/** Something that takes one change at a time. */
interface Busy {
  readonly id: string;
}

interface Job {
  readonly id: string;
  readonly action: string;
  readonly resources: readonly Busy[];
  readonly endMs: number;
  readonly createdMs: number;
  readonly failure: string | undefined;
  readonly end: (isDone: boolean) => void;
  status: 'Processing' | 'Succeeded' | 'Failed';
}

export interface Change {
  readonly action: string;
  /** What takes no other change until this one has ended. */
  readonly resources: readonly Busy[];
  readonly kind: 'Listener' | 'ServerGroup';
  /** Marks it as under way. */
  begin?(): void;
  /** Makes it, or takes the mark away. */
  end(isDone: boolean): void;
}

export interface Jobs {
  /** Carries out a change with the parameters that all changes have, and returns its answer. */
  run(values: Values, change: Change, answer?: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
  settle(): void;
  endAll(): void;
  /** Lets the next jobs of an action fail, with this code. */
  fail(action: string, code: string, times: number): void;
  readonly actions: Readonly<Record<string, Action>>;
  /** An action that changes something: a repeat with the same token is the same change. */
  change(name: string, action: Action): Action;
}

/** What every change takes besides its own parameters. */
const changeSchemas: Schemas = { ClientToken: 'text', DryRun: 'boolean' };

const busyCodes = {
  Listener: [
    ...['IncorrectStatus.Listener', 'ResourceInConfiguring.Listener', 'IncorrectStatus.LoadBalancer'],
    'VipStatusNotSupport',
  ],
  ServerGroup: ['IncorrectStatus.ServerGroup'],
};

export function createJobs(cloud: Cloud, applied: () => void): Jobs {
  const { changeMs = 0 } = cloud.options;
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
    for (const job of running()) if (job.endMs <= cloud.nowMs()) end(job);
  };

  function repeated(key: string, { asked }: Call): Readonly<Record<string, unknown>> | undefined {
    const found = tokens.get(key);
    if (found === undefined) return undefined;
    if (found.asked !== asked) throw refuse('IdempotenceParamNotMatch');
    if (jobs.get(String(found.answer['JobId']))?.status === 'Processing') throw refuse('IdempotenceProcessing');
    return found.answer;
  }

  return {
    run(values, { action, resources, kind, begin, end: ends }, answer = {}) {
      const isBusy = running().some((job) => job.resources.some((one) => resources.includes(one)));
      if (isBusy) throw refuse(pick(cloud.random, busyCodes[kind]));
      if (values.flag('DryRun') === true) throw refuse('DryRunOperation');
      const failure = failures.find((one) => one.action === action && one.left > 0);
      if (failure !== undefined) failure.left -= 1;
      const [id, createdMs] = [cloud.newId('job'), cloud.nowMs()];
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
    actions: {
      ListAsynJobs: {
        parameters: {
          ...{ JobIds: { list: 'text', most: 20 }, ResourceIds: { list: 'text', most: 20 }, ResourceType: 'text' },
          ...{ ApiName: 'text', BeginTime: 'integer', EndTime: 'integer', MaxResults: 'integer', NextToken: 'text' },
        },
        run({ values }) {
          settle();
          const [ids, resources, name] = [values.texts('JobIds'), values.texts('ResourceIds'), values.text('ApiName')];
          const found = [...jobs.values()].filter(
            (job) =>
              (ids.length === 0 || ids.includes(job.id)) &&
              (resources.length === 0 || job.resources.some((one) => resources.includes(one.id))) &&
              (name === undefined || name === job.action),
          );
          const row = (job: Job) => ({
            ...{ Id: job.id, ApiName: job.action, Status: job.status, ResourceId: job.resources[0]?.id },
            ...{ CreateTime: job.createdMs, ErrorCode: job.failure ?? '', ErrorMessage: job.failure ?? '' },
          });
          return pageOf(values, found.map(row), 'Jobs');
        },
      },
    },
  };
}

/** A page of a list: MaxResults and NextToken, and TotalCount of all. */
export function pageOf(values: Values, rows: readonly object[], name: string): Readonly<Record<string, unknown>> {
  const size = values.integer('MaxResults', 1, 100) ?? 20;
  const token = values.text('NextToken');
  const from = Number(/^next-(\d+)$/.exec(token ?? 'next-0')?.[1] ?? Number.NaN);
  if (Number.isNaN(from)) throw invalid('NextToken is not valid.');
  const next = from + size;
  return {
    ...{ [name]: rows.slice(from, next), MaxResults: size, TotalCount: rows.length },
    ...(next < rows.length ? { NextToken: `next-${next}` } : {}),
  };
}
