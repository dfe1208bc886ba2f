import type { DnsServer } from '../ports/dns.ts';
import type { World } from '../ports/world.ts';
import type { Looks } from './context.ts';

export function createLooks(_world: Pick<World, 'dns' | 'clock'>, _resolvers: readonly DnsServer[], asTheCa: boolean): Looks {
  return {
    asTheCa,
    addresses: async () => ({ verdict: 'cannot-tell', ipv4: [], ipv6: [], finding: 'stub' }),
    caa: async () => ({ verdict: 'pass', finding: 'stub' }),
  };
}
