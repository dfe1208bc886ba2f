import type { Clock } from '../../ports/clock.ts';
import type { Looks } from '../engine.ts';
import type { Zones } from '../zones/zone.ts';
import { createMemory } from '../zones/zone-memory.ts';
import { lookUpAddresses } from './addresses.ts';
import { checkCaa } from './caa.ts';

/**
 * What preflight asks of the DNS through a set of resolvers. Answers are kept for half a minute: a name is looked at
 * before the order and once more before the CA is asked, and a hundred certificates of one domain share its CAA.
 */
export function createLooks(zones: Zones, clock: Clock, asTheCa: boolean): Looks {
  const remember = createMemory(clock);
  const kept: Zones = {
    ...zones,
    resolve: (question, signal) =>
      remember(`${question.type} ${question.name}`, signal, async () => ({
        value: await zones.resolve(question, signal),
        ttl: 0,
      })),
  };
  return {
    asTheCa,
    addresses: (name, signal) => lookUpAddresses(name, { zones: kept }, signal),
    caa: (question, signal) => checkCaa(question, { zones: kept }, signal),
  };
}
