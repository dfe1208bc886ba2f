import { fail } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import type { World } from '../ports/world.ts';
import type { FallbackAnswer } from './server.ts';

/** A target behind the same rule would send the request back. This many requests at once for one path end the loop. */
const mostOfOnePath = 8;
/** The characters allowed in a Host header and a Location. Anything else is not passed on. */
const plainHost = /^[A-Za-z0-9.-]{1,253}(:\d{1,5})?$|^\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?$/;
const plainLocation = /^[\x21-\x7e]{1,2000}$/;

/**
 * Asks another server for tokens that this store does not have, so that other ACME clients behind the same balancer
 * keep working while a rule sends their requests here.
 */
export function createFallback(
  to: { readonly host: string; readonly port: number },
  { vantage, lookup }: Pick<World, 'vantage' | 'lookup'>,
): (host: string, path: string) => Promise<FallbackAnswer | undefined> {
  const open = new Map<string, number>();
  return async (host, path) => {
    if (!plainHost.test(host)) return undefined;
    const url = `http://${host}${path}`;
    const before = open.get(url) ?? 0;
    if (before >= mostOfOnePath) return undefined;
    open.set(url, before + 1);
    const { signal } = new AbortController(); // a vantage has its own time limit
    try {
      const [address] = await lookup(to.host, signal);
      if (address === undefined)
        throw fail('network/failed', { method: 'GET', url, reason: `${to.host} has no address` });
      const { status, body, location } = await vantage.get(url, { address, port: to.port }, signal);
      return {
        status,
        body,
        ...present({ location: location !== undefined && plainLocation.test(location) ? location : undefined }),
      };
    } finally {
      const rest = (open.get(url) ?? 1) - 1;
      if (rest === 0) open.delete(url);
      else open.set(url, rest);
    }
  };
}
