import { pick } from '../alibaba-clb/random.ts';
import type { Action } from '../alibaba-gateway/gateway.ts';
import {
  createJobs as createGatewayJobs,
  type Jobs as GatewayJobs,
  type Job,
  pageOf,
} from '../alibaba-gateway/jobs.ts';
import type { Cloud } from './cloud.ts';
import { refuse } from './errors.ts';

// The jobs of ALB; ListAsynJobs tells why one failed. Sources: alibabacloud-typescript-sdk alb-20200616 (ListAsynJobs,
// ClientToken, DryRun), terraform-provider-alicloud (busy codes), certimate #1215.

type Kind = 'Listener' | 'ServerGroup';

export interface Jobs extends GatewayJobs<Kind> {
  readonly actions: Readonly<Record<string, Action>>;
}

const busyCodes: Readonly<Record<Kind, readonly string[]>> = {
  Listener: [
    ...['IncorrectStatus.Listener', 'ResourceInConfiguring.Listener', 'IncorrectStatus.LoadBalancer'],
    'VipStatusNotSupport',
  ],
  ServerGroup: ['IncorrectStatus.ServerGroup'],
};

export function createJobs(cloud: Cloud, applied: () => void): Jobs {
  const jobs = createGatewayJobs<Kind>({
    ...{ nowMs: cloud.nowMs, changeMs: cloud.options.changeMs ?? 0, newId: () => cloud.newId('job'), refuse, applied },
    ...{ mismatch: 'IdempotenceParamNotMatch', repeat: 'IdempotenceProcessing' },
    busyCode: (_held, { kind }) => pick(cloud.random, busyCodes[kind]),
  });
  return {
    ...jobs,
    actions: {
      ListAsynJobs: {
        parameters: {
          ...{ JobIds: { list: 'text', most: 20 }, ResourceIds: { list: 'text', most: 20 }, ResourceType: 'text' },
          ...{ ApiName: 'text', BeginTime: 'integer', EndTime: 'integer', MaxResults: 'integer', NextToken: 'text' },
        },
        run({ values }) {
          jobs.settle();
          const [ids, resources, name] = [values.texts('JobIds'), values.texts('ResourceIds'), values.text('ApiName')];
          const found = [...jobs.all.values()].filter(
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
