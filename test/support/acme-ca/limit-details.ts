// What Boulder says (v0.20260825.0): ratelimits/transaction.go and wfe2/wfe.go.

const page = 'https://letsencrypt.org/docs/rate-limits/';
const utc = (date: Date): string =>
  date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');
const until = (date: Date, anchor: string): string => `retry after ${utc(date)}: see ${page}#${anchor}`;

/** The detail of a `rateLimited` problem, by limit. The time in it is cut to whole seconds. */
export const limitDetail = {
  newOrders: (retryAt: Date): string =>
    `too many new orders (300) from this account in the last 3h0m0s, ${until(retryAt, 'new-orders-per-account')}`,
  domain: (domain: string, retryAt: Date): string =>
    `too many certificates (50) already issued for "${domain}" in the last 168h0m0s, ${until(retryAt, 'new-certificates-per-registered-domain')}`,
  exactSet: (retryAt: Date): string =>
    `too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, ${until(retryAt, 'new-certificates-per-exact-set-of-identifiers')}`,
  failures: (name: string, retryAt: Date): string =>
    `too many failed authorizations (5) for "${name}" in the last 1h0m0s, ${until(retryAt, 'authorization-failures-per-identifier-per-account')}`,
  registrations: (retryAt: Date): string =>
    `too many new registrations (10) from this IP address in the last 3h0m0s, ${until(retryAt, 'new-registrations-per-ip-address')}`,
} as const;

/** The detail of a pause, which comes without a Retry-After. */
export const pauseDetail = (name: string, jwt = 'x'): string =>
  `Your account is temporarily prevented from requesting certificates for ${name} and possibly others. Please visit: https://ca.test/sfe/v1/unpause?jwt=${jwt}`;
