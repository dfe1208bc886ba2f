import { pick } from '../alibaba-clb/random.ts';
import type { Action } from '../alibaba-gateway/gateway.ts';
import { createJobs as createGatewayJobs, type Jobs as GatewayJobs } from '../alibaba-gateway/jobs.ts';
import type { Cloud, Listener, LoadBalancer } from './cloud.ts';
import { refuse } from './errors.ts';

// The jobs of NLB, of which no call tells why one failed. Sources: pages GetJobStatus and ListAsynJobs of
// api-nlb-2022-04-30, in English and Chinese; terraform-provider-alicloud (Conflict.Lock).

export interface Jobs extends GatewayJobs {
  /** What takes no other change while one of this listener is under way. */
  held(balancer: LoadBalancer, listener: Listener): readonly { readonly id: string }[];
  readonly actions: Readonly<Record<string, Action>>;
}

export function createJobs(cloud: Cloud): Jobs {
  const { behaviour, random, options } = cloud;
  const hex = (length: number) => Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
  const jobs = createGatewayJobs({
    ...{ nowMs: () => options.clock.monotonicMs(), changeMs: options.changeMs ?? 0, refuse, applied() {} },
    newId: () => [8, 4, 4, 4, 12].map(hex).join('-'),
    mismatch: 'IdempotenceSignatureMismatch',
    busyCode: ({ id }) =>
      id.startsWith('lsn-') ? pick(random, ['IncorrectStatus.listener', 'Conflict.Lock']) : 'Conflict.Lock',
  });
  let turns = 0;
  const processing = () => {
    turns += 1;
    const word = behaviour.processing;
    return word === 'by-turns' ? (turns % 2 === 0 ? 'processing' : 'Processing') : word;
  };
  return {
    ...jobs,
    held: (balancer, listener) => (behaviour.changeHolds === 'balancer' ? [listener, balancer] : [listener]),
    actions: {
      GetJobStatus: {
        parameters: { 'JobId!': 'text', ClientToken: 'text' },
        run({ values }) {
          const found = jobs.all.get(values.needed('JobId'));
          if (found === undefined) throw refuse('ResourceNotFound.JobId');
          const hasNoEnd = found.status === 'Failed' && behaviour.failed === 'processing';
          return { Status: hasNoEnd || found.status === 'Processing' ? processing() : found.status };
        },
      },
      ListAsynJobs: {
        parameters: { JobIds: { list: 'text', most: 20 } },
        run({ values }) {
          const ids = values.texts('JobIds');
          const found = [...jobs.all.values()].filter(({ id }) => ids.length === 0 || ids.includes(id));
          return {
            Jobs: found.map(({ id, status }) => ({ Id: id, Status: status })),
            TotalCount: String(found.length),
          };
        },
      },
    },
  };
}
