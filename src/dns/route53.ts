import { type AwsTrouble, createAwsRest } from '../clients/aws/aws.ts';
import { awsKeySource } from '../clients/aws/credentials.ts';
import { createRoute53, type RecordChange, type RecordSet } from '../clients/aws/route53.ts';
import { dnsError } from '../clients/http/dns-api.ts';
import { isRefusal, refusalOf } from '../clients/http/json-api.ts';
import { fromTxtContent, toTxtContent } from '../clients/http/txt-content.ts';
import { createZoneCache } from '../clients/http/zone-cache.ts';
import { createTurns } from '../core/async/turns.ts';
import { fail } from '../core/errors/errors.ts';
import { awsKeys, defineDnsProvider, endpoint, z } from '../define.ts';
import type { SetChange, TxtSet } from '../ports/dns-provider.ts';

const provider = 'Route 53';

export default defineDnsProvider({
  id: 'route53',
  title: 'AWS Route 53',
  homepage: 'https://aws.amazon.com/route53/',
  apiDocs: 'https://docs.aws.amazon.com/Route53/latest/APIReference/Welcome.html',
  since: '0.1.0',
  tested: 'lego 4.9.1, moto 5.1',
  options: z.strictObject({
    ...awsKeys(),
    hostedZoneId: z
      .string()
      .regex(/^Z[A-Z0-9]{1,31}$/, { error: 'expected a hosted zone ID, like Z2FDTNDATAQYW2' })
      .optional()
      .meta({
        title: 'Id of the hosted zone, if the account has several public ones of this name or may not list them',
        examples: ['Z2FDTNDATAQYW2'],
        aliases: ['AWS_HOSTED_ZONE_ID'],
      }),
    region: z
      .string()
      .regex(/^[a-z]{2,4}(-[a-z]+)+-\d$/, { error: 'expected a region code, like eu-west-1' })
      .default('us-east-1')
      .meta({
        title: 'Any region in the account’s partition, which only matters in China and in GovCloud',
        examples: ['cn-northwest-1'],
        aliases: ['AWS_REGION', 'AWS_DEFAULT_REGION'],
      }),
    endpoint: endpoint('The API’s address, if it is not that of the partition'),
  }),
  notes: `Without keys, certfleet uses the role of what it runs on (EC2, ECS, EKS). To use another role, name a file like
\`~/.aws/config\` as \`credentials\` and a \`profile\` of it that has \`role_arn\` with \`source_profile\` or
\`credential_source\`, or \`credential_process\`. The program is run without a shell; no user but root and the one that
runs certfleet may be able to change it or the file. A role that asks for MFA cannot be used.

The user or role needs this policy; put the id of the zone in the place of \`Z2FDTNDATAQYW2\`. With \`hostedZoneId\`, the last statement is not needed:

\`\`\`json
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "route53:ChangeResourceRecordSets",
      "Resource": "arn:aws:route53:::hostedzone/Z2FDTNDATAQYW2",
      "Condition": {
        "ForAllValues:StringEquals": { "route53:ChangeResourceRecordSetsRecordTypes": ["TXT"] },
        "ForAllValues:StringLike": { "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["_acme-challenge.*"] }
      }
    },
    {
      "Effect": "Allow",
      "Action": "route53:ListResourceRecordSets",
      "Resource": "arn:aws:route53:::hostedzone/Z2FDTNDATAQYW2"
    },
    { "Effect": "Allow", "Action": "route53:ListHostedZonesByName", "Resource": "*" }
  ]
}
\`\`\`

Values of other programs at the same name stay. A record with a routing policy (weighted, latency and so on) is refused.`,
  traits: {
    // All changes of a zone are one atomic batch, and two concurrent batches for a zone are refused.
    writes: 'zone',
    minTtl: 0,
    // In the long run, the API accepts five requests per second from an account.
    maxConcurrent: 4,
    // Changes generally reach all servers within 60 seconds.
    visibleMs: 120_000,
  },
  connect({ options, name, world }) {
    const http = world.http();
    const { clock, random, log, files, processes } = world;
    const { region, hostedZoneId } = options;
    const place = placeOf(region);
    const route53 = createRoute53(
      createAwsRest({
        ...{ http, clock, random, log, name: provider, service: 'route53', region: place.region },
        endpoint: options.endpoint ?? place.endpoint,
        credentials: awsKeySource(options, { http, clock, random, log, files, processes, name, region }),
        error: errorOf,
      }),
    );
    const turns = createTurns(mostReads);
    const zones = createZoneCache(findZone, (error) => isRefusal(error, 'NoSuchHostedZone'));

    async function findZone(zone: string, signal: AbortSignal): Promise<string> {
      if (hostedZoneId !== undefined) return hostedZoneId;
      const found = await route53.zones(zone, signal);
      const ids = found.filter(({ isPrivate }) => !isPrivate).map(({ id }) => id);
      if (ids.length > 1)
        throw refusal(
          zone,
          `the account has ${ids.length} public hosted zones ${zone}: ${ids.join(', ')}`,
          'Set `hostedZoneId` to the one that the domain is delegated to.',
        );
      if (ids[0] !== undefined) return ids[0];
      const reason = found.length > 0 ? `the account’s hosted zone ${zone} is private` : 'the account has no such zone';
      throw refusal(zone, reason, 'Give the keys (`accessKeyId`) of the account with the public hosted zone.');
    }

    const lookUp = (zone: string, name: string, type: string, signal: AbortSignal) =>
      turns.run(() => zones.use(zone, signal, (zoneId) => route53.recordSet({ zoneId, name, type }, signal)), signal);

    return {
      kind: 'sets',
      async check(zone, signal) {
        if (await lookUp(zone, zone, 'SOA', signal)) return;
        if (hostedZoneId === undefined)
          throw refusal(
            zone,
            `the account’s hosted zone ${zone} has no SOA record`,
            'Look at the zone in the console.',
          );
        const reason = `the hosted zone ${hostedZoneId} has another name`;
        throw refusal(zone, reason, 'Set `hostedZoneId` to the id of this zone, or leave it out.');
      },
      async read(zone, names, signal) {
        const sets = await Promise.all(names.map((name) => lookUp(zone, name, 'TXT', signal)));
        return new Map(sets.flatMap((set) => (set ? [[set.name, txtSetOf(set)] as const] : [])));
      },
      async write(zone, changes, signal) {
        for (const batch of batchesOf(changes.map(recordChanges))) {
          try {
            await zones.use(zone, signal, (zoneId) => route53.change(zoneId, batch, signal));
          } catch (error) {
            const reason = isRefusal(error, 'InvalidChangeBatch') ? (refusalOf(error)?.message ?? '') : '';
            if (!hasChanged.test(reason)) throw error;
            throw fail('dns/conflict', { provider, name: batch[0]!.name, reason }, { cause: error });
          }
        }
      },
      close: () => http.close(),
    };
  },
});

/** Part of the five requests per second that an account may send. */
const mostReads = 4;

/** Returns the endpoint. Route 53 is one service in each partition. */
function placeOf(region: string): { readonly endpoint: string; readonly region: string } {
  if (region.startsWith('cn-')) return { endpoint: 'https://route53.amazonaws.com.cn', region: 'cn-northwest-1' };
  if (region.startsWith('us-gov-'))
    return { endpoint: 'https://route53.us-gov.amazonaws.com', region: 'us-gov-west-1' };
  return { endpoint: 'https://route53.amazonaws.com', region: 'us-east-1' };
}

const refusal = (name: string, reason: string, advice: string) =>
  fail('dns/refused', { provider, name, reason, advice });

function errorOf(trouble: AwsTrouble) {
  const advice =
    trouble.advice ?? advices[trouble.code ?? ''] ?? 'Check `accessKeyId`, `secretAccessKey` and what they may do.';
  return dnsError(provider, { ...trouble, advice });
}

const advices: Readonly<Record<string, string>> = {
  InvalidChangeBatch:
    'Look at the records of this name at Route 53; if they are in another zone, change `hostedZoneId`.',
  NoSuchHostedZone: 'Check `hostedZoneId`: the account of these keys has no such zone.',
};

/** Matches the refusal of a batch if a set has changed since it was read. The code is the same for other reasons. */
const hasChanged = /but it already exists|but it was not found|do not match the current values/;

function txtSetOf({ name, values, ttl, isSpecial }: RecordSet): TxtSet {
  if (isSpecial)
    throw refusal(
      name,
      'the TXT record there has a routing policy or is an alias',
      'Remove this record at Route 53, or delegate the name to another zone with a CNAME.',
    );
  return { values: values.map(fromTxtContent), ttl };
}

/** Deletes the whole old set and creates the new one, so that both are refused if the set has changed. */
function recordChanges({ name, before, after, ttl }: SetChange): readonly RecordChange[] {
  const change = (action: RecordChange['action'], values: readonly string[] = [], seconds = ttl) =>
    values.length === 0 ? [] : [{ action, name, ttl: seconds, values: values.map(toTxtContent) }];
  return [...change('DELETE', before?.values, before?.ttl), ...change('CREATE', after)];
}

/** The limits for a batch: 1,000 values with 32,000 characters. */
const [mostValues, mostCharacters] = [1_000, 32_000];

/** Groups changes into batches. Changes of one set stay together. */
function batchesOf(sets: readonly (readonly RecordChange[])[]): readonly (readonly RecordChange[])[] {
  const batches: RecordChange[][] = [];
  let [values, characters] = [mostValues, mostCharacters];
  for (const changes of sets.filter(({ length }) => length > 0)) {
    const texts = changes.flatMap((change) => change.values);
    const length = texts.join('').length;
    if (values + texts.length > mostValues || characters + length > mostCharacters) {
      batches.push([]);
      [values, characters] = [0, 0];
    }
    batches.at(-1)!.push(...changes);
    values += texts.length;
    characters += length;
  }
  return batches;
}
