import { fail } from './errors.ts';

/** Where clients meet a certificate: `endpoints:` of a spec. */
export interface Endpoint {
  /** A DNS name or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * What one address, or in the worst of its addresses an endpoint, serves:
 *
 * - `current`: the version asked for;
 * - `old`: the version before;
 * - `other`: a certificate that is neither;
 * - `handshake-failed`: it takes connections but completes no TLS handshake;
 * - `unreachable`: no connection, or the name has no address;
 * - `cannot-tell`: this machine has no route of that family (an AAAA on a machine without IPv6). Of an endpoint only
 *   where that is so for all its addresses.
 */
export type EndpointState = 'current' | 'old' | 'other' | 'unreachable' | 'handshake-failed' | 'cannot-tell';

export interface AddressVerdict {
  readonly address: string;
  readonly state: EndpointState;
  /** What is served there, or why nothing was seen. */
  readonly words: string;
}

export interface EndpointVerdict {
  /** As written in the spec. */
  readonly endpoint: string;
  readonly state: EndpointState;
  /** For a person, with the address it is about. */
  readonly words: string;
  readonly addresses: readonly AddressVerdict[];
}

/** `www.example.com`, `www.example.com:8443`, `192.0.2.1:443`, `[2001:db8::1]:443`; port 443 unless said. */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s[\]:/]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? 443 : Number.parseInt(match[3], 10);
  if (host === undefined || port < 1 || port > 65_535)
    throw fail('usage/invalid', { what: `"${text}" is no endpoint; write it as host:port or [IPv6]:port` });
  return { host: host.toLowerCase(), port };
}

export const printEndpoint = ({ host, port }: Endpoint): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Which certificate it is, by SHA-256 fingerprints (lower-case hex). */
export const judgeFingerprint = (served: string, expected: string, previous?: string): 'current' | 'old' | 'other' =>
  served === expected ? 'current' : served === previous ? 'old' : 'other';

// From best to worst. A broken handshake is worse than no connection: it is what a bad deployment looks like, and
// what going back mends. `cannot-tell` is left out where another address told something.
const badness: readonly EndpointState[] = ['cannot-tell', 'current', 'old', 'other', 'unreachable', 'handshake-failed'];

/** The endpoint's verdict: that of its worst address. */
export function judgeEndpoint(endpoint: string, addresses: readonly AddressVerdict[]): EndpointVerdict {
  let worst: AddressVerdict | undefined;
  for (const one of addresses) if (!worst || badness.indexOf(one.state) > badness.indexOf(worst.state)) worst = one;
  if (!worst) return { endpoint, state: 'unreachable', words: 'its name has no address', addresses };
  const rest = addresses.length - addresses.filter((one) => one.state === worst.state).length;
  const words = `${worst.address}: ${worst.words}${rest > 0 ? ` (${rest} of ${addresses.length} addresses differ)` : ''}`;
  return { endpoint, state: worst.state, words, addresses };
}
