import { pick } from '../alibaba-clb/random.ts';
import { refuse } from '../tencent-gateway/errors.ts';
import type { Action } from '../tencent-gateway/gateway.ts';
import type { Cloud } from './cloud.ts';
import type { LoadBalancer } from './model.ts';

// Every change is a task of its balancer, whose id is that of the request. Meanwhile the balancer takes no other one.
// Sources: DescribeTaskStatus in tencentcloud-sdk-nodejs clb v20180317; certd #314, certimate #861 and
// terraform-provider-tencentcloud (the words of a busy balancer).

interface Task {
  readonly balancers: readonly LoadBalancer[];
  readonly endMs: number;
  /** Why it fails. */
  readonly failure: string | undefined;
  readonly effect: () => void;
  status: 'running' | 'done' | 'failed';
}

export interface Tasks {
  /** Makes a change, or refuses it if one of the balancers is busy. */
  begin(id: string, action: string, balancers: readonly LoadBalancer[], effect: () => void): void;
  /** Called when the change of a balancer has come into effect. */
  readonly applied: (balancer: LoadBalancer) => void;
  /** Ends what is due. */
  settle(): void;
  /** Ends everything that is under way. */
  endAll(): void;
  /** Lets the next tasks of an action fail, with this reason. */
  fail(action: string, message: string, times: number): void;
  readonly actions: Readonly<Record<string, Action>>;
}

/** @param applied called when the change of a balancer has come into effect */
export function createTasks(cloud: Cloud, applied: (balancer: LoadBalancer) => void): Tasks {
  const { taskMs = 0 } = cloud.options;
  const { visible, busy } = cloud.behaviour;
  const tasks = new Map<string, Task>();
  let failures: { readonly action: string; readonly message: string; left: number }[] = [];

  function end(task: Task): void {
    task.status = task.failure === undefined ? 'done' : 'failed';
    if (task.failure !== undefined) return;
    if (visible === 'after-task') task.effect();
    for (const balancer of task.balancers) applied(balancer);
  }

  const running = () => [...tasks.values()].filter(({ status }) => status === 'running');
  const settle = (): void => {
    for (const task of running()) if (task.endMs <= cloud.nowMs()) end(task);
  };

  function refuseBusy(id: string): never {
    const words = ['is not in normal status', 'is not in normal desState', 'Your task is working'];
    const coded = refuse('FailedOperation.ResourceInOperating', `The load balancer ${id} has a task in progress.`);
    const sentence = refuse('FailedOperation', `The load balancer ${id} ${pick(cloud.random, words)}.`);
    throw busy === 'coded' ? coded : busy === 'sentence' ? sentence : pick(cloud.random, [coded, sentence]);
  }

  return {
    applied,
    begin(id, action, balancers, effect) {
      settle();
      for (const task of running())
        for (const balancer of balancers) if (task.balancers.includes(balancer)) refuseBusy(balancer.id);
      const failure = failures.find((one) => one.action === action && one.left > 0);
      if (failure !== undefined) failure.left -= 1;
      const endMs = cloud.nowMs() + taskMs;
      const task: Task = { balancers, endMs, failure: failure?.message, effect, status: 'running' };
      tasks.set(id, task);
      if (visible === 'at-once' && failure === undefined) effect();
      settle();
    },
    settle,
    endAll() {
      for (const task of running()) end(task);
    },
    fail(action, message, left) {
      failures = [...failures, { action, message, left }];
    },
    actions: {
      DescribeTaskStatus: {
        parameters: { TaskId: 'text', DealName: 'text' },
        run({ values }) {
          settle();
          const task = tasks.get(values.text('TaskId') ?? '');
          if (task === undefined) throw refuse('InvalidParameter', 'The task does not exist.');
          const Status = { done: 0, failed: 1, running: 2 }[task.status];
          const Message = task.status === 'failed' ? task.failure : null;
          return { Status, Message, LoadBalancerIds: task.balancers.map(({ id }) => id) };
        },
      },
    },
  };
}
