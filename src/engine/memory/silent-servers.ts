import { createBoundedMap } from '../../core/async/bounded-map.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DnsServer } from '../../ports/dns.ts';

/** How long a server that did not respond stays at the end of the list. */
const lastForMs = 10 * 60_000;
/** A hostile zone may invent servers. */
const mostKept = 1_024;

/** The name servers and resolvers that recently did not respond. */
export interface SilentServers {
  note(server: DnsServer): void;
  /** Returns the servers in the order in which to query them: the silent ones last. */
  inOrder<T extends DnsServer>(servers: readonly T[]): readonly T[];
}

export function createSilentServers(clock: Pick<Clock, 'monotonicMs'>): SilentServers {
  const endMs = createBoundedMap<number>(mostKept);
  const keyOf = ({ address, port }: DnsServer): string => `${address} ${port}`;
  const isSilent = (server: DnsServer): boolean => (endMs.get(keyOf(server)) ?? 0) > clock.monotonicMs();
  return {
    note: (server) => void endMs.set(keyOf(server), clock.monotonicMs() + lastForMs),
    inOrder: (servers) => [...servers.filter((one) => !isSilent(one)), ...servers.filter(isSilent)],
  };
}
