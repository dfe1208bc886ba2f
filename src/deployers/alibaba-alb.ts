import { type AlbOptions, connectAlb } from '../clients/alibaba/alb.ts';
import { albWords, listenerOn } from '../clients/alibaba/alb-certificates.ts';
import { certificateTries } from '../clients/alibaba/alb-rights.ts';
import { connectCas } from '../clients/alibaba/cas.ts';
import { listenerDeployer } from '../clients/alibaba/listener-deployer.ts';
import { rightsOf } from '../clients/alibaba/rights.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { defineDeployer, originEndpoint, portNumber, z } from '../define.ts';
import type { Deployer } from '../ports/deployer.ts';

export default defineDeployer({
  id: 'alibaba-alb',
  title: 'HTTPS listener of an Alibaba Cloud ALB (Application Load Balancer)',
  homepage: 'https://www.alibabacloud.com/product/server-load-balancer',
  apiDocs:
    'https://www.alibabacloud.com/help/en/slb/application-load-balancer/developer-reference/api-alb-2020-06-16-overview',
  since: '0.1.0',
  balancer: 'alibaba-alb',
  options: z.strictObject({
    balancer: z
      .string()
      .min(1)
      .meta({ title: 'The balancer, of the type alibaba-alb', examples: ['alb'] }),
    listenerPort: portNumber().default(443).meta({ title: 'Port of its HTTPS listener' }),
    attach: z.enum(['additional', 'default']).default('additional').meta({
      title: 'As one of the listener’s additional certificates (SNI), or as its default certificate',
      description:
        'It becomes the default certificate only if it covers every name that the default certificate before it covers.',
    }),
    site: z.enum(['china', 'international']).optional().meta({
      title: 'The site whose certificates the listener takes; by default, as the region of the load balancer',
    }),
    certificateQuota: z.number().int().min(1).optional().meta({
      title: 'How many additional certificates the listener may have, if your account’s quota was raised',
    }),
    // It gets the balancer’s keys.
    casEndpoint: originEndpoint('Endpoint of the Certificate Management Service, if not the site’s').meta({
      local: true,
    }),
  }),
  notes: `Uploads the certificate once to the Certificate Management Service (CAS), adds it to the HTTPS or QUIC listener, waits
until ALB has done so, and then takes the older version of the same certificate off the listener. Other certificates of
the listener stay. A renewal needs room for one more additional certificate: a listener has room for 25, or 10 in the
basic edition. A full listener is found before anything is ordered, and so is a certificate of this store with the same
names and kind of key, because it is not known which of the two ALB would serve.

A first delivery takes 6 calls: certfleet lists the listeners and the certificates in CAS, uploads the certificate, lists
the certificates of the listener, adds the new one, and lists them again. A renewal takes 2 more, because no call replaces
a certificate: one takes the older version off, and one sees that it is gone. If the listener may refuse the certificate,
which includes every default certificate, a delivery takes 1 more, to look before the upload. While ALB carries a change
out, certfleet looks every few seconds. The deliveries of a run share the first two lists, and CAS lists 50 certificates
with each call.

CAS cannot tell who uses a certificate, so superseded ones stay there. \`certfleet sweep --lost\` lists them, and removes
those that have expired and that this listener does not have. The keys are those of the balancer. The RAM user or role
needs, besides the balancer's policy,

\`\`\`json
{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "alb:ListListeners", "alb:ListListenerCertificates", "alb:AssociateAdditionalCertificatesWithListener",
        "alb:DissociateAdditionalCertificatesFromListener"
      ],
      "Resource": "acs:alb:*:*:*"
    },
    {
      "Effect": "Allow",
      "Action": ["yundun-cert:UploadUserCertificate", "yundun-cert:ListUserCertificateOrder"],
      "Resource": "*"
    }
  ]
}
\`\`\`

and \`alb:UpdateListenerAttribute\` for the default certificate, and \`yundun-cert:DeleteUserCertificate\` for
\`sweep --lost\`.`,
  connect({ options, name, world, owner, balancer, holderOf }): Deployer {
    if (!balancer) throw new Error('the deployer alibaba-alb needs a balancer');
    const given = balancer.options as AlbOptions;
    const { region, loadBalancer } = given;
    const { listenerPort, attach } = options;
    const { clock } = world;
    const alb = connectAlb({ options: given, title: albWords.title, name, world });
    const site = options.site ?? (region.startsWith('cn-') ? 'china' : 'international');
    const cas = connectCas({ site, endpoint: options.casEndpoint, owner, options: given, name, world });
    const listener = listenerOn(alb, albWords, { port: listenerPort, clock });
    return listenerDeployer({
      ...{ type: 'alibaba-alb', target: targetName('alibaba-alb', name), loadBalancer, listenerPort, attach, owner },
      ...{ clock, alb, cas, listener, onTarget, mayBeBoth: true, holderOf },
      async room(signal) {
        const bound = await listener.certificates(true, signal);
        const quota = options.certificateQuota ?? ((await alb.balancer(signal)).edition === 'Basic' ? 10 : 25);
        const used = bound.filter(({ isDefault }) => !isDefault).length;
        return { where: `${loadBalancer}:${listenerPort}`, used, quota };
      },
      async rights(signal) {
        const at = { listener: await listener.id(signal), loadBalancer };
        return rightsOf(alb, 'alb', certificateTries(albWords, at, attach), signal);
      },
    });
  },
});
