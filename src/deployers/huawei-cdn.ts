import { createCdnDelivery } from '../clients/cdn/delivery.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { advising } from '../clients/http/balancer-errors.ts';
import { connectHuaweiCdn, sentAs } from '../clients/huawei/cdn.ts';
import { markOf } from '../core/request-path/own-mark.ts';
import { cdnDomains, defineDeployer, endpoint, exceptOfCovered, huaweiAccessKeys, z } from '../define.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';

export default defineDeployer({
  id: 'huawei-cdn',
  title: 'Huawei Cloud CDN',
  homepage: 'https://www.huaweicloud.com/product/cdn.html',
  apiDocs: 'https://support.huaweicloud.com/api-cdn/cdn_02_0001.html',
  names: ['华为云 CDN', '内容分发网络'],
  since: '0.1.0',
  options: z
    .strictObject({
      ...cdnDomains(),
      enterpriseProjectId: z
        .string()
        .regex(/^(all|0|[0-9a-f-]{36})$/, { error: 'expected `all`, `0`, or the ID of an enterprise project' })
        .default('all')
        .meta({ title: 'The enterprise project of the domains, if the user has rights in one only' }),
      ...huaweiAccessKeys(),
      endpoint: endpoint('Endpoint of CDN, if not the vendor’s'),
    })
    .refine(...exceptOfCovered),
  notes: `Sends the certificate with the configuration of each domain: CDN keeps no certificates apart from its domains, so
nothing superseded is left there. certfleet never switches HTTPS on: \`covered\` leaves a domain without HTTPS alone, and
one that is listed is pending until you switch it on in the console. HTTP/2, the TLS versions and OCSP stapling are in the
same block of the API, so they are read and sent back, and so is a second certificate (SM2) of Cloud Certificate Manager;
no other setting is touched. A domain with a second certificate of your own is refused, because the change would remove
that one. A domain that is added later gets the certificate at the next \`certfleet renew\`, and one that refuses it is
pending alone. RSA and ECDSA keys are taken. The IAM user needs

\`\`\`json
{
  "Version": "1.1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "cdn:configuration:queryDomains", "cdn:configuration:queryHttpsConf",
        "cdn:configuration:modifyOriginConfInfo", "cdn:configuration:modifyHttpsConf"
      ]
    }
  ]
}
\`\`\`

or, in an identity policy, \`cdn:configuration:queryDomainList\` in place of \`cdn:configuration:queryHttpsConf\`.`,
  connect({ options, name, world, owner, holderOf }): Deployer {
    const cdn = connectHuaweiCdn({ options, name, world });
    const places = createCdnDelivery({
      ...{ type: 'huawei-cdn', holderOf },
      ...{ title: cdn.title, clock: world.clock, options, domains: (signal: AbortSignal) => cdn.domains(signal) },
      // The ID is the fingerprint.
      versionIn: (certificate) =>
        certificate.name.startsWith(markOf(owner)) ? certificate.id.slice(0, 12) : undefined,
      ...{ visibleWithinMs: 120_000, changesWithinMs: 10_000 },
    });
    const wanted = (version: VersionBundle) => ({ version, id: version.facts.fingerprint });
    const atCdn = <T>(
      { lineage }: { readonly lineage: string },
      signal: AbortSignal,
      step: () => Promise<T>,
    ): Promise<T> => onTarget(targetName('huawei-cdn', name), lineage, signal, () => advising(step));

    return {
      type: 'huawei-cdn',
      scope: 'fleet',
      concurrent: true,
      settleMs: 30 * 60_000,

      check: (room, signal) => atCdn(room, signal, () => places.describe(room, signal)),

      rights: (signal) => cdn.rights(signal),

      look: (version, signal) => atCdn(version, signal, () => places.look(wanted(version), signal)),

      stage: (version, _note, signal) =>
        atCdn(version, signal, async () => {
          await places.check(wanted(version), signal);
          return null;
        }),

      activate: (version, _staged, _note, signal) =>
        atCdn(version, signal, () => {
          // A name has at most 32 characters, which the whole mark exceeds.
          const sent = sentAs(`${markOf(owner)}${version.facts.fingerprint.slice(0, 12)}`, version);
          return places.activate(wanted(version), (domain) => cdn.set(domain, sent, signal), signal);
        }),
    };
  },
});
