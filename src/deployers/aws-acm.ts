import { type AcmCertificate, keyTypeOf, uncovered } from '../clients/aws/acm.ts';
import { type AlbOptions, connectAcm } from '../clients/aws/alb.ts';
import { type ElbCertificate, type ElbListener, ownTags, type Tags, tagKeys, tagText } from '../clients/aws/elb.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { isRefusal } from '../clients/http/json-api.ts';
import { isFailure } from '../core/errors/errors.ts';
import { markIn, nameWithMark } from '../core/request-path/own-mark.ts';
import type { Json } from '../core/text/json.ts';
import { isFields } from '../core/text/json.ts';
import { defineDeployer, endpoint, portNumber, z } from '../define.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';

export default defineDeployer({
  id: 'aws-acm',
  title: 'AWS Certificate Manager and a listener of an Application Load Balancer',
  homepage: 'https://aws.amazon.com/certificate-manager/',
  apiDocs: 'https://docs.aws.amazon.com/acm/latest/APIReference/Welcome.html',
  since: '0.1.0',
  balancer: 'aws-alb',
  options: z.strictObject({
    balancer: z
      .string()
      .min(1)
      .meta({ title: 'The balancer, of the type aws-alb', examples: ['alb'] }),
    listenerPort: portNumber().default(443).meta({ title: 'Port of its HTTPS listener' }),
    attach: z.enum(['additional', 'default']).default('additional').meta({
      title: 'As one of the listener’s additional certificates (SNI), or as its default certificate',
      description:
        'It becomes the default certificate only if it covers every name that the default certificate before it covers.',
    }),
    renewal: z.enum(['in-place', 'swap']).default('in-place').meta({
      title: 'Whether a renewal is imported in the place of the old certificate, or as a new one that takes its place',
      description:
        'In place, the ARN stays, and with it everything else that refers to the certificate. A new type of key always needs a swap.',
    }),
    // It gets the balancer’s keys.
    endpoint: endpoint('Endpoint of ACM, if not the region’s').meta({ local: true }),
  }),
  notes: `certfleet imports the certificate into ACM and adds it to the HTTPS listener. A renewal is imported in the place of the
old certificate, so that its ARN stays. In a swap, the old certificate stays in ACM until the next renewal, and is
removed only if nothing refers to it. ACM takes keys of the types RSA and ECDSA. A listener has room for 25 certificates
besides the default one.

The keys are those of the balancer. The user or role needs this policy besides the balancer's:

\`\`\`json
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "acm:ListCertificates", "acm:ListTagsForCertificate", "acm:GetCertificate", "acm:DescribeCertificate",
        "elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeListenerCertificates"
      ],
      "Resource": "*"
    },
    {
      "Effect": "Allow",
      "Action": ["acm:ImportCertificate", "acm:AddTagsToCertificate"],
      "Resource": "*"
    },
    {
      "Effect": "Allow",
      "Action": "acm:DeleteCertificate",
      "Resource": "*",
      "Condition": { "StringLike": { "aws:ResourceTag/certfleet:name": "cf-*" } }
    },
    {
      "Effect": "Allow",
      "Action": [
        "elasticloadbalancing:AddListenerCertificates", "elasticloadbalancing:RemoveListenerCertificates",
        "elasticloadbalancing:ModifyListener"
      ],
      "Resource": "arn:aws:elasticloadbalancing:*:*:listener/app/*"
    }
  ]
}
\`\`\`

\`elasticloadbalancing:ModifyListener\` is needed for the default certificate alone.`,
  connect({ options, name, world, owner, balancer }): Deployer {
    const target = targetName('aws-acm', name);
    if (!balancer) throw new Error('the deployer aws-acm needs a balancer');
    const { clock, random } = world;
    const { acm, elb, place } = connectAcm({
      options: balancer.options as AlbOptions,
      title: 'AWS',
      ...{ name, world, listenerPort: options.listenerPort, endpoint: options.endpoint },
    });
    /** Tags by ARN. Owner and lineage of a certificate never change. */
    const known = new Map<string, Tags>();

    async function isOurs(arn: string, lineage: string, signal: AbortSignal): Promise<boolean> {
      // IAM server certificates have other ARNs.
      if (!/^arn:[\w-]+:acm:/.test(arn)) return false;
      const tags = known.get(arn) ?? (await acm.tags(arn, signal));
      if (tags) known.set(arn, tags);
      return tags?.[tagKeys.owner] === owner && tags[tagKeys.lineage] === tagText(lineage);
    }

    /** The listener's certificates, and those of the lineage among them. */
    interface Survey {
      readonly listener: ElbListener;
      readonly all: readonly ElbCertificate[];
      readonly ours: readonly ElbCertificate[];
    }

    async function survey(lineage: string, signal: AbortSignal): Promise<Survey> {
      const { listener } = await place.find(signal);
      if (listener.protocol !== 'HTTPS')
        throw new Error(`the listener on port ${listener.port} has the protocol ${listener.protocol}: it needs HTTPS`);
      const all = await elb.certificates(listener.arn, signal);
      const ours: ElbCertificate[] = [];
      for (const one of all) if (await isOurs(one.arn, lineage, signal)) ours.push(one);
      return { listener, all, ours };
    }

    const isDefault = (all: readonly ElbCertificate[], arn: string) =>
      all.some((one) => one.arn === arn && one.isDefault);

    /**
     * Reports whether the certificate should become the default one, because the option says so, or because an older
     * version is.
     */
    const becomesDefault = ({ ours }: Survey) => options.attach === 'default' || ours.some((one) => one.isDefault);

    /**
     * Checks that a new default certificate covers all names of the present one, which serves names that no other
     * certificate covers.
     */
    async function checkDefault({ all }: Survey, version: VersionBundle, signal: AbortSignal): Promise<void> {
      const current = all.find((one) => one.isDefault);
      if (!current) return;
      const place = `the default certificate of the listener (${current.arn})`;
      if (!current.arn.includes(':acm:'))
        throw new Error(`${place} is not in ACM, so its names are unknown. Use \`attach: additional\`.`);
      const lost = uncovered(await acm.names(current.arn, signal), namesOf(version));
      if (lost.length > 0)
        throw new Error(
          `${place} also covers ${lost.join(', ')}. Add these names to the certificate, or use \`attach: additional\`.`,
        );
    }

    /** Returns the lineage's existing import of this version in ACM, whether it is in use or not. */
    async function findImport(
      version: VersionBundle,
      { ours }: Survey,
      imported: readonly AcmCertificate[],
      signal: AbortSignal,
    ): Promise<string | undefined> {
      const names = namesOf(version);
      const notAfter = new Date(version.facts.notAfter).getTime();
      const alike = imported.filter(
        (one) =>
          Math.abs(one.notAfter.getTime() - notAfter) < 2_000 && one.names.every((known) => names.includes(known)),
      );
      for (const arn of new Set([...ours, ...alike].map((one) => one.arn))) {
        if (!(await isOurs(arn, version.lineage, signal))) continue;
        if ((await acm.fingerprint(arn, signal)) === version.facts.fingerprint) return arn;
      }
      return undefined;
    }

    const tagsOf = (version: VersionBundle): Tags => {
      const { notAfter, fingerprint } = version.facts;
      return ownTags(
        nameWithMark({ owner, expires: new Date(notAfter), id: fingerprint.slice(0, 12) }),
        version.lineage,
      );
    };

    /**
     * Imports a new certificate. If the account is at its quota, first deletes an unused older version of the lineage.
     */
    async function importNew(version: VersionBundle, signal: AbortSignal): Promise<string> {
      try {
        return await acm.upload(version, { tags: tagsOf(version) }, signal);
      } catch (error) {
        if (!isRefusal(error, 'LimitExceededException')) throw error;
        const unused = (await acm.imported(signal)).filter((one) => !one.inUse);
        const oldestFirst = unused.sort((a, b) => a.notAfter.getTime() - b.notAfter.getTime());
        for (const { arn } of oldestFirst)
          if ((await isOurs(arn, version.lineage, signal)) && (await acm.remove(arn, signal)))
            return await acm.upload(version, { tags: tagsOf(version) }, signal);
        throw error;
      }
    }

    async function stage(version: VersionBundle, signal: AbortSignal): Promise<string> {
      const found = await survey(version.lineage, signal);
      const imported = await acm.imported(signal);
      const there = await findImport(version, found, imported, signal);
      const isBound = there !== undefined && found.ours.some(({ arn }) => arn === there);
      // Checked before anything is changed.
      if (becomesDefault(found) && !(isBound && isDefault(found.all, there)))
        await checkDefault(found, version, signal);
      if (there !== undefined) return there;
      const keyType = keyTypeOf(version);
      const replaced = found.ours.find(({ arn }) => imported.some((one) => one.arn === arn && one.keyType === keyType));
      if (options.renewal === 'in-place' && replaced) return replaced.arn;
      return importNew(version, signal);
    }

    async function activate(version: VersionBundle, arn: string, signal: AbortSignal): Promise<void> {
      const before = await survey(version.lineage, signal);
      if (!(await isOurs(arn, version.lineage, signal)))
        throw new Error(`${arn} is not a certificate of ${version.lineage} any more`);
      if (becomesDefault(before)) await checkDefault(before, version, signal);
      if ((await acm.fingerprint(arn, signal)) !== version.facts.fingerprint) {
        await acm.upload(version, { arn }, signal);
        await acm.tag(arn, tagsOf(version), signal);
      }
      const { listener, all, ours } = before;
      const change = (action: string, certificate: string) =>
        elb.change(action, { ListenerArn: listener.arn, Certificates: [{ CertificateArn: certificate }] }, signal);
      if (becomesDefault(before)) {
        if (!isDefault(all, arn)) await change('ModifyListener', arn);
      } else if (!all.some((one) => one.arn === arn)) await change('AddListenerCertificates', arn);
      // Removed last, so that the listener always has one of them.
      for (const old of ours)
        if (old.arn !== arn && !old.isDefault) await change('RemoveListenerCertificates', old.arn);
    }

    /** Starts over after a lost response. Each step first checks what an earlier one has done. */
    async function repeated<T>(step: () => Promise<T>, signal: AbortSignal): Promise<T> {
      for (let tries = 1; ; tries++) {
        try {
          return await step();
        } catch (error) {
          const isTransient = isFailure(error, 'balancer/unreachable', 'balancer/failed');
          if (signal.aborted || !isTransient || tries === mostTries) throw error;
          await clock.sleep(pauseMs * (1 + random.number()), signal);
        }
      }
    }

    return {
      type: 'aws-acm',
      scope: 'fleet',
      resource: place.resource,

      look: (version, signal) =>
        onTarget(target, version.lineage, signal, async () => {
          const found = await survey(version.lineage, signal);
          const { ours, listener } = found;
          const where = `the listener on port ${listener.port}`;
          if (ours.length === 0)
            return { state: 'absent', detail: `${where} has no certificate of ${version.lineage}` };
          const arns: string[] = [];
          for (const { arn } of ours)
            if ((await acm.fingerprint(arn, signal)) === version.facts.fingerprint) arns.push(arn);
          const [arn] = arns;
          if (arn === undefined) return { state: 'stale', detail: `${where} has another certificate: ${ours[0]!.arn}` };
          if (ours.length > arns.length) return { state: 'stale', detail: `${where} also has an older one` };
          if (becomesDefault(found) && !isDefault(found.all, arn))
            return { state: 'stale', detail: `${arn} is not the default certificate of ${where}` };
          return { state: 'current', detail: arn };
        }),

      stage: (version, note, signal) =>
        onTarget(target, version.lineage, signal, async () => {
          const arn = await repeated(() => stage(version, signal), signal);
          const receipt = { arn };
          await note(receipt);
          return receipt;
        }),

      activate: (version, staged, _note, signal) =>
        onTarget(target, version.lineage, signal, async () => {
          const arn = arnIn(staged);
          if (arn === undefined) throw new Error('the receipt has no ARN');
          await repeated(() => activate(version, arn, signal), signal);
        }),

      retire: (old, receipt, signal) =>
        onTarget(target, old.lineage, signal, async () => {
          const arn = arnIn(receipt);
          if (arn === undefined || !(await isOurs(arn, old.lineage, signal))) return;
          const { all } = await survey(old.lineage, signal);
          if (all.some((one) => one.arn === arn)) return;
          await repeated(() => acm.remove(arn, signal), signal);
        }),

      async owned(signal) {
        const found = [];
        for (const { arn, inUse } of await acm.imported(signal)) {
          const tags = inUse ? undefined : await acm.tags(arn, signal);
          const marked = tags?.[tagKeys.name] ?? '';
          if (markIn(marked)) found.push({ kind: 'certificate', name: marked, id: arn });
        }
        return found;
      },

      async removeOwned({ id }, signal) {
        await acm.remove(id, signal);
      },
    };
  },
});

/** The limit for consecutive lost responses. */
const mostTries = 5;
const pauseMs = 500;

const namesOf = ({ facts }: VersionBundle): readonly string[] => facts.identifiers.map(({ value }) => value);

const arnIn = (receipt: Json | undefined): string | undefined => {
  const arn = isFields(receipt) ? receipt['arn'] : undefined;
  return typeof arn === 'string' ? arn : undefined;
};
