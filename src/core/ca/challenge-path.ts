/** Where the CA asks for HTTP-01 answers (RFC 8555 §8.3). */
export const challengePath = '/.well-known/acme-challenge/';

/** What responders answer to the health checks of balancers, some of which allow no underscore in a path. */
export const healthCheckPath = `${challengePath}health`;
