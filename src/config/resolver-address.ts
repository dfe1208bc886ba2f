import { parseServerAddress } from '../core/names/dns-name.ts';
import { z } from '../define.ts';
import { inBrackets, parseHostPort } from './addresses.ts';

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

/** Returns the schema of a DNS server's address, with a port if it is not 53. */
export const resolverAddress = () =>
  z.string().refine((text) => parseServerAddress(text) !== undefined && parseHostPort(text, 53) !== undefined, {
    error: bracketsOr('must be an IP address, with a port if it is not 53, like 1.1.1.1 or 9.9.9.9:53'),
  });
