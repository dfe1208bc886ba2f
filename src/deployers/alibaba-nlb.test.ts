import { createAlibabaNlb } from '../../test/support/alibaba-nlb.ts';
import definition from './alibaba-nlb.ts';
import { listenerDeployerTests } from './test-alibaba-listener.ts';

listenerDeployerTests({
  ...{ type: 'alibaba-nlb', notes: definition.notes ?? '', where: 'nlb-unit1' },
  ...{
    givenUp: 'the change was accepted, and has had no effect',
    listeners: '443 (TCPSSL), 8443 (TCPSSL), 80 (TCP)',
    used: 2,
    mayBeBoth: false,
  },
  add: 'AssociateAdditionalCertificatesWithListener',
  remove: 'DisassociateAdditionalCertificatesWithListener',
  start({ most = 25, ...options }) {
    const fake = createAlibabaNlb({
      ...options,
      quotas: { additionalOfBalancer: most },
      loadBalancers: [
        {
          id: 'nlb-unit1',
          listeners: [
            { protocol: 'TCPSSL', port: 443, certificate: 'other', additional: ['shop'] },
            { protocol: 'TCPSSL', port: 8443, certificate: 'other', additional: ['shop'] },
            { protocol: 'TCP', port: 80 },
          ],
        },
      ],
    });
    return { ...fake, failJob: (action, _code, times) => fake.failJob(action, times) };
  },
  connect: (parts, options, keys) =>
    definition.connect({
      ...parts,
      options: definition.options.parse({ region: 'cn-hangzhou', loadBalancer: 'nlb-unit1', ...keys, ...options }),
    }),
});
