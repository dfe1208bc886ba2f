import { connectCas } from '../clients/alibaba/cas.ts';
import { createCasDelivery } from '../clients/alibaba/cas-delivery.ts';
import { connectCdn } from '../clients/alibaba/cdn.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { advising } from '../clients/http/balancer-errors.ts';
import { alibabaKeys, cdnDomains, defineDeployer, exceptOfCovered, originEndpoint, z } from '../define.ts';
import type { Deployer } from '../ports/deployer.ts';

export default defineDeployer({
  id: 'alibaba-cdn',
  title: 'Alibaba Cloud CDN and DCDN',
  homepage: 'https://www.alibabacloud.com/product/content-delivery-network',
  apiDocs: 'https://www.alibabacloud.com/help/en/cdn/developer-reference/api-cdn-2018-05-10-overview',
  names: ['阿里云 CDN', '阿里云全站加速'],
  since: '0.1.0',
  options: z
    .strictObject({
      product: z.enum(['cdn', 'dcdn']).default('cdn').meta({ title: 'CDN, or DCDN (dynamic content)' }),
      ...cdnDomains(),
      site: z.enum(['china', 'international']).default('china').meta({
        title: 'The site where the account was opened, which decides where its certificates are kept',
      }),
      ...alibabaKeys([]),
      endpoint: originEndpoint('Endpoint of CDN or DCDN, if not the vendor’s'),
      casEndpoint: originEndpoint('Endpoint of the Certificate Management Service, if not the site’s'),
    })
    .refine(...exceptOfCovered),
  notes: `Uploads the certificate once to the Certificate Management Service (CAS), and sets it at each domain. certfleet never
switches HTTPS on: \`covered\` leaves a domain without HTTPS alone, and one that is listed is pending until you switch it
on in the console. No other setting of a domain changes. A domain that is added later gets the certificate at the next
\`certfleet renew\`, and one that refuses it is pending alone. RSA and ECDSA keys are taken.

CAS cannot tell who uses a certificate, so superseded ones stay there. \`certfleet sweep --lost\` lists them, and removes
those that have expired and that no domain of this product uses. The RAM user or role needs, for DCDN with \`dcdn:\` and
\`Dcdn\` in place of \`cdn:\` and \`Cdn\` (and \`dcdn:DescribeDcdnUserDomains\`),

\`\`\`json
{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["cdn:DescribeUserDomains", "cdn:DescribeCdnHttpsDomainList", "cdn:SetCdnDomainSSLCertificate"],
      "Resource": "acs:cdn:*:*:*"
    },
    {
      "Effect": "Allow",
      "Action": ["yundun-cert:UploadUserCertificate", "yundun-cert:ListUserCertificateOrder"],
      "Resource": "*"
    }
  ]
}
\`\`\`

and \`yundun-cert:DeleteUserCertificate\` for \`sweep --lost\`. The third action can be limited to some domains, with
\`acs:cdn:*:*:domain/www.example.com\`.`,
  connect({ options, name, world, owner, holderOf }): Deployer {
    const target = targetName('alibaba-cdn', name);
    const { product, site } = options;
    const cdn = connectCdn({ product, endpoint: options.endpoint, options, name, world });
    const cas = connectCas({ site, endpoint: options.casEndpoint, owner, options, name, world });
    return createCasDelivery({
      ...{ type: 'alibaba-cdn', title: cdn.title, cas, clock: world.clock, options, holderOf },
      ...{ settleMs: 15 * 60_000, visibleWithinMs: 120_000 },
      domains: (signal) => cdn.domains(signal),
      rights: (signal) => cdn.rights(signal),
      set: ({ name: domain }, upload, signal) => cdn.set(domain, upload, signal),
      at: ({ lineage }, signal, step) => onTarget(target, lineage, signal, () => advising(step)),
    });
  },
});
