import { canonicalAddress } from './identifiers.ts';

/** A host (a name, or an IP address without brackets) and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Parses `host:port` or `[2001:db8::1]:port`. Without a port, uses `fallback`, if given. Returns undefined for any
 * other text.
 */
export function parseHostPort(text: string, fallback?: number): HostPort | undefined {
  if (inBrackets(text) !== undefined) return undefined;
  const bare = canonicalAddress(text);
  if (bare !== undefined) return fallback === undefined ? undefined : { host: bare, port: fallback };
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text);
  if (!parts) return undefined;
  const [, v6, named, portText] = parts;
  const host = v6 === undefined ? named : canonicalAddress(v6);
  const port = portText === undefined ? fallback : Number(portText);
  if (host === undefined || port === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port };
}

/** Returns `[::1]:443` for `::1:443`, which could also be a whole IPv6 address, or undefined for any other text. */
export function inBrackets(text: string): string | undefined {
  const [, address, port] = /^(.*:.*):(\d{1,5})$/.exec(text) ?? [];
  return address !== undefined && canonicalAddress(address) !== undefined ? `[${address}]:${port}` : undefined;
}

export const formatHostPort = ({ host, port }: HostPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/**
 * Returns the message about a text that is not an address. If only the brackets are missing, the message shows how to
 * write it.
 */
export const bracketsOr =
  (otherwise: string) =>
  ({ input }: { readonly input?: unknown }) => {
    const written = typeof input === 'string' ? inBrackets(input) : undefined;
    return written === undefined ? otherwise : `put the IPv6 address in brackets, like ${written}`;
  };
