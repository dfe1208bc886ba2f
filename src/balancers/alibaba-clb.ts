import { type Clb, type ClbListener, connectClb, listIn } from '../clients/alibaba/clb.ts';
import { balancerTries } from '../clients/alibaba/clb-rights.ts';
import {
  about,
  converge,
  deleteGroup,
  deleteRule,
  isAt,
  type Receipt,
  type Rule,
  readGroups,
  readRules,
  readServers,
  serverIn,
  shown,
} from '../clients/alibaba/clb-rules.ts';
import { rightsOf } from '../clients/alibaba/rights.ts';
import { isRefusal, readString, refusalOf } from '../clients/http/json-api.ts';
import { fail, isFailure } from '../core/errors/errors.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import type { Fields, Json } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { alibabaKeys, defineBalancer, originEndpoint, portNumber, z } from '../define.ts';
import type { Backend, Balancer, WantedRules } from '../ports/balancer.ts';
import type { Readiness } from '../ports/solver.ts';

const port = (title: string) => portNumber().meta({ title });

const backend = z
  .strictObject({
    serverId: z.string().min(1).optional().meta({ title: 'Id of the ECS instance, ENI or ECI' }),
    type: z.enum(['ecs', 'eni', 'eci']).default('ecs').meta({ title: 'Kind of the server' }),
    serverIp: z.string().min(1).optional().meta({ title: 'Private address, for an ENI or ECI' }),
    port: port('Port of the responder, as the load balancer reaches it').default(30_080),
  })
  .refine(({ type, serverId, serverIp }) => type === 'ecs' || (serverId !== undefined && serverIp !== undefined), {
    error: 'eni and eci need serverId and serverIp',
  });

export default defineBalancer({
  id: 'alibaba-clb',
  title: 'Alibaba Cloud CLB (Classic Load Balancer, formerly SLB)',
  homepage: 'https://www.alibabacloud.com/product/server-load-balancer',
  apiDocs:
    'https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-overview',
  since: '0.1.0',
  options: z.strictObject({
    region: z
      .string()
      .regex(/^[a-z0-9-]+$/, { error: 'expected a region ID, like cn-hangzhou' })
      .meta({ title: 'Region of the load balancer', examples: ['cn-hangzhou'] }),
    loadBalancer: z
      .string()
      .min(1)
      .meta({ title: 'Id of the load balancer', examples: ['lb-bp1example'] }),
    listenerPort: port('Port of the HTTP listener that the CA’s requests reach').default(80),
    backend: backend.prefault({}).meta({
      title: 'The server that the responder runs on, and its port',
      description:
        'Without `serverId`, the ECS instance that certfleet runs on, as its metadata server says. An ENI or ECI needs `type` and `serverIp` too.',
      examples: [{ serverId: 'i-bp1example', port: 30_080 }],
    }),
    ...alibabaKeys(),
    ruleQuota: z
      .number()
      .int()
      .min(1)
      .default(40)
      .meta({ title: 'How many rules a listener may have: raise it together with the quota of your account' }),
    endpoint: originEndpoint(),
  }),
  notes: `certfleet adds a forwarding rule to the HTTP listener and a virtual server group with the server that answers, waits
until its health check is good, and removes both after the validation. Without keys it uses the RAM role of the ECS
instance. The RAM user or role needs this policy:

\`\`\`json
{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "slb:DescribeLoadBalancerAttribute", "slb:DescribeLoadBalancerHTTPListenerAttribute", "slb:DescribeRules",
        "slb:DescribeVServerGroups", "slb:DescribeVServerGroupAttribute", "slb:DescribeHealthStatus",
        "slb:CreateVServerGroup", "slb:AddVServerGroupBackendServers", "slb:RemoveVServerGroupBackendServers",
        "slb:CreateRules", "slb:SetRule", "slb:DeleteRules", "slb:DeleteVServerGroup", "slb:TagResources"
      ],
      "Resource": ["acs:slb:*:*:*", "acs:ecs:*:*:instance/*"]
    }
  ]
}
\`\`\`

The security group of the server must allow the port of the responder from 100.64.0.0/10, where the health checks and the
requests of the load balancer come from. A listener has room for 40 rules. If the listener redirects to HTTPS, the rule
goes on the HTTPS listener, since CAs follow redirects.`,
  connect({ options, name, world }): Balancer {
    const title = `the balancer "${name}" (alibaba-clb)`;
    const { loadBalancer, listenerPort, region } = options;
    const clb = connectClb({ options, title, name, world });
    const { clock } = world;
    const at = `${loadBalancer} in ${region}`;
    let found: { readonly listener: ClbListener; readonly untilMs: number } | undefined;
    /** The rules that `inspect` read last, for the `apply` that follows it. */
    let seen: { readonly rules: readonly Rule[]; readonly untilMs: number } | undefined;
    let own: Backend | undefined;

    /**
     * Returns the listener that needs the rules. The CA follows a redirect to HTTPS, so that may be the HTTPS listener.
     */
    async function listenerOf(signal: AbortSignal): Promise<ClbListener> {
      if (found && clock.monotonicMs() < found.untilMs) return found.listener;
      found = undefined;
      const all = await clb.listeners(signal);
      const { named, target } = chosen(all);
      if (!named) throw missingListener(all);
      if (!target)
        throw fail('balancer/redirects', {
          balancer: title,
          port: listenerPort,
          reason: `it redirects to port ${named.forwardsTo} of ${at}, which has no HTTPS listener`,
          advice: `Create an HTTPS listener on port ${named.forwardsTo}, turn off the redirect, or use DNS-01.`,
        });
      found = { listener: target, untilMs: clock.monotonicMs() + rememberMs };
      return target;
    }

    /** Reads the present rules. The listener may have changed since it was last read. */
    async function rulesNow(signal: AbortSignal): Promise<readonly Rule[]> {
      const isRemembered = found !== undefined;
      const listener = await listenerOf(signal);
      try {
        return await readRules(clb, loadBalancer, listener, signal);
      } catch (error) {
        found = undefined;
        if (!isRemembered || !isFailure(error, 'balancer/not-found')) throw error;
        return readRules(clb, loadBalancer, await listenerOf(signal), signal);
      }
    }

    /** Returns undefined if the load balancer no longer has the listener. Its rules were deleted with it. */
    async function listenerIfThere(signal: AbortSignal): Promise<ClbListener | undefined> {
      try {
        return await listenerOf(signal);
      } catch (error) {
        if (chosen(await clb.listeners(signal)).target) throw error;
        return undefined;
      }
    }

    function chosen(all: readonly ClbListener[]) {
      const named = all.find((one) => one.port === listenerPort && isHttp(one));
      const forwardsTo = named?.forwardsTo;
      const target =
        forwardsTo === undefined ? named : all.find((one) => one.port === forwardsTo && one.protocol === 'https');
      return { named, target };
    }

    function missingListener(all: readonly ClbListener[]) {
      const others = all.map((one) => `${one.port} (${one.protocol})`).join(', ');
      return fail('balancer/not-found', {
        balancer: title,
        what: `an HTTP listener on port ${listenerPort} of ${at}`,
        reason: others === '' ? 'the load balancer has no listener at all' : `its listeners are ${others}`,
      });
    }

    async function make(wanted: WantedRules, receipt: Json | undefined, signal: AbortSignal): Promise<Json> {
      const listener = await (wanted.rules.length === 0 ? listenerIfThere(signal) : listenerOf(signal));
      let known = seen && clock.monotonicMs() < seen.untilMs ? seen.rules : undefined;
      seen = undefined;
      const made = await clb.untilKnown(() => {
        const rules = known;
        known = undefined; // a second read must not use the cache
        return converge({ ...place, listener, rules }, wanted, signal);
      }, signal);
      const before = receiptIn(receipt);
      const at = made.changed || !before ? clock.now().toISOString() : before.at;
      return { ...made.receipt, at } satisfies Receipt as unknown as Json;
    }

    const backendOf = async (signal: AbortSignal): Promise<Backend> => {
      own ??= await describeOwn(clb, options.backend, signal);
      return own;
    };
    const place = { clb, title, loadBalancer, ruleQuota: options.ruleQuota, listenerKey: String(listenerPort) };

    return {
      type: 'alibaba-clb',
      resource: `alibaba-clb ${loadBalancer}`,
      listener: place.listenerKey,
      mode: 'forward',
      backend: backendOf,

      async hasServer({ server }, signal) {
        // The metadata server named the server.
        if (options.backend.serverId === undefined) return true;
        const servers = await readHealth(clb, loadBalancer, await listenerOf(signal), signal);
        return servers !== 'unchecked' && servers.some((there) => there.server === server);
      },

      async backendsOf({ name: rule }, signal) {
        const group = (await rulesNow(signal)).find((one) => one.name === rule)?.group;
        return group === undefined ? undefined : readServers(clb, group, signal);
      },

      async inspect(signal) {
        const rules = await rulesNow(signal);
        seen = { rules, untilMs: clock.monotonicMs() + seenMs };
        const elsewhere = found && found.listener.port !== listenerPort ? found.listener.port : undefined;
        const listener = `the port ${listenerPort} redirects to the HTTPS listener ${elsewhere}, so the rules are there`;
        const address = clb.address();
        return {
          matching: 'host-first',
          rules: rules.map(shown),
          rulesLeft: Math.max(0, options.ruleQuota - rules.length),
          ...present({
            listener: elsewhere === undefined ? undefined : listener,
            addresses: address === undefined ? undefined : [address],
          }),
        };
      },

      async apply(wanted, receipt, signal) {
        const isRemembered = found !== undefined;
        try {
          return await make(wanted, receipt, signal);
        } catch (error) {
          found = undefined;
          if (!isRemembered || !isFailure(error, 'balancer/not-found')) throw error;
          return make(wanted, receipt, signal);
        }
      },

      async state(wanted, receipt, signal) {
        if (wanted.rules.length === 0) return { ready: true };
        const listener = await listenerOf(signal);
        const servers = await readHealth(clb, loadBalancer, listener, signal);
        const mine = own ?? (options.backend.serverId === undefined ? undefined : await backendOf(signal));
        const sinceMs = clock.now().getTime() - Date.parse(receiptIn(receipt)?.at ?? '');
        const health = healthOf(wanted, { servers, mine });
        if (typeof health === 'object') return health;
        if (sinceMs >= 0 && sinceMs < undecidedMs[health]) return unchecked(wanted, mine);
        return missingRule(wanted, await readRules(clb, loadBalancer, listener, signal)) ?? { ready: true };
      },

      async health(backend, signal) {
        let servers: readonly Health[] | 'unchecked';
        try {
          servers = await readHealth(clb, loadBalancer, await listenerOf(signal), signal);
        } catch (error) {
          if (/^(Forbidden|NoPermission)/.test(refusalOf(error)?.code ?? '')) return undefined;
          throw error;
        }
        if (servers === 'unchecked') return undefined;
        const listed = servers.filter((there) => isAt(backend, there));
        if (listed.length === 0) return undefined;
        if (listed.some(({ health }) => health === 'normal')) return { ready: true };
        const state = listed.some(({ health }) => health === 'abnormal') ? 'fails' : 'has not been made yet';
        return {
          ready: false,
          reason: `no healthy backend: health check of ${nameOf(backend)} ${state}`,
          retryAfterMs,
        };
      },

      rights: async (signal) => rightsOf(clb, 'slb', balancerTries(loadBalancer, await listenerOf(signal)), signal),

      async owned(signal) {
        const listener = await listenerIfThere(signal);
        const rules = listener ? await readRules(clb, loadBalancer, listener, signal) : [];
        const groups = await readGroups(clb, loadBalancer, signal);
        const all = [
          ...[...rules, ...groups.flatMap(({ users }) => users)].map(({ name, id }) => ({ kind: 'rule', name, id })),
          ...groups.map(({ name, id }) => ({ kind: 'group', name, id })),
        ].filter((object) => markIn(object.name) !== undefined);
        return all.filter(({ kind, id }, at) => all.findIndex((one) => one.kind === kind && one.id === id) === at);
      },

      removeOwned: (object, signal) =>
        object.kind === 'rule'
          ? clb.untilKnown(() => deleteRule(clb, object.id, signal), signal)
          : clb.untilKnown(() => deleteGroup(clb, object.id, signal), signal),

      close: () => clb.close(),
    };
  },
});

const receiptIn = (known: Json | undefined): Receipt | undefined => {
  const receipt = known as Partial<Receipt> | null | undefined;
  return typeof receipt?.at === 'string' ? (receipt as Receipt) : undefined;
};

/** How long a process relies on which listener redirects where. */
const rememberMs = 5 * 60_000;
/**
 * How long `unavailable` may mean that the check has not run yet. After that, the response over the public path
 * decides: it is not documented whether servers that only a rule uses are listed with their own check (`unknown`), and
 * a server may also be in other groups, which have no check (`partly`; certfleet's own check takes 2 s).
 */
const undecidedMs = { unknown: 30_000, partly: 8_000, unchecked: 0 } as const;
/** The caller's lock keeps other processes from changing the owner's rules in between. */
const seenMs = 5_000;
const retryAfterMs = 2_000;

const isHttp = ({ protocol }: ClbListener): boolean => protocol === 'http' || protocol === 'https';

async function describeOwn(
  clb: Clb,
  { serverId, serverIp, type, port }: z.infer<typeof backend>,
  signal: AbortSignal,
): Promise<Backend> {
  const server = serverId ?? (await clb.instance.instanceId(signal));
  return { server, port, kind: type, ...present({ address: serverIp }) };
}

// ── readiness ────────────────────────────────────────────────────────────────────────────────────────────────────

interface Health extends Backend {
  readonly health: string;
}

/** Returns an empty list if no listener on the port has a health check. */
async function readHealth(
  clb: Clb,
  loadBalancer: string,
  listener: ClbListener,
  signal: AbortSignal,
): Promise<readonly Health[] | 'unchecked'> {
  const parse = (answer: Fields) =>
    listIn(answer, 'BackendServers', 'BackendServer').map((fields) => ({
      ...serverIn(fields),
      health: readString(fields, 'ServerHealthStatus'),
    }));
  try {
    return await clb.read('DescribeHealthStatus', about(loadBalancer, listener), parse, signal);
  } catch (error) {
    if (isRefusal(error, 'CheckedListenerNotFound')) return 'unchecked';
    throw error;
  }
}

/** Reports whether this process's responder is healthy, or, in a process without one, whether any responder is. */
function healthOf(
  { group }: WantedRules,
  { servers, mine }: { readonly servers: readonly Health[] | 'unchecked'; readonly mine: Backend | undefined },
): Readiness | keyof typeof undecidedMs {
  if (servers === 'unchecked') return 'unchecked';
  if (group === undefined) return { ready: true };
  const isMine = group.backends.some((backend) => mine !== undefined && isSameServer(backend, mine));
  const awaited = isMine ? group.backends.filter((backend) => isSameServer(backend, mine!)) : group.backends;
  // A server may be listed for several rules.
  const listed = servers.filter((there) => awaited.some((backend) => isAt(backend, there)));
  const good = listed.filter(({ health }) => health === 'normal');
  if (good.length > 0 && (!isMine || good.length === listed.length)) return { ready: true };
  const bad = listed.find(({ health }) => health === 'abnormal');
  if (!bad) return good.length > 0 ? 'partly' : 'unknown';
  const reason = `the health check of ${nameOf(bad)} is abnormal: is the port open for the load balancer (100.64.0.0/10), and does the responder listen there?`;
  return { ready: false, reason, retryAfterMs };
}

const nameOf = ({ server, port }: Backend): string => `${server}:${port}`;

function unchecked({ group }: WantedRules, mine: Backend | undefined): Readiness {
  const first = mine ?? group?.backends[0];
  const reason = `the load balancer has not checked ${first ? nameOf(first) : 'any server'} yet`;
  return { ready: false, reason, retryAfterMs };
}

/** Checks that the rules exist, for when no health check decides. */
function missingRule({ rules }: WantedRules, there: readonly Rule[]): Readiness | undefined {
  const missing = rules.find(({ name }) => !there.some((rule) => rule.name === name));
  if (!missing) return undefined;
  return { ready: false, reason: `the rule ${missing.name} is not on the listener`, retryAfterMs };
}

const isSameServer = (a: Backend, b: Backend): boolean =>
  a.server === b.server && a.port === b.port && (a.address ?? '') === (b.address ?? '');
