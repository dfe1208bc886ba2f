/** The path at which the CA requests HTTP-01 answers (RFC 8555 §8.3). */
export const challengePath = '/.well-known/acme-challenge/';

/** The path at which responders answer balancers' health checks. Some balancers allow no underscore in a path. */
export const healthCheckPath = `${challengePath}health`;

/** The path that balancers ask by default, where nothing else is configured. */
export const usualCheckPath = '/';
