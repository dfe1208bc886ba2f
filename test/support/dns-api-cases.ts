import { testCloudflare, token } from '../../src/dns/test-cloudflare.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { DnsValue } from '../../src/ports/dns-provider.ts';
import type { FakeDnsApi } from './dns-api.ts';

export interface DnsApiCase {
  /** The provider's id. */
  readonly type: string;
  readonly vendor: string;
  /** What follows the origin in the option `endpoint`. */
  readonly path?: string;
  /** The provider's options, with credentials that the fake accepts. */
  readonly options: Readonly<Record<string, string>>;
  /** A new account with the zone `example.test`. */
  fake(): FakeDnsApi & { plant(value: DnsValue): void };
}

/** Five unlike APIs: record ids, a list that lags, sets with a condition, sets without one, single values of a set. */
export const dnsApis: readonly DnsApiCase[] = [
  {
    type: 'cloudflare',
    vendor: 'https://api.cloudflare.com',
    path: '/client/v4',
    options: { token },
    fake: () => testCloudflare(systemClock),
  },
];
