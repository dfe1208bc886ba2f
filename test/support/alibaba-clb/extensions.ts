import { ApiError, existsAlready, invalid } from './api-error.ts';
import type { Action, Call } from './find.ts';
import {
  certificateArn,
  findBalancer,
  findExtension,
  findListenerOf,
  findRegion,
  onBalancer,
  onExtension,
} from './find.ts';
import type { LoadBalancer } from './model.ts';
import { isDomain } from './parameters.ts';

// The reference calls ServerCertificateId optional; without one there is nothing to serve, so it is needed here.
function readCertificate(call: Call, balancer: LoadBalancer): string {
  const id = call.parameters.text('ServerCertificateId');
  if (id === undefined) throw invalid('The specified parameter ServerCertificateId is empty.');
  if (call.cloud.certificates.get(id)?.region !== balancer.region)
    throw invalid('The specified parameter ServerCertificateId is not Support.');
  return id;
}

const withCertificate = (call: Call, rest: readonly string[]): string[] => [
  ...rest,
  ...(call.parameters.text('ServerCertificateId') === undefined
    ? []
    : [certificateArn(call, call.parameters.text('ServerCertificateId'))]),
];

export const extensionActions: Readonly<Record<string, Action>> = {
  CreateDomainExtension: {
    resources: (call) => withCertificate(call, onBalancer(call)),
    run(call) {
      const { cloud, parameters } = call;
      const balancer = findBalancer(call);
      const listener = findListenerOf(call, balancer, 'https');
      const domain = parameters.required('Domain');
      if (!isDomain(domain)) throw invalid('The specified parameter Domain is not valid.');
      const certificateId = readCertificate(call, balancer);
      const held = [...cloud.extensions.values()].filter((one) => one.listener === listener);
      if (held.some((one) => one.domain.toLowerCase() === domain.toLowerCase())) throw existsAlready();
      if (held.length >= cloud.quotas.extensionsOfListener) throw new ApiError('OverQuota');
      const id = cloud.newId('de');
      call.change(balancer, 'extension', () =>
        cloud.extensions.set(id, { id, balancer, listener, domain, certificateId }),
      );
      return { DomainExtensionId: id, ListenerPort: listener.port };
    },
  },
  SetDomainExtensionAttribute: {
    resources: (call) => withCertificate(call, onExtension(call)),
    run(call) {
      const extension = findExtension(call);
      const certificateId = readCertificate(call, extension.balancer);
      call.change(extension.balancer, 'extension', () => {
        extension.certificateId = certificateId;
      });
      return {};
    },
  },
  DescribeDomainExtensions: {
    resources: onBalancer,
    run(call) {
      const listener = findListenerOf(call, findBalancer(call), 'https');
      const id = call.parameters.text('DomainExtensionId');
      return {
        DomainExtensions: {
          DomainExtension: [...call.cloud.extensions.values()]
            .filter((one) => one.listener === listener && (id ?? one.id) === one.id)
            .map((one) => ({
              DomainExtensionId: one.id,
              Domain: one.domain,
              ServerCertificateId: one.certificateId,
            })),
        },
      };
    },
  },
  DescribeDomainExtensionAttribute: {
    resources: onExtension,
    run(call) {
      const extension = findExtension(call);
      return {
        DomainExtensionId: extension.id,
        Domain: extension.domain,
        LoadBalancerId: extension.balancer.id,
        ListenerPort: extension.listener.port,
        ServerCertificateId: extension.certificateId,
      };
    },
  },
  DeleteDomainExtension: {
    resources: onExtension,
    run(call) {
      findRegion(call);
      const extension = findExtension(call);
      const related = [...call.cloud.rules.values()].some(
        (rule) => rule.listener === extension.listener && rule.domain.toLowerCase() === extension.domain.toLowerCase(),
      );
      if (related && call.cloud.behaviour.extensionNeedsRule) throw new ApiError('DomainExtensionRelatedRuleExist');
      call.change(extension.balancer, 'extension', () => call.cloud.extensions.delete(extension.id));
      return {};
    },
  },
};
