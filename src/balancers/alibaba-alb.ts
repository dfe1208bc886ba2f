import { type AlbListener, connectAlb, fieldsIn, rowsIn } from '../clients/alibaba/alb.ts';
import { balancerTries } from '../clients/alibaba/alb-rights.ts';
import {
  converge,
  deleteGroup,
  deleteRule,
  isAt,
  patternsOf,
  type Receipt,
  readGroups,
  readRules,
  receiptIn,
} from '../clients/alibaba/alb-rules.ts';
import { readNumber, textIn } from '../clients/alibaba/clb.ts';
import { rightsOf } from '../clients/alibaba/rights.ts';
import { readString } from '../clients/http/json-api.ts';
import { firstMatch } from '../clients/http/priority-rules.ts';
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
    serverId: z.string().min(1).optional().meta({ title: 'Id of the ECS instance, ENI or ECI, or an address' }),
    type: z.enum(['ecs', 'eni', 'eci', 'ip']).default('ecs').meta({ title: 'Kind of the server' }),
    serverIp: z.string().min(1).optional().meta({ title: 'Private address, for an ENI or ECI' }),
    port: port('Port of the responder, as the load balancer reaches it').default(30_080),
  })
  .refine(({ type, serverId }) => type === 'ecs' || serverId !== undefined, {
    error: 'eni, eci and ip need serverId',
  });

export default defineBalancer({
  id: 'alibaba-alb',
  title: 'Alibaba Cloud ALB (Application Load Balancer)',
  homepage: 'https://www.alibabacloud.com/product/server-load-balancer',
  apiDocs:
    'https://www.alibabacloud.com/help/en/slb/application-load-balancer/developer-reference/api-alb-2020-06-16-overview',
  since: '0.1.0',
  options: z.strictObject({
    region: z
      .string()
      .regex(/^[a-z0-9-]+$/, { error: 'expected a region ID, like cn-hangzhou' })
      .meta({ title: 'Region of the load balancer', examples: ['cn-hangzhou'] }),
    loadBalancer: z
      .string()
      .regex(/^alb-[a-z0-9]+$/, { error: 'expected the ID of an ALB instance, like alb-bp1example' })
      .meta({ title: 'Id of the load balancer', examples: ['alb-bp1example'] }),
    listenerPort: port('Port of the HTTP listener that the CA’s requests reach').default(80),
    mode: z.enum(['forward', 'fixed-response']).default('forward').meta({
      title: 'Whether a rule forwards to the responder or answers a token itself',
      description: 'A rule that answers itself needs no responder, server group, health check or open port.',
    }),
    backend: backend.prefault({}).meta({
      title: 'The server that the responder runs on, and its port',
      description: 'Without `serverId`, the ECS instance that certfleet runs on, as its metadata server says.',
      examples: [{ serverId: 'i-bp1example', port: 30_080 }],
    }),
    ruleQuota: z.number().int().min(1).optional().meta({
      title: 'How many rules the load balancer may have, if your account’s quota was raised',
    }),
    ...alibabaKeys([]),
    endpoint: originEndpoint(),
  }),
  notes: `certfleet adds a rule with a low number to the listener and, in the mode \`forward\`, a server group with the server that
answers, waits until its health check is good, and removes both after the validation. It never changes another rule. A
listener that redirects everything to HTTPS needs no other setting, because a rule with a lower number wins. If a rule
with the number 1 covers the challenge path, give it a higher one.

Without keys it uses the RAM role of the ECS instance. The RAM user or role needs this policy; the mode
\`fixed-response\` needs only the actions for load balancers, listeners and rules:

\`\`\`json
{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "alb:ListLoadBalancers", "alb:ListListeners", "alb:ListRules", "alb:CreateRule", "alb:DeleteRule",
        "alb:ListServerGroups", "alb:ListServerGroupServers", "alb:GetListenerHealthStatus", "alb:CreateServerGroup",
        "alb:AddServersToServerGroup", "alb:RemoveServersFromServerGroup", "alb:DeleteServerGroup"
      ],
      "Resource": "acs:alb:*:*:*"
    }
  ]
}
\`\`\`

With \`alb:ListAsynJobs\`, certfleet can say why ALB gave up a change that it had accepted.

The security group of the server must let the load balancer reach the port of the responder. A load balancer has room for
100 rules, or 40 in the basic edition.`,
  connect({ options, name, world }): Balancer {
    const title = `the balancer "${name}" (alibaba-alb)`;
    const { loadBalancer, listenerPort, region, mode } = options;
    const alb = connectAlb({ options, title, name, world });
    const label = `${loadBalancer} ${listenerPort}`;
    let own: Backend | undefined;

    async function find(signal: AbortSignal): Promise<AlbListener> {
      const all = await alb.listeners(signal);
      const found = all.find((one) => one.port === listenerPort && /^HTTPS?$/.test(one.protocol));
      if (found) return found;
      await alb.balancer(signal);
      const others = all.map((one) => `${one.port} (${one.protocol})`).join(', ');
      throw fail('balancer/not-found', {
        balancer: title,
        what: `an HTTP listener on port ${listenerPort} of ${loadBalancer} in ${region}`,
        reason: others === '' ? 'the load balancer has no listener at all' : `its listeners are ${others}`,
      });
    }

    const findIfThere = (signal: AbortSignal): Promise<AlbListener | undefined> =>
      find(signal).catch((error: unknown) => {
        if (!isFailure(error, 'balancer/not-found')) throw error;
        return undefined;
      });

    async function backendOf(signal: AbortSignal): Promise<Backend> {
      const { serverId, serverIp, type, port: at } = options.backend;
      const server = serverId ?? (await alb.instance.instanceId(signal));
      own ??= { server, port: at, kind: type, ...present({ address: serverIp }) };
      return own;
    }

    /** Returns why no request of these rules would be answered, as far as the health check of the group says. */
    async function unhealthy(listener: string, { group }: WantedRules, receipt: Receipt, signal: AbortSignal) {
      if (!group) return undefined;
      const rows = await alb.list(
        'GetListenerHealthStatus',
        { ListenerId: listener, IncludeRule: true },
        'RuleHealthStatus',
        signal,
        mostHealthRows,
      );
      const infos = rows.flatMap((row) => rowsIn(row, 'ServerGroupInfos'));
      const mine = infos.filter((one) => one['ServerGroupId'] === receipt.group?.id);
      if (mine.length === 0) return 'the health check of the server group has not begun yet';
      // Only servers that are not healthy are listed.
      const bad = mine.flatMap((one) => rowsIn(one, 'NonNormalServers')).map(sickIn);
      const isMine = own && group.backends.some((one) => isAt(one, own!));
      const awaited = isMine ? [own!] : group.backends;
      const sick = awaited.map((one) => bad.find((row) => isAt(one, row)));
      return sick.includes(undefined) ? undefined : sick.map((one) => one?.text).join('; ');
    }

    return {
      type: 'alibaba-alb',
      resource: `alibaba-alb ${loadBalancer}`,
      listener: String(listenerPort),
      mode,
      backend: backendOf,
      // The metadata server named it.
      hasServer: async () => options.backend.serverId === undefined,

      async inspect(signal) {
        const listener = await find(signal);
        const rules = await readRules(alb, loadBalancer, signal);
        const quota = options.ruleQuota ?? ((await alb.balancer(signal)).edition === 'Basic' ? 40 : 100);
        return {
          matching: 'best',
          rules: rules
            .filter((rule) => rule.listener === listener.id)
            .flatMap((rule) =>
              (rule.hosts ?? [undefined]).flatMap((host) =>
                (rule.paths ?? [undefined]).map((path) => ({
                  ...{ name: rule.name, action: rule.action },
                  ...present({ host, path: path?.replace(/\*$/, '') }),
                })),
              ),
            ),
          rulesLeft: Math.max(0, quota - rules.length),
        };
      },

      apply: (wanted, known, signal) =>
        alb.untilKnown(async () => {
          const listener = await (wanted.rules.length === 0 ? findIfThere : find)(signal);
          const place = { alb, clock: world.clock, title, loadBalancer, label, forwards: mode === 'forward' };
          const made = await converge({ ...place, listener: listener?.id }, wanted, receiptIn(known), signal);
          return made satisfies Receipt as unknown as Json;
        }, signal),

      async state(wanted, known, signal) {
        if (wanted.rules.length === 0) return { ready: true };
        const receipt = receiptIn(known);
        const listener = await find(signal);
        const rules = (await readRules(alb, loadBalancer, signal)).filter((one) => one.listener === listener.id);
        const ours = new Set(Object.values(receipt.rules));
        for (const want of wanted.rules) {
          const rule = rules.find(({ id, status }) => id === receipt.rules[want.name] && status === 'Available');
          if (!rule) return notReady(`the rule for ${want.host ?? 'all hosts'} is not there`);
          const winner = firstMatch(
            patternsOf(want),
            rules.filter(({ id }) => !ours.has(id)),
          );
          if (winner && winner.priority < rule.priority)
            return notReady(
              `the rule ${winner.name} with the lower number ${winner.priority} (${winner.action}) wins over the one for ${want.host ?? 'all hosts'}`,
            );
        }
        const reason = await unhealthy(listener.id, wanted, receipt, signal);
        return reason === undefined ? { ready: true } : notReady(reason);
      },

      rights: async (signal) =>
        rightsOf(alb, 'alb', balancerTries(loadBalancer, (await find(signal)).id, mode), signal),

      async owned(signal) {
        const listener = await findIfThere(signal);
        const rules = listener ? await readRules(alb, loadBalancer, signal) : [];
        const groups = mode === 'forward' ? await readGroups(alb, label, signal) : [];
        return [
          ...rules.filter((one) => one.listener === listener?.id).map((one) => ({ kind: 'rule', ...one })),
          ...groups.map((one) => ({ kind: 'group', ...one })),
        ].flatMap(({ kind, name: found, id }) => (markIn(found) ? [{ kind, name: found, id }] : []));
      },

      async removeOwned({ kind, id }, signal) {
        await alb.untilKnown(() => (kind === 'rule' ? deleteRule : deleteGroup)(alb, id, signal), signal);
      },

      close: () => alb.close(),
    };
  },
});

/** The API returns at most this many rows of health at once. */
const mostHealthRows = 30;
/** The pause between two checks, with health checks every two seconds. */
const retryAfterMs = 2_000;
const notReady = (reason: string): Readiness => ({ ready: false, reason, retryAfterMs });

function sickIn(row: Fields) {
  const { ServerId: server } = row as { readonly ServerId?: string };
  const [at, status] = [readNumber(row, 'Port'), readString(row, 'Status')];
  const why = textIn(fieldsIn(row, 'Reason'), 'ReasonCode');
  const text =
    status === 'Unhealthy'
      ? `the health check of ${server}:${at} fails (${why ?? status}): does the security group of the server let the load balancer reach the port, and does the responder listen there?`
      : `the load balancer has not checked ${server}:${at} yet (${status})`;
  return { server: server ?? '', port: at, text };
}
