import { connectElb } from '../clients/huawei/elb.ts';
import { balancerTries, rightsOf } from '../clients/huawei/elb-rights.ts';
import {
  converge,
  deletePool,
  type Receipt,
  readMatch,
  readMembers,
  readPolicies,
  readPools,
} from '../clients/huawei/elb-rules.ts';
import { fail, isFailure } from '../core/errors/errors.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import type { Json } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { defineBalancer, endpoint, huaweiKeys, portNumber, z } from '../define.ts';
import type { Balancer } from '../ports/balancer.ts';
import type { Readiness } from '../ports/solver.ts';

const port = (title: string) => portNumber().meta({ title });
const id = (title: string) =>
  z
    .string()
    .regex(/^[\w-]+$/, { error: 'expected an id of letters, digits and hyphens' })
    .meta({ title });

export default defineBalancer({
  id: 'huawei-elb',
  title: 'Huawei Cloud ELB (Elastic Load Balance)',
  names: ['华为云', '弹性负载均衡'],
  homepage: 'https://www.huaweicloud.com/product/elb.html',
  apiDocs: 'https://support.huaweicloud.com/api-elb/elb_zq_zs_0000.html',
  since: '0.1.0',
  options: z.strictObject({
    region: z
      .string()
      .regex(/^[a-z]{2,3}(-[a-z]+)+-\d+$/, { error: 'expected a region code, like cn-north-4' })
      .meta({ title: 'Region of the load balancer', examples: ['cn-north-4'] }),
    loadBalancer: id('Id of the load balancer'),
    listenerPort: port('Port of the HTTP listener that the CA’s requests reach').default(80),
    backend: z
      .strictObject({
        address: z.ipv4().meta({ title: 'Private address of the server' }),
        port: port('Port of the responder, as the load balancer reaches it').default(30_080),
        subnetId: id(
          'Id of the IPv4 subnet of the servers; without it, the load balancer needs IP as a Backend',
        ).optional(),
      })
      .meta({
        title: 'The server that the responder runs on, and its port',
        examples: [{ address: '192.168.0.10', port: 30_080 }],
      }),
    ...huaweiKeys(),
    endpoint: endpoint('Endpoint of ELB, if not that of the region; it needs `projectId`'),
  }),
  notes: `certfleet adds a forwarding policy to the listener and a backend server group with the server that answers, waits until
its health check is good, and removes both after the validation. Their names carry its mark; it never changes other ones.

With advanced forwarding, the policy gets a priority before those of yours that could take the challenges, and needs a
free one there. Without it, a host that has no policies gets one by path alone, for all such hosts. A listener that
redirects to another one cannot have a policy that works. The IAM user needs

\`\`\`json
{
  "Version": "1.1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "elb:loadbalancers:get", "elb:listeners:list", "elb:quotas:list", "elb:l7policies:list", "elb:l7rules:list",
        "elb:l7policies:create", "elb:l7policies:delete", "elb:pools:list", "elb:pools:create", "elb:pools:delete",
        "elb:members:list", "elb:members:create", "elb:members:delete", "elb:healthmonitors:create",
        "elb:healthmonitors:delete"
      ]
    }
  ]
}
\`\`\`

and \`iam:projects:listProjects\` if \`projectId\` is not set. The security group of the server must let the load balancer
reach the port of the responder. An account has room for 500 policies.

ELB has no dry run, so \`certfleet doctor\` tries only the rights to read; \`certfleet balancer test NAME\` shows the others.`,
  connect({ options, name, world }): Balancer {
    const title = `the balancer "${name}" (huawei-elb)`;
    const { loadBalancer, listenerPort, backend } = options;
    const elb = connectElb({ options, title, name, world });
    const find = (signal: AbortSignal) => elb.listener(loadBalancer, listenerPort, ['HTTP', 'HTTPS'], signal);
    const findIfThere = (signal: AbortSignal) =>
      find(signal).catch((error: unknown) => {
        if (!isFailure(error, 'balancer/not-found')) throw error;
        return undefined;
      });
    const own = { server: backend.address, port: backend.port };

    async function addresses(signal: AbortSignal): Promise<readonly string[]> {
      const { publicips } = await elb.get(`loadbalancers/${loadBalancer}`, 'loadbalancer', signal);
      const all = Array.isArray(publicips) ? publicips : [];
      return all.flatMap((one: { readonly publicip_address?: string }) => one.publicip_address ?? []);
    }

    return {
      type: 'huawei-elb',
      resource: `huawei-elb ${loadBalancer}`,
      listener: String(listenerPort),
      mode: 'forward',
      backend: async () => own,

      async inspect(signal) {
        const listener = await find(signal);
        const all = await readPolicies(elb, signal);
        const here = all.filter((one) => one.listener === listener.id);
        if (here.some(({ action }) => action === 'REDIRECT_TO_LISTENER'))
          throw fail('balancer/redirects', {
            ...{ balancer: title, port: listenerPort, reason: 'a policy redirects everything to another listener' },
            advice: 'Set `listenerPort` to that of the HTTPS listener, since CAs follow redirects, or use DNS-01.',
          });
        const rules = [];
        for (const policy of here) {
          const { hosts, paths } = await readMatch(elb, policy, signal);
          const action = policy.pool === undefined ? policy.action : `forwards to ${policy.pool}`;
          for (const host of hosts.length > 0 ? hosts : [undefined])
            for (const path of paths.length > 0 ? paths : [undefined])
              rules.push({ name: policy.name || policy.id, action, ...present({ host, path }) });
        }
        const found = await addresses(signal);
        return {
          matching: listener.isAdvanced ? 'best' : 'host-first',
          rules,
          rulesLeft: Math.max(0, (await elb.quota('l7policy', usualQuota, signal)) - all.length),
          ...present({ addresses: found.length > 0 ? found : undefined }),
        };
      },

      apply: (wanted, _known, signal) =>
        elb.untilKnown(async () => {
          const listener = await (wanted.rules.length === 0 ? findIfThere : find)(signal);
          const place = { elb, title, loadBalancer, subnet: backend.subnetId, listener };
          return (await converge(place, wanted, signal)) satisfies Receipt as unknown as Json;
        }, signal),

      async state({ rules, group }, known, signal) {
        if (rules.length === 0) return { ready: true };
        const { listener, pool } = known as unknown as Receipt;
        const there = (await readPolicies(elb, signal)).filter((one) => one.listener === listener);
        const missing = rules.find(({ name: rule }) => !there.some((one) => one.name === rule && one.pool === pool));
        if (missing) return notReady(`the policy for ${missing.host ?? 'every host'} is not there`);
        const members = await readMembers(elb, pool, signal);
        const backends = group?.backends ?? [];
        const mine = backends.filter((one) => one.server === own.server && one.port === own.port);
        const awaited = mine.length > 0 ? mine : backends;
        const listed = members.filter((one) => awaited.some((at) => at.server === one.server && at.port === one.port));
        if (listed.some(({ state }) => state !== 'OFFLINE')) return { ready: true };
        const at = awaited[0] ?? own;
        return notReady(
          `the health check of ${at.server}:${at.port} is not good (yet): does the security group of the server let the load balancer reach the port, and does the responder listen there?`,
        );
      },

      rights: (signal) => rightsOf(balancerTries(elb, loadBalancer), signal),

      async owned(signal) {
        const listener = await findIfThere(signal);
        const policies = (await readPolicies(elb, signal)).filter((one) => one.listener === listener?.id);
        const pools = await readPools(elb, loadBalancer, signal);
        const marked = (kind: string, all: readonly { readonly id: string; readonly name: string }[]) =>
          all.filter((one) => markIn(one.name)).map((one) => ({ kind, name: one.name, id: one.id }));
        return [...marked('rule', policies), ...marked('group', pools)];
      },

      removeOwned: (object, signal) =>
        elb.untilKnown(async () => {
          // It may have been changed since it was listed.
          const isIt = (one: { readonly id: string; readonly name: string }) =>
            one.id === object.id && one.name === object.name;
          if (object.kind === 'rule') {
            const policy = (await readPolicies(elb, signal)).find(isIt);
            if (policy) await elb.remove(`l7policies/${policy.id}`, signal);
            return;
          }
          const pool = (await readPools(elb, loadBalancer, signal)).find(isIt);
          if (pool && pool.listeners.length === 0) await deletePool(elb, pool, signal);
        }, signal),

      close: () => elb.close(),
    };
  },
});

/** Of an account that may not read its own. */
const usualQuota = 500;

const notReady = (reason: string): Readiness => ({ ready: false, reason, retryAfterMs: 2_000 });
