import { connectAlb } from '../clients/alibaba/alb.ts';
import { listenerOn, nlbWords } from '../clients/alibaba/alb-certificates.ts';
import { certificateTries } from '../clients/alibaba/alb-rights.ts';
import { connectCas } from '../clients/alibaba/cas.ts';
import { listenerDeployer } from '../clients/alibaba/listener-deployer.ts';
import { rightsOf } from '../clients/alibaba/rights.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { alibabaKeys, defineDeployer, originEndpoint, portNumber, z } from '../define.ts';
import type { Deployer } from '../ports/deployer.ts';

export default defineDeployer({
  id: 'alibaba-nlb',
  title: 'TCPSSL listener of an Alibaba Cloud NLB (Network Load Balancer)',
  homepage: 'https://www.alibabacloud.com/product/server-load-balancer',
  apiDocs:
    'https://www.alibabacloud.com/help/en/slb/network-load-balancer/developer-reference/api-nlb-2022-04-30-overview',
  names: ['阿里云', '网络型负载均衡'],
  since: '0.1.0',
  options: z.strictObject({
    region: z
      .string()
      .regex(/^[a-z0-9-]+$/, { error: 'expected a region ID, like cn-hangzhou' })
      .meta({ title: 'Region of the load balancer', examples: ['cn-hangzhou'] }),
    loadBalancer: z
      .string()
      .regex(/^nlb-[a-z0-9]+$/, { error: 'expected the ID of an NLB instance, like nlb-bp1example' })
      .meta({ title: 'Id of the load balancer', examples: ['nlb-bp1example'] }),
    listenerPort: portNumber().default(443).meta({ title: 'Port of its TCPSSL listener' }),
    attach: z.enum(['additional', 'default']).default('additional').meta({
      title: 'As one of the listener’s additional certificates (SNI), or as its default certificate',
      description:
        'It becomes the default certificate only if it covers every name that the default certificate before it covers.',
    }),
    site: z.enum(['china', 'international']).optional().meta({
      title: 'The site whose certificates the listener takes; by default, as the region of the load balancer',
    }),
    certificateQuota: z.number().int().min(1).default(25).meta({
      title: 'How many additional certificates the load balancer may have, if your account’s quota was raised',
    }),
    ...alibabaKeys([]),
    endpoint: originEndpoint(),
    casEndpoint: originEndpoint('Endpoint of the Certificate Management Service, if not the site’s'),
  }),
  notes: `Uploads the certificate once to the Certificate Management Service (CAS), adds it to the TCPSSL listener, waits until
NLB has done so, and then takes the older version of the same certificate off the listener. Other certificates of the
listener stay, and no other setting changes. NLB does not take one certificate as both, so one that is additional becomes
the default one with its next version. An NLB forwards connections, so it has no rule for HTTP-01: use another
solver.

A renewal needs room for one more additional certificate. A load balancer has room for 25, on all its listeners
together; certfleet does not ask Quota Center, so set \`certificateQuota\` if your account has another number
(\`nlb_quota_loadbalancer_certificates_num\`). A full one is found before anything is ordered, and so is a certificate of this store with the same names and
kind of key, because it is not known which of the two NLB would serve.

A first delivery takes 6 calls: certfleet lists the listeners and the certificates in CAS, uploads the certificate, lists
the certificates of the listener, adds the new one, and lists them again. A renewal takes 2 more, because no call replaces
a certificate: one takes the older version off, and one sees that it is gone. If the listener may refuse the certificate,
which includes every default certificate, a delivery takes 1 more, to look before the upload. While NLB carries a change
out, certfleet looks every few seconds. The deliveries of a run share the first two lists, and CAS lists 50 certificates
with each call. No call says why NLB gave a change up.

CAS cannot tell who uses a certificate, so superseded ones stay there. \`certfleet sweep --lost\` lists them, and removes
those that have expired and that this listener does not have. The RAM user or role needs

\`\`\`json
{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "nlb:ListListeners", "nlb:ListListenerCertificates", "nlb:AssociateAdditionalCertificatesWithListener",
        "nlb:DisassociateAdditionalCertificatesWithListener"
      ],
      "Resource": "acs:nlb:*:*:*"
    },
    {
      "Effect": "Allow",
      "Action": ["yundun-cert:UploadUserCertificate", "yundun-cert:ListUserCertificateOrder"],
      "Resource": "*"
    }
  ]
}
\`\`\`

and \`nlb:UpdateListenerAttribute\` for the default certificate, and \`yundun-cert:DeleteUserCertificate\` for
\`sweep --lost\`.`,
  connect({ options, name, world, owner, holderOf }): Deployer {
    const { region, loadBalancer, listenerPort, attach, certificateQuota: quota } = options;
    const { clock } = world;
    const alb = connectAlb({ service: 'nlb', options, title: nlbWords.title, name, world });
    const site = options.site ?? (region.startsWith('cn-') ? 'china' : 'international');
    const cas = connectCas({ site, endpoint: options.casEndpoint, owner, options, name, world });
    const listener = listenerOn(alb, nlbWords, { port: listenerPort, clock });
    return listenerDeployer({
      ...{ type: 'alibaba-nlb', target: targetName('alibaba-nlb', name), loadBalancer, listenerPort, attach, owner },
      ...{ clock, alb, cas, listener, onTarget, mayBeBoth: false, holderOf },
      room: async (signal) => ({ where: loadBalancer, used: await listener.additionalOfAll(signal), quota }),
      async rights(signal) {
        const at = { listener: await listener.id(signal), loadBalancer };
        return rightsOf(alb, 'nlb', certificateTries(nlbWords, at, attach), signal);
      },
    });
  },
});
