import { createAlibabaAlb } from '../../test/support/alibaba-alb.ts';
import definition from './alibaba-alb.ts';
import { listenerDeployerTests } from './test-alibaba-listener.ts';

listenerDeployerTests({
  ...{ type: 'alibaba-alb', notes: definition.notes ?? '', where: 'alb-unit1:443' },
  ...{ givenUp: 'OperationFailed.Unit', listeners: '443 (HTTPS), 8443 (HTTPS), 80 (HTTP)', used: 1, mayBeBoth: true },
  add: 'AssociateAdditionalCertificatesWithListener',
  remove: 'DissociateAdditionalCertificatesFromListener',
  start: ({ most = 25, ...options }) =>
    createAlibabaAlb({
      ...options,
      quotas: { additionalOfListener: most },
      groups: [{ name: 'web' }],
      loadBalancers: [
        {
          id: 'alb-unit1',
          listeners: [
            { protocol: 'HTTPS', port: 443, group: 'web', certificate: 'other', additional: ['shop'] },
            { protocol: 'HTTPS', port: 8443, group: 'web', certificate: 'other', additional: ['shop'] },
            { protocol: 'HTTP', port: 80, group: 'web' },
          ],
        },
      ],
    }),
  connect: (parts, options, keys) =>
    definition.connect({
      ...parts,
      options: definition.options.parse({ balancer: 'alb', ...options }),
      balancer: { options: { region: 'cn-hangzhou', loadBalancer: 'alb-unit1', ...keys } },
    }),
});
