import { testCloudflare, token } from '../../src/dns/test-cloudflare.ts';
import { token as desecToken, testDesec } from '../../src/dns/test-desec.ts';
import { keys as dnspodKeys, testDnspodKeys } from '../../src/dns/test-dnspod.ts';
import { apiKey as powerdnsKey, testPowerdns } from '../../src/dns/test-powerdns.ts';
import { fakeRoute53, fakeKeys as route53Keys } from '../../src/dns/test-route53.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { DnsValue } from '../../src/ports/dns-provider.ts';
import type { FakeDnsApi } from './dns-api.ts';

export interface DnsApiCase {
  /** The provider's id. */
  readonly type: string;
  /** The only origin that the fake answers to. */
  readonly vendor?: string;
  /** What follows the origin in the option `endpoint`. */
  readonly path?: string;
  /** The provider's options, with credentials that the fake accepts. */
  readonly options: Readonly<Record<string, string>>;
  /** A sweep waits half a minute, because the list of records lags. */
  readonly isSlow?: true;
  /** A new account with the zone `example.test`. */
  fake(origin: string): FakeDnsApi & { plant(value: DnsValue): void };
}

/** Whole sets without a condition: what is written in between by another would be lost. */
export const desec: DnsApiCase = {
  type: 'desec',
  vendor: 'https://desec.io',
  path: '/api/v1',
  options: { token: desecToken },
  fake: () => testDesec(systemClock),
};

/** Unlike APIs: record ids, a list that lags, sets with a condition, sets without one, single values of a set. */
export const dnsApis: readonly DnsApiCase[] = [
  {
    type: 'cloudflare',
    vendor: 'https://api.cloudflare.com',
    path: '/client/v4',
    options: { token },
    fake: () => testCloudflare(systemClock),
  },
  {
    type: 'dnspod',
    vendor: 'https://dnspod.tencentcloudapi.com',
    options: dnspodKeys,
    isSlow: true,
    fake: () => testDnspodKeys(systemClock),
  },
  {
    type: 'route53',
    options: { accessKeyId: route53Keys.id, secretAccessKey: route53Keys.secret },
    fake: (origin) => fakeRoute53(systemClock, { origin }),
  },
  desec,
  {
    type: 'powerdns',
    vendor: 'http://127.0.0.1:8081',
    options: { apiKey: powerdnsKey },
    fake: () => testPowerdns(systemClock),
  },
];
