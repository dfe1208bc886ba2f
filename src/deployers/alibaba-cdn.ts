import { connectCas } from '../clients/alibaba/cas.ts';
import { connectCdn } from '../clients/alibaba/cdn.ts';
import { createCdnDelivery, recentMs } from '../clients/cdn/delivery.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { withAdvice } from '../clients/http/balancer-errors.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import { alibabaKeys, cdnDomains, defineDeployer, endpoint, exceptOfCovered, z } from '../define.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';

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
      endpoint: endpoint('Endpoint of CDN or DCDN, if not the vendor’s'),
      casEndpoint: endpoint('Endpoint of the Certificate Management Service, if not the site’s'),
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
  connect({ options, name, world, owner }): Deployer {
    const target = targetName('alibaba-cdn', name);
    const { clock } = world;
    const { product, site } = options;
    const cdn = connectCdn({ product, endpoint: options.endpoint, options, name, world });
    const cas = connectCas({ site, endpoint: options.casEndpoint, owner, options, name, world });
    const atCdn = <T>(
      { lineage }: { readonly lineage: string },
      signal: AbortSignal,
      step: () => Promise<T>,
    ): Promise<T> =>
      onTarget(target, lineage, signal, () =>
        step().catch((error: unknown) => {
          throw withAdvice(error);
        }),
      );
    const places = createCdnDelivery({
      ...{ title: cdn.title, clock, options, domains: (signal: AbortSignal) => cdn.domains(signal) },
      isOurs: (certificate) => markIn(certificate.replaceAll('_', '-'))?.owner === owner,
      ...{ visibleWithinMs: 120_000, changesWithinMs: 0 },
    });
    const wanted = (version: VersionBundle) => ({ version, id: cas.nameOf(version) });

    return {
      type: 'alibaba-cdn',
      scope: 'fleet',
      concurrent: true,
      uploads: cas.lock,
      settleMs: 15 * 60_000,

      check: (room, signal) => atCdn(room, signal, () => places.describe(room.names, signal)),

      rights: async (signal) => (await Promise.all([cdn.rights(signal), cas.rights(signal)])).flat(),

      look: (version, signal) => atCdn(version, signal, () => places.look(wanted(version), signal)),

      stage: (version, note, signal) =>
        atCdn(version, signal, async () => {
          await places.check(wanted(version), signal);
          const isThere = version.sent !== undefined || (await places.has(cas.nameOf(version), recentMs, signal));
          const found = isThere ? await cas.find(version, signal) : undefined;
          const { id, name: uploaded } = found ?? (await cas.upload(version, signal));
          const receipt = { certificate: id, name: uploaded.replaceAll('_', '-') };
          await note(receipt);
          return receipt;
        }),

      activate: (version, staged, _note, signal) =>
        atCdn(version, signal, () => {
          const { certificate: id } = staged as { readonly certificate: string };
          const upload = { id, name: cas.nameOf(version), region: cas.region };
          return places.activate(wanted(version), (domain) => cdn.set(domain.name, upload, signal), signal);
        }),

      async owned(signal) {
        return (await cas.marked(signal)).map((one) => ({ kind: 'certificate', ...one }));
      },

      async removeOwned({ id, name: mark }, signal) {
        // Other services may use it, too, which no API tells. Once it has expired, it is of no use to them.
        const isExpired = (markIn(mark)?.expires.getTime() ?? Number.POSITIVE_INFINITY) < clock.now().getTime();
        const isSet = await places.has(mark.replaceAll('-', '_'), 0, signal);
        if (isExpired && !isSet) await cas.remove(id, signal);
      },
    };
  },
});
