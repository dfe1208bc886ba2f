import { connectElb } from '../clients/aws/alb.ts';
import {
  createReconcile,
  ifThere,
  isTransient,
  outsideVpc,
  patternsOf,
  type Receipt,
  type Round,
  readReceipt,
} from '../clients/aws/alb-change.ts';
import { createMarks } from '../clients/aws/alb-marks.ts';
import { isRefusal } from '../clients/http/json-api.ts';
import { firstMatch } from '../clients/http/priority-rules.ts';
import { present } from '../core/text/present.ts';
import { awsKeys, defineBalancer, endpoint, portNumber, z } from '../define.ts';
import type { Balancer, OwnedObject, WantedRules } from '../ports/balancer.ts';
import type { Readiness } from '../ports/solver.ts';

const port = (title: string) => portNumber().meta({ title });

const backend = z
  .strictObject({
    instanceId: z
      .string()
      .regex(/^i-[0-9a-f]+$/, { error: 'expected an instance ID, like i-0123456789abcdef0' })
      .optional()
      .meta({ title: 'Id of the instance' }),
    ip: z.ipv4().or(z.ipv6()).optional().meta({ title: 'Private address, instead of the id' }),
    outsideVpc: z.boolean().default(false).meta({ title: 'The address is outside the VPC of the load balancer' }),
    port: port('Port of the responder, as the load balancer reaches it').default(30_080),
  })
  .refine(({ instanceId, ip }) => instanceId === undefined || ip === undefined, {
    error: 'give instanceId or ip, not both',
  });

export default defineBalancer({
  id: 'aws-alb',
  title: 'AWS Application Load Balancer',
  homepage: 'https://aws.amazon.com/elasticloadbalancing/application-load-balancer/',
  apiDocs: 'https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/Welcome.html',
  since: '0.1.0',
  options: z
    .strictObject({
      region: z
        .string()
        .regex(/^[a-z]{2,4}(-[a-z]+)+-\d$/, { error: 'expected a region code, like eu-west-1' })
        .meta({ title: 'Region of the load balancer', examples: ['eu-west-1'], aliases: ['AWS_REGION'] }),
      loadBalancer: z
        .string()
        .regex(
          /^[A-Za-z0-9-]{1,32}$|^arn:[\w-]+:elasticloadbalancing:[^:]+:\d+:loadbalancer\/app\/[\w-]+\/[0-9a-f]+$/,
          {
            error: 'expected the name or the ARN of an Application Load Balancer',
          },
        )
        .optional()
        .meta({ title: 'Name or ARN of the load balancer', examples: ['web'] }),
      listener: z
        .string()
        .regex(/^arn:[\w-]+:elasticloadbalancing:[^:]+:\d+:listener\/app\/[\w-]+\/[0-9a-f]+\/[0-9a-f]+$/, {
          error: 'expected the ARN of a listener of an Application Load Balancer',
        })
        .optional()
        .meta({ title: 'ARN of the listener, instead of loadBalancer' }),
      listenerPort: port('Port of the listener that the CA’s requests reach').default(80),
      mode: z.enum(['forward', 'fixed-response']).default('forward').meta({
        title: 'Whether a rule forwards to the responder or answers a token itself',
        description: 'A rule that answers itself needs no responder, target group, health check or open port.',
      }),
      targetType: z
        .enum(['instance', 'ip'])
        .optional()
        .meta({ title: 'Whether the target group has instances or addresses; by default as `backend` says' }),
      backend: backend.prefault({}).meta({
        title: 'The instance or address that the responder runs on, and its port',
        description: 'Without `instanceId` and `ip`, the EC2 instance that certfleet runs on.',
        examples: [{ instanceId: 'i-0123456789abcdef0', port: 30_080 }],
      }),
      vpcId: z
        .string()
        .regex(/^vpc-[0-9a-f]+$/, { error: 'expected a VPC ID, like vpc-0123456789abcdef0' })
        .optional()
        .meta({ title: 'VPC of the target group; by default that of the load balancer' }),
      ...awsKeys(),
      endpoint: endpoint('Endpoint of the API, if not the region’s'),
    })
    .refine(({ loadBalancer, listener }) => (loadBalancer === undefined) !== (listener === undefined), {
      error: 'give loadBalancer or listener',
    }),
  notes: `certfleet adds a rule with a low priority number to the listener and, in the mode \`forward\`, a target group with the node
that answers, waits until its health check is good, and removes both after the validation. It never changes another rule.
A listener that redirects everything to HTTPS needs no other setting: a rule wins over the redirect, which is the default
action or a rule with a higher number. If a rule with the number 1 covers the challenge path, give it a higher one.

In the mode \`forward\`, the security group of the node must let the load balancer's one reach the port of the responder.

Without keys, certfleet uses the role of the EC2 instance. The user or role needs this policy; the mode \`fixed-response\`
needs only the actions for rules and tags:

\`\`\`json
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:DescribeAccountLimits"
      ],
      "Resource": "*"
    },
    {
      "Effect": "Allow",
      "Action": ["elasticloadbalancing:CreateRule", "elasticloadbalancing:CreateTargetGroup"],
      "Resource": "*",
      "Condition": { "StringLike": { "aws:RequestTag/certfleet:name": "cf-*" } }
    },
    {
      "Effect": "Allow",
      "Action": "elasticloadbalancing:AddTags",
      "Resource": "*",
      "Condition": {
        "StringEquals": { "elasticloadbalancing:CreateAction": ["CreateRule", "CreateTargetGroup"] }
      }
    },
    {
      "Effect": "Allow",
      "Action": [
        "elasticloadbalancing:DeleteRule", "elasticloadbalancing:DeleteTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:RegisterTargets",
        "elasticloadbalancing:DeregisterTargets"
      ],
      "Resource": "*",
      "Condition": { "StringLike": { "aws:ResourceTag/certfleet:name": "cf-*" } }
    }
  ]
}
\`\`\`

Rules have no names at AWS: the tag \`certfleet:name\` is how certfleet knows its own. A target group's name is that mark
without its dashes, since AWS takes 32 characters.`,
  connect({ options, name, world }): Balancer {
    const title = `the balancer "${name}" (aws-alb)`;
    const { clock, random } = world;
    const { elb, instance, place: at, close } = connectElb({ options, title, name, world });
    const marks = createMarks(elb, at.label);
    const reconcile = createReconcile({
      ...{ elb, marks, title, place: at },
      ...{ vpcId: options.vpcId, forwards: options.mode === 'forward' },
    });

    /**
     * Reports whether the rules exist and take precedence, and at least one target is healthy. Other targets get no
     * requests.
     */
    async function look(wanted: WantedRules, receipt: Receipt, signal: AbortSignal): Promise<Readiness> {
      if (wanted.rules.length === 0) return { ready: true };
      if (wanted.group) {
        if (!receipt.group) return notReady('the target group is not there yet');
        const health = await elb.health(receipt.group.arn, signal);
        if (!health.some(({ state }) => state === 'healthy'))
          return notReady(health.map(healthText).join('; ') || 'the target group is empty');
      }
      const { listener } = await at.find(signal);
      const rules = await elb.rules(listener.arn, signal);
      const ours = new Set(Object.values(receipt.rules));
      const others = rules.filter(({ arn }) => !ours.has(arn));
      for (const want of wanted.rules) {
        const rule = rules.find(({ arn }) => arn === receipt.rules[want.name]);
        if (!rule) return notReady(`the rule for ${want.host ?? 'all hosts'} is not there`);
        const winner = firstMatch(patternsOf(want), others);
        if (winner && winner.priority < rule.priority)
          return notReady(
            `a rule with the lower number ${winner.priority} (${winner.action}) wins over the one for ${want.host ?? 'all hosts'}`,
          );
      }
      return { ready: true };
    }

    return {
      type: 'aws-alb',
      resource: at.resource,
      listener: String(options.listenerPort),
      mode: options.mode,

      async backend(signal) {
        const { instanceId, ip, outsideVpc: isOutside, port: own } = options.backend;
        const type = options.targetType ?? (ip === undefined ? 'instance' : 'ip');
        if (type === 'ip')
          return {
            server: ip ?? (await instance.privateAddress(signal)),
            port: own,
            kind: isOutside ? outsideVpc : 'ip',
          };
        return { server: instanceId ?? (await instance.instanceId(signal)), port: own, kind: 'instance' };
      },

      // The metadata server named it. Only EC2 knows which other servers exist.
      hasServer: async () => options.backend.instanceId === undefined && options.backend.ip === undefined,

      async inspect(signal) {
        const { listener, siblings } = await at.find(signal);
        const [rules = [], ...rest] = await Promise.all(
          [listener, ...siblings].map(({ arn }) => elb.rules(arn, signal)),
        );
        await marks.readNames(rules, signal);
        const there = [rules, ...rest].reduce((sum, { length }) => sum + length, 0);
        return {
          matching: 'best',
          rules: rules.flatMap((rule) => {
            const shown = marks.nameOf(rule) ?? `with the number ${rule.priority}`;
            return (rule.hosts ?? [undefined]).flatMap((host) =>
              (rule.paths ?? [undefined]).map((path) => ({
                name: shown,
                action: rule.action,
                ...present({ host, path: path?.replace(/\*$/, '') }),
              })),
            );
          }),
          rulesLeft: Math.max(0, (await at.ruleQuota(signal)) - there),
        };
      },

      async apply(wanted, known, signal) {
        const receipt = readReceipt(known);
        for (const [ruleName, arn] of Object.entries(receipt.rules)) marks.learnRule(arn, ruleName);
        for (let idle = 0; ; ) {
          const round: Round = { done: 0 };
          try {
            return { ...(await reconcile(wanted, receipt, round, signal)) };
          } catch (error) {
            // After a lost response, created objects are found by name, so nothing is created twice.
            idle = round.done > 0 ? 0 : idle + 1;
            if (signal.aborted || !isTransient(error) || idle > mostIdleRounds) throw error;
            at.forget();
            await clock.sleep(roundPauseMs * (1 + random.number()), signal);
          }
        }
      },

      state: (wanted, receipt, signal) =>
        look(wanted, readReceipt(receipt), signal).catch((error: unknown) => {
          if (isRefusal(error, 'TargetGroupNotFound')) return notReady('the target group is not there');
          throw error;
        }),

      async owned(signal) {
        const { listener } = await at.find(signal);
        const rules = await elb.rules(listener.arn, signal);
        await marks.readNames(rules, signal);
        const groups = await marks.readGroups(() => true, signal);
        return [
          ...rules.flatMap((rule): OwnedObject[] => {
            const found = marks.nameOf(rule);
            return found === undefined ? [] : [{ kind: 'rule', name: found, id: rule.arn }];
          }),
          ...groups.map(({ name: found, arn }) => ({ kind: 'group', name: found, id: arn })),
        ];
      },

      async removeOwned({ kind, id }, signal) {
        if (kind === 'rule') await ifThere('RuleNotFound', () => elb.change('DeleteRule', { RuleArn: id }, signal));
        else
          await ifThere('TargetGroupNotFound', () =>
            elb.change('DeleteTargetGroup', { TargetGroupArn: id }, signal, ['ResourceInUse']),
          );
      },

      close,
    };
  },
});

/** The limit for consecutive attempts without progress. */
const mostIdleRounds = 4;
const roundPauseMs = 500;
/** The pause between two checks, with health checks every five seconds. */
const lookAgainMs = 2_000;

const notReady = (reason: string): Readiness => ({ ready: false, reason, retryAfterMs: lookAgainMs });

function healthText({
  id,
  port: at,
  state,
  reason,
}: {
  id: string;
  port: number;
  state: string;
  reason: string;
}): string {
  const why = healthReasons[reason] ?? reason;
  return `the target ${id}:${at} is ${state}${why === '' ? '' : `: ${why}`}`;
}

/** Descriptions of the reasons that people can do something about. For others, AWS's own are shown. */
const healthReasons: Readonly<Record<string, string>> = {
  'Elb.InitialHealthChecking': 'its first health checks are under way',
  'Elb.RegistrationInProgress': 'it is being registered',
  'Target.Timeout':
    'its health check timed out; the security group of the node must let the load balancer reach this port (Target.Timeout)',
  'Target.FailedHealthChecks':
    'the load balancer cannot connect to it; is the responder listening on this port? (Target.FailedHealthChecks)',
  'Target.ResponseCodeMismatch': 'another program answers on this port (Target.ResponseCodeMismatch)',
  'Target.NotInUse':
    'no rule leads to it, or its availability zone is not enabled for the load balancer (Target.NotInUse)',
};
