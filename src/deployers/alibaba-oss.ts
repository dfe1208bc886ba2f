import { connectCas } from '../clients/alibaba/cas.ts';
import { createCasDelivery } from '../clients/alibaba/cas-delivery.ts';
import { type Cname, connectOss } from '../clients/alibaba/oss.ts';
import type { CdnDomain } from '../clients/cdn/domain.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { advising } from '../clients/http/balancer-errors.ts';
import { alibabaKeys, cdnDomains, defineDeployer, endpoint, exceptOfCovered, originEndpoint, z } from '../define.ts';
import type { Deployer } from '../ports/deployer.ts';

interface OssDomain extends CdnDomain {
  readonly cname: Cname;
}

export default defineDeployer({
  id: 'alibaba-oss',
  title: 'Alibaba Cloud OSS, custom domain names of a bucket',
  homepage: 'https://www.alibabacloud.com/product/object-storage-service',
  apiDocs: 'https://www.alibabacloud.com/help/en/oss/developer-reference/putcname',
  names: ['阿里云 OSS', '对象存储'],
  since: '0.1.0',
  options: z
    .strictObject({
      bucket: z
        .string()
        .regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, { error: 'expected the name of a bucket, like my-bucket' })
        .meta({ title: 'Name of the bucket', examples: ['my-bucket'] }),
      region: z
        .string()
        .regex(/^(?!oss-)[a-z0-9-]+$/, { error: 'expected a region without `oss-`, like cn-hangzhou' })
        .meta({ title: 'Region of the bucket, without `oss-`', examples: ['cn-hangzhou'] }),
      ...cdnDomains(),
      site: z.enum(['china', 'international']).default('china').meta({
        title: 'The site where the account was opened, which decides where its certificates are kept',
      }),
      ...alibabaKeys([]),
      endpoint: endpoint(
        'Address of the bucket, if not the public one: `https://my-bucket.oss-cn-hangzhou-internal.aliyuncs.com`',
      ),
      casEndpoint: originEndpoint('Endpoint of the Certificate Management Service, if not the site’s'),
    })
    .refine(...exceptOfCovered),
  notes: `Uploads the certificate once to the Certificate Management Service (CAS), and sets it at each custom domain name of
the bucket, in place of the one that is there: if another program has set another one meanwhile, OSS refuses, and
the next \`certfleet renew\` looks again. certfleet never switches HTTPS on and binds no domain name: \`covered\` leaves a
domain name without a certificate alone, and one that is listed is pending until it has its first certificate. If a CDN
stands before the bucket, deliver to the CDN. RSA and ECDSA keys are taken. Each bucket is a deployer of its own.

CAS cannot tell who uses a certificate, so superseded ones stay there. \`certfleet sweep --lost\` lists them, and removes
those that have expired and that the bucket does not use. OSS reads the certificate with the rights of the key, so the
RAM user or role needs rights to the keys of all certificates in CAS:

\`\`\`json
{
  "Version": "1",
  "Statement": [
    { "Effect": "Allow", "Action": ["oss:ListCname", "oss:PutCname"], "Resource": "acs:oss:*:*:my-bucket" },
    {
      "Effect": "Allow",
      "Action": [
        "yundun-cert:UploadUserCertificate", "yundun-cert:ListUserCertificateOrder",
        "yundun-cert:DescribeSSLCertificatePrivateKey", "yundun-cert:DescribeSSLCertificatePublicKeyDetail",
        "yundun-cert:CreateSSLCertificate"
      ],
      "Resource": "*"
    }
  ]
}
\`\`\`

and \`yundun-cert:DeleteUserCertificate\` for \`sweep --lost\`.`,
  connect({ options, name, world, owner, holderOf }): Deployer {
    const target = targetName('alibaba-oss', name);
    const { bucket, region, site } = options;
    const oss = connectOss({ bucket, region, endpoint: options.endpoint, options, name, world });
    const cas = connectCas({ site, endpoint: options.casEndpoint, owner, options, name, world });

    async function domains(signal: AbortSignal): Promise<readonly OssDomain[]> {
      const [cnames, uploads] = await Promise.all([oss.cnames(signal), cas.uploads(signal)]);
      const names = new Map(uploads.map((upload) => [certificateId(upload), upload.name]));
      return cnames.map((cname): OssDomain => {
        const { domain, certificate: id, isDisabled } = cname;
        const named = id === undefined ? undefined : (names.get(id) ?? id);
        return {
          ...{ cname, name: domain, https: id !== undefined },
          ...{ status: isDisabled ? 'disabled' : 'enabled', phase: isDisabled ? 'resting' : 'serving' },
          certificate: named === undefined ? undefined : { id: named, name: named },
        };
      });
    }

    return createCasDelivery<OssDomain>({
      ...{ type: 'alibaba-oss', title: `Alibaba Cloud OSS (${bucket})`, cas, clock: world.clock },
      ...{ options, domains, holderOf },
      ...{ settleMs: 5 * 60_000, visibleWithinMs: 60_000 },
      set: ({ cname }, upload, signal) => oss.set(cname, certificateId(upload), signal),
      rights: async (signal) => [
        await oss.mayList(signal),
        // PutCname has no form that certainly changes nothing, and only OSS itself makes the other calls.
        ...untried.map((action) => ({ action, state: 'untried' as const })),
      ],
      at: ({ lineage }, signal, step) => onTarget(target, lineage, signal, () => advising(step)),
    });
  },
});

const untried = [
  'oss:PutCname',
  'yundun-cert:DescribeSSLCertificatePrivateKey',
  'yundun-cert:DescribeSSLCertificatePublicKeyDetail',
  'yundun-cert:CreateSSLCertificate',
];

/** The ID of a certificate in all regions, which OSS takes. */
const certificateId = ({ id, region }: { readonly id: string; readonly region: string }): string => `${id}-${region}`;
