import { ApiError } from './api-error.ts';
import type { ChangedPart } from './find.ts';
import type { Cloud, LoadBalancer } from './model.ts';
import { pick } from './random.ts';

/** Changes of balancers: one at a time on each, and without effect until they have ended. */
export interface Changes {
  change(balancer: LoadBalancer, part: ChangedPart, mutate: () => void): void;
  /** Resolves when no change is under way. */
  settled(): Promise<void>;
  /** Ends the changes that are under way now. */
  end(): void;
  /** How long the next changes take; without end, {@link Changes.end} ends them. */
  changeMs: number;
  stop(): void;
}

/** What the API answers to a change while another one is under way; the documents have it in many words. */
const general = ['BackendServer.configuring', 'ServiceIsConfiguring', 'OperationBusy'];
const special: Readonly<Record<ChangedPart, readonly string[]>> = {
  rule: ['OperationFailed.ListenerStatusNotSupport'],
  group: ['VServerGroupProcessing'],
  listener: ['OperationFailed.ListenerStatusNotSupport'],
  extension: ['DomainExtensionProcessing'],
};

export function createChanges(
  cloud: Cloud,
  options: { readonly changeMs: number; readonly busyCodes: readonly string[] | undefined },
  apply: (balancer: LoadBalancer) => void,
): Changes {
  const underWay = new Map<LoadBalancer, { readonly end: () => void; readonly timer: NodeJS.Timeout | undefined }>();
  let waiting: (() => void)[] = [];
  const changes: Changes = {
    changeMs: options.changeMs,
    change(balancer, part, mutate) {
      if (underWay.has(balancer))
        throw new ApiError(pick(cloud.random, options.busyCodes ?? [...general, ...special[part]]));
      mutate();
      if (changes.changeMs === 0) return apply(balancer);
      const end = () => {
        underWay.delete(balancer);
        apply(balancer);
        if (underWay.size > 0) return;
        for (const resolve of waiting) resolve();
        waiting = [];
      };
      const timer = changes.changeMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(end, changes.changeMs);
      underWay.set(balancer, { end, timer });
    },
    end() {
      changes.stop();
      for (const { end } of [...underWay.values()]) end();
    },
    settled: () => (underWay.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    stop() {
      for (const { timer } of underWay.values()) clearTimeout(timer);
    },
  };
  return changes;
}
