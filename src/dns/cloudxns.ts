import { fail } from '../core/errors/errors.ts';
import { credentialsFile, defineDnsProvider, secret, z } from '../define.ts';
import type { DnsProvider } from '../ports/dns-provider.ts';

const closed =
  'the service CloudXNS closed in 2021: move the zone to its successor DNSPod, and use the provider dnspod instead of cloudxns';

/** certbot has a plugin for CloudXNS, so its options are still understood. The error says what to use instead. */
export default defineDnsProvider({
  id: 'cloudxns',
  title: 'CloudXNS (closed in 2021)',
  homepage: 'https://www.dnspod.cn',
  since: '0.1.0',
  tested: 'nothing, as the service is closed',
  onlyInFile: true,
  options: z
    .strictObject({
      apiKey: secret('API key', { aliases: ['CLOUDXNS_API_KEY'] }).optional(),
      secretKey: secret('Secret key', { aliases: ['CLOUDXNS_SECRET_KEY'] }).optional(),
      credentials: credentialsFile(['dns_cloudxns_']),
    })
    .refine(() => false, { error: closed }),
  notes: `The service closed in 2021. Its successor is DNSPod: move the zone there, and use the provider
[\`dnspod\`](#dnspod). This entry takes the options of other clients, and fails with
this advice.`,
  traits: { writes: 'value', minTtl: 600, maxConcurrent: 1 },
  connect({ name }): DnsProvider {
    throw fail('config/invalid', { file: name, problem: closed });
  },
});
