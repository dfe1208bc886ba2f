import { type ClbOptions, connectClb } from '../clients/tencent/clb.ts';
import { type ClbHealth, type ClbListener, defaultDomainOf, isAt } from '../clients/tencent/clb-listener.ts';
import { converge, deleteRules, nameOf, type Receipt, receiptIn, ruleProtocols } from '../clients/tencent/clb-rules.ts';
import { balancerTries, clbRights } from '../clients/tencent/rights.ts';
import { isFailure } from '../core/errors/errors.ts';
import type { Json } from '../core/text/json.ts';
import { defineBalancer, originEndpoint, portNumber, tencentKeys, z } from '../define.ts';
import type { Backend, Balancer, WantedRules } from '../ports/balancer.ts';
import type { Readiness } from '../ports/solver.ts';

const port = (title: string) => portNumber().meta({ title });

const backend = z
  .strictObject({
    instanceId: z
      .string()
      .regex(/^ins-\w+$/, { error: 'expected an instance ID, like ins-1a2b3c4d' })
      .optional()
      .meta({ title: 'Id of the CVM instance' }),
    ip: z.ipv4().or(z.ipv6()).optional().meta({ title: 'Private address of a network interface, instead of the id' }),
    port: port('Port of the responder, as the load balancer reaches it').default(30_080),
  })
  .refine(({ instanceId, ip }) => instanceId === undefined || ip === undefined, {
    error: 'give instanceId or ip, not both',
  });

export default defineBalancer({
  id: 'tencent-clb',
  title: 'Tencent Cloud CLB (Cloud Load Balancer)',
  names: ['腾讯云'],
  homepage: 'https://cloud.tencent.com/product/clb',
  apiDocs: 'https://cloud.tencent.com/document/api/214/30667',
  since: '0.1.0',
  options: z.strictObject({
    region: z
      .string()
      .regex(/^[a-z0-9-]+$/, { error: 'expected a region, like ap-guangzhou' })
      .meta({ title: 'Region of the load balancer', examples: ['ap-guangzhou'] }),
    loadBalancer: z
      .string()
      .regex(/^lb-\w+$/, { error: 'expected the ID of a load balancer, like lb-1a2b3c4d' })
      .meta({ title: 'Id of the load balancer', examples: ['lb-1a2b3c4d'] }),
    listenerPort: port('Port of the HTTP listener that the CA’s requests reach').default(80),
    backend: backend.prefault({}).meta({
      title: 'The server that the responder runs on, and its port',
      description:
        'Without `instanceId` and `ip`, the CVM instance that certfleet runs on, as its metadata server says.',
      examples: [{ instanceId: 'ins-1a2b3c4d', port: 30_080 }],
    }),
    ...tencentKeys(),
    endpoint: originEndpoint(),
  }),
  notes: `certfleet adds a forwarding rule to the listener and binds the server that answers to it, waits until its health check
is good, and removes the rule after the validation. At Tencent Cloud each rule names a domain, so a host without rules of
its own gets its rule at the listener's default domain, where its requests go. A listener without a domain cannot have a
rule: add a domain first.

Rules have neither a name nor tags: certfleet marks its own in the host name of their health check
(\`cf-….certfleet.invalid\`), and never removes a rule without that mark.

Without keys it uses the CAM role of the CVM instance. The user or role needs this policy:

\`\`\`json
{
  "version": "2.0",
  "statement": [
    {
      "effect": "allow",
      "action": [
        "clb:DescribeLoadBalancers", "clb:DescribeListeners", "clb:DescribeTargets", "clb:DescribeTargetHealth",
        "clb:DescribeTaskStatus", "clb:DescribeQuota"
      ],
      "resource": ["*"]
    },
    {
      "effect": "allow",
      "action": ["clb:CreateRule", "clb:DeleteRule", "clb:RegisterTargets", "clb:DeregisterTargets"],
      "resource": ["qcs::clb:ap-guangzhou:uin/100000000001:clb/lb-1a2b3c4d", "qcs::cvm:*:uin/100000000001:instance/*"]
    }
  ]
}
\`\`\`

The security group of the server must let the load balancer reach the port of the responder. A listener has room for 50
rules. With an account of the international Tencent Cloud, set \`endpoint: https://clb.intl.tencentcloudapi.com\`.`,
  connect({ options, name, world }): Balancer {
    const title = `the balancer "${name}" (tencent-clb)`;
    const { loadBalancer, listenerPort, region } = options;
    const clb = connectClb({ options: options satisfies ClbOptions, title, name, world });
    const at = `the listener ${listenerPort} of ${loadBalancer} in ${region}`;
    /** The listener that `inspect` read last, for the `apply` that follows it. */
    let seen: { readonly listener: ClbListener; readonly untilMs: number } | undefined;
    let own: Backend | undefined;

    const find = (signal: AbortSignal) => clb.listener(listenerPort, ruleProtocols, signal);
    const findIfThere = (signal: AbortSignal) =>
      find(signal).catch((error: unknown) => {
        if (!isFailure(error, 'balancer/not-found')) throw error;
        return undefined;
      });

    async function backendOf(signal: AbortSignal): Promise<Backend> {
      const { instanceId, ip, port: at } = options.backend;
      own ??=
        ip === undefined
          ? { server: instanceId ?? (await clb.instance.instanceId(signal)), port: at, kind: 'cvm' }
          : { server: ip, port: at, kind: 'ip' };
      return own;
    }

    return {
      type: 'tencent-clb',
      resource: `tencent-clb ${loadBalancer}`,
      listener: String(listenerPort),
      mode: 'forward',
      backend: backendOf,

      async hasServer(server, signal) {
        // The metadata server named it.
        if (options.backend.instanceId === undefined && options.backend.ip === undefined) return true;
        const { id } = await find(signal);
        const bound = [...(await clb.targets(id, signal)).values()].flat();
        return bound.some((target) => isAt({ ...server, port: target.port }, target));
      },

      async inspect(signal) {
        const addresses = await clb.addresses(signal);
        const listener = await find(signal);
        const defaultHost = defaultDomainOf(listener) ?? null;
        seen = { listener, untilMs: world.clock.monotonicMs() + seenMs };
        return {
          matching: 'host-first',
          defaultHost,
          listener: `hosts without rules go to ${defaultHost ?? 'none of its domains'}`,
          rules: listener.rules.flatMap((rule) =>
            rule.domains.map((host) => ({
              name: nameOf(rule) ?? rule.id,
              action: rule.action,
              host,
              path: rule.url,
            })),
          ),
          rulesLeft: Math.max(0, (await clb.ruleQuota(signal)) - listener.rules.length),
          addresses,
        };
      },

      apply(wanted, known, signal) {
        let listener = seen && world.clock.monotonicMs() < seen.untilMs ? seen.listener : undefined;
        seen = undefined;
        return clb.untilKnown(async () => {
          const look = wanted.rules.length === 0 ? findIfThere : find;
          const found = listener ?? (await look(signal));
          listener = undefined; // a second read must not use the cache
          const quota = wanted.rules.length === 0 ? 0 : await clb.ruleQuota(signal);
          const place = { clb, title, at, listener: found, find: look, quota };
          return (await converge(place, wanted, receiptIn(known), signal)) satisfies Receipt as unknown as Json;
        }, signal);
      },

      async state(wanted, known, signal) {
        const receipt = receiptIn(known);
        if (wanted.rules.length === 0) return { ready: true };
        if (!receipt) return notReady('the rule is not there yet');
        const { instanceId, ip } = options.backend;
        const mine = own ?? (instanceId === undefined && ip === undefined ? undefined : await backendOf(signal));
        const health = await clb.health(receipt.listener, signal);
        for (const { name: rule, host } of wanted.rules) {
          const found = health.get(receipt.rules.find((one) => one.name === rule)?.id ?? '');
          const reason = found ? unhealthy(wanted, found, mine) : `the rule for ${host} is not there`;
          if (reason !== undefined) return notReady(reason);
        }
        return { ready: true };
      },

      rights: async (signal) => clbRights(clb, balancerTries(loadBalancer, await backendOf(signal)), signal),

      async owned(signal) {
        const rules = (await findIfThere(signal))?.rules ?? [];
        return rules.flatMap((rule) => {
          const marked = nameOf(rule);
          return marked === undefined ? [] : [{ kind: 'rule', name: marked, id: rule.id }];
        });
      },

      removeOwned: (object, signal) =>
        clb.untilKnown(async () => {
          const listener = await findIfThere(signal);
          // It may have been changed since it was listed.
          const rule = listener?.rules.find((one) => one.id === object.id && nameOf(one) === object.name);
          if (listener && rule) await deleteRules(clb, listener.id, [rule], signal);
        }, signal),

      close: () => clb.close(),
    };
  },
});

/** The caller's lock keeps other processes from changing the owner's rules in between. */
const seenMs = 5_000;
const retryAfterMs = 2_000;

const notReady = (reason: string): Readiness => ({ ready: false, reason, retryAfterMs });

/**
 * Explains why a rule does not reach this process's responder, or, in a process without one, any responder. Without a
 * health check (`Close`), the response over the public path decides.
 */
function unhealthy(
  { group }: WantedRules,
  servers: readonly ClbHealth[],
  mine: Backend | undefined,
): string | undefined {
  const backends = group?.backends ?? [];
  const mineIn = backends.filter((one) => one.server === mine?.server && one.port === mine.port);
  const awaited = mineIn.length > 0 ? mineIn : backends;
  const listed = servers.filter((there) => awaited.some((one) => isAt(one, there)));
  if (listed.some(({ state }) => state === 'Alive' || state === 'Close')) return undefined;
  const dead = listed.find(({ state }) => state === 'Dead');
  const { server, port: at } = awaited.find((one) => !dead || isAt(one, dead)) ?? { server: 'any server', port: 0 };
  return dead
    ? `the health check of ${server}:${at} fails: does the security group of the server let the load balancer reach the port, and does the responder listen there?`
    : `the load balancer has not checked ${server}:${at} yet`;
}
