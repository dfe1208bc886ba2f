import { connectCas } from '../clients/alibaba/cas.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { advising } from '../clients/http/balancer-errors.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import { alibabaKeys, defineDeployer, originEndpoint, z } from '../define.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';

export default defineDeployer({
  id: 'alibaba-cas',
  title: 'Alibaba Cloud Certificate Management Service (CAS), upload only',
  homepage: 'https://www.alibabacloud.com/product/certificates',
  apiDocs: 'https://www.alibabacloud.com/help/en/ssl-certificate/developer-reference/api-cas-2020-04-07-overview',
  names: ['阿里云', '数字证书管理服务'],
  since: '0.1.0',
  options: z.strictObject({
    site: z.enum(['china', 'international']).default('china').meta({
      title: 'The site where the account was opened, which decides where its certificates are kept',
    }),
    ...alibabaKeys([]),
    endpoint: originEndpoint('Endpoint of the Certificate Management Service, if not the site’s'),
  }),
  notes: `Uploads each version once, under a name that starts with \`cf_\`, and binds it nowhere: choose it in the console, or
use the deployer of the service in question. An uploaded certificate cannot be changed, so each renewal has a new ID.
Deployers of other services that use the same keys and site share the upload. RSA and ECDSA keys are taken.

CAS cannot tell who uses a certificate, so superseded ones stay there. \`certfleet sweep --lost\` lists them, and removes
those that have expired. The RAM user or role needs

\`\`\`json
{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["yundun-cert:UploadUserCertificate", "yundun-cert:ListUserCertificateOrder"],
      "Resource": "*"
    }
  ]
}
\`\`\`

and \`yundun-cert:DeleteUserCertificate\` for \`sweep --lost\`. CAS can limit no right to some certificates.`,
  connect({ options, name, world, owner }): Deployer {
    const target = targetName('alibaba-cas', name);
    const cas = connectCas({ site: options.site, endpoint: options.endpoint, owner, options, name, world });
    const atCas = <T>({ lineage }: VersionBundle, signal: AbortSignal, step: () => Promise<T>): Promise<T> =>
      onTarget(target, lineage, signal, () => advising(step));

    return {
      type: 'alibaba-cas',
      scope: 'fleet',
      keepsUntilExpiry: true,
      concurrent: true,
      uploads: cas.lock,

      rights: (signal) => cas.rights(signal),

      look: (version, signal) =>
        atCas(version, signal, async () => {
          const found = await cas.find(version, signal);
          return found
            ? { state: 'current', detail: `${found.id} (${found.name})` }
            : { state: 'absent', detail: 'it is not uploaded' };
        }),

      stage: (version, note, signal) =>
        atCas(version, signal, async () => {
          const found = (await cas.find(version, signal)) ?? (await cas.upload(version, signal));
          const receipt = { certificate: found.id, name: found.name.replaceAll('_', '-') };
          await note(receipt);
          return receipt;
        }),

      activate: (version, _staged, _note, signal) =>
        atCas(version, signal, async () => {
          if (!(await cas.find(version, signal))) throw new Error('its upload was removed');
        }),

      async owned(signal) {
        return (await cas.marked(signal)).map((one) => ({ kind: 'certificate', ...one }));
      },

      async removeOwned({ id, name: mark }, signal) {
        // Services may use it, and no API shows that. Once it has expired, they cannot use it.
        const expires = markIn(mark)?.expires.getTime() ?? Number.POSITIVE_INFINITY;
        if (expires < world.clock.now().getTime()) await cas.remove(id, signal);
      },
    };
  },
});
