import { expect, it } from 'vitest';
import { readLimitRefusal, readPause } from './limit-refusal.ts';

const page = 'https://letsencrypt.org/docs/rate-limits/';
const at = (time: string) => Date.parse(`2026-11-24T${time}Z`);

// Boulder's own words (v0.20260825.0), from `boulder-ratelimits`.
it.each([
  [
    `too many new orders (300) from this account in the last 3h0m0s, retry after 2026-11-24 12:00:36 UTC: see ${page}#new-orders-per-account`,
    { limit: 'newOrdersPerAccount', retryAtMs: at('12:00:36') },
  ],
  [
    `too many certificates (50) already issued for "example.com" in the last 168h0m0s, retry after 2026-11-24 15:23:22 UTC: see ${page}#new-certificates-per-registered-domain`,
    { limit: 'certificatesPerDomain', limitOf: 'example.com', retryAtMs: at('15:23:22') },
  ],
  [
    `too many certificates (50) already issued for "192.0.2.1/32" in the last 168h0m0s, retry after 2026-11-24 15:25:30 UTC: see ${page}#new-certificates-per-registered-domain`,
    { limit: 'certificatesPerDomain', limitOf: '192.0.2.1/32', retryAtMs: at('15:25:30') },
  ],
  [
    // Of the prefix of an IPv6 address, it prints only what follows the last colon.
    `too many certificates (50) already issued for "/64" in the last 168h0m0s, retry after 2026-11-24 15:24:25 UTC: see ${page}#new-certificates-per-registered-domain`,
    { limit: 'certificatesPerDomain', retryAtMs: at('15:24:25') },
  ],
  [
    `too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-11-24 22:07:48 UTC: see ${page}#new-certificates-per-exact-set-of-identifiers`,
    { limit: 'certificatesPerSet', retryAtMs: at('22:07:48') },
  ],
  [
    `too many failed authorizations (5) for "bad.example.org" in the last 1h0m0s, retry after 2026-11-24 12:12:01 UTC: see ${page}#authorization-failures-per-identifier-per-account`,
    { limit: 'failedAuthorizations', limitOf: 'bad.example.org', retryAtMs: at('12:12:01') },
  ],
  [
    `too many failed authorizations (5) for "*.bad.example.org" in the last 1h0m0s, retry after 2026-11-24 12:12:02 UTC: see ${page}#authorization-failures-per-identifier-per-account`,
    { limit: 'failedAuthorizations', limitOf: '*.bad.example.org', retryAtMs: at('12:12:02') },
  ],
  // Limits that no order meets.
  [
    `too many new registrations (10) from this IP address in the last 3h0m0s, retry after 2026-11-24 12:18:32 UTC: see ${page}#new-registrations-per-ip-address`,
    { retryAtMs: at('12:18:32') },
  ],
  [
    `too many new registrations (500) from this /48 subnet of IPv6 addresses in the last 3h0m0s, retry after 2026-11-24 12:00:21 UTC: see ${page}#new-registrations-per-ipv6-range`,
    { retryAtMs: at('12:00:21') },
  ],
  // Other CAs, and texts that only look alike.
  ['slow down', {}],
  ['too many requests, retry after 2026-13-45 99:00:00 UTC', {}],
  ['too many requests, retry after 2026-11-24 12:00:00 CET', {}],
  ['too many for "two words" in the last hour', {}],
])('reads %s', (detail, refusal) => expect(readLimitRefusal(detail)).toEqual(refusal));

const paused = 'Your account is temporarily prevented from requesting certificates for';
it.each([
  [
    `${paused} a.example.com and possibly others. Please visit: https://portal.letsencrypt.org/sfe/v1/unpause?jwt=eyJ.a-b`,
    { limit: 'pausingFailures', limitOf: 'a.example.com' },
  ],
  ['paused: see http://ca.test/unpause', { limit: 'pausingFailures' }],
  [`too many new orders, see ${page}#new-orders-per-account`, undefined],
  ['see https://ca.test/docs about how to unpause', undefined],
  ['see https://ca.test/unpause-faq', undefined],
])('reads the pause %s', (detail, refusal) => expect(readPause(detail)).toEqual(refusal));
