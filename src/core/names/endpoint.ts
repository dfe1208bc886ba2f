import { fail } from '../errors/errors.ts';

/** A server that should serve the certificate: an entry of a spec's `endpoints:`. */
export interface Endpoint {
  /** A DNS name or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * What an address serves. An endpoint's state is that of its worst address.
 *
 * - `current`: the expected version;
 * - `old`: the previous version;
 * - `other`: any other certificate;
 * - `handshake-failed`: it accepts connections but does not complete a TLS handshake;
 * - `unreachable`: no connection, or the name has no address;
 * - `cannot-tell`: this machine has no route to that address family (IPv6, say). An endpoint is in this state only if
 *   all its addresses are.
 */
export type EndpointState = 'current' | 'old' | 'other' | 'unreachable' | 'handshake-failed' | 'cannot-tell';

export interface AddressVerdict {
  readonly address: string;
  readonly state: EndpointState;
  /** What it serves, or why no certificate was seen. */
  readonly words: string;
  /** Of `other`: the certificate is valid for the name now, so somebody may want it there. */
  readonly isValid?: true;
}

export interface EndpointVerdict {
  /** As written in the spec. */
  readonly endpoint: string;
  readonly state: EndpointState;
  /** For display, with the address that it concerns. */
  readonly words: string;
  readonly addresses: readonly AddressVerdict[];
}

/**
 * Parses `www.example.com`, `www.example.com:8443`, `192.0.2.1:443` or `[2001:db8::1]:443`. The default port is 443.
 */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s[\]:/]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? 443 : Number.parseInt(match[3], 10);
  if (host === undefined || port < 1 || port > 65_535)
    throw fail('usage/invalid-value', { typed: `the endpoint "${text}"`, form: 'host:port or [IPv6]:port' });
  return { host: host.toLowerCase(), port };
}

export const printEndpoint = ({ host, port }: Endpoint): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Compares SHA-256 fingerprints (lower-case hex). */
export const judgeFingerprint = (served: string, expected: string, previous?: string): 'current' | 'old' | 'other' =>
  served === expected ? 'current' : served === previous ? 'old' : 'other';

// From best to worst. A failed handshake is worse than no connection: it suggests a bad deployment, which restoring the
// previous version repairs. `cannot-tell` counts only if no other address says more.
const badness: readonly EndpointState[] = ['cannot-tell', 'current', 'old', 'other', 'unreachable', 'handshake-failed'];

/** Judges an endpoint by its worst address. */
export function judgeEndpoint(endpoint: string, addresses: readonly AddressVerdict[]): EndpointVerdict {
  let worst: AddressVerdict | undefined;
  for (const one of addresses) if (!worst || badness.indexOf(one.state) > badness.indexOf(worst.state)) worst = one;
  if (!worst) return { endpoint, state: 'unreachable', words: 'its name has no address', addresses };
  const rest = addresses.length - addresses.filter((one) => one.state === worst.state).length;
  const words = `${worst.address}: ${worst.words}${rest > 0 ? ` (${rest} of ${addresses.length} addresses differ)` : ''}`;
  return { endpoint, state: worst.state, words, addresses };
}

/**
 * Judges an endpoint by the addresses that serve another certificate, if there are any: one that cannot be reached must
 * not hide them.
 */
export function judgeServed(verdict: EndpointVerdict): EndpointVerdict {
  const others = verdict.addresses.filter(({ state }) => state === 'old' || state === 'other');
  return others.length === 0 ? verdict : judgeEndpoint(verdict.endpoint, others);
}

/** Reports whether one of the other certificates that are served may be wanted there by somebody. */
export const servesValid = ({ addresses }: EndpointVerdict): boolean =>
  addresses.some(({ isValid }) => isValid === true);
