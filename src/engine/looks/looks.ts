import type { Clock } from '../../ports/clock.ts';
import type { Looks } from '../engine.ts';
import { createZoneMemory } from '../memory/zone-memory.ts';
import type { Zones } from '../zones/zone.ts';
import { lookUpAddresses } from './addresses.ts';
import { checkCaa } from './caa.ts';

/** A response with more records than this is not cached: real ones have a few. */
const mostRecords = 64;

/**
 * Creates the preflight's DNS checks with a given set of resolvers. Responses are cached for half a minute: a name is
 * checked before the order and again before the validation, and many certificates may share a domain's CAA.
 */
export function createLooks(zones: Zones, clock: Clock, asTheCa: boolean): Looks {
  const remember = createZoneMemory(clock);
  const kept: Zones = {
    ...zones,
    resolve: (question, signal) =>
      remember(`${question.type} ${question.name}`, signal, async () => {
        const value = await zones.resolve(question, signal);
        const { answers, authorities, additionals } = value;
        return { value, ttl: 0, isLarge: answers.length + authorities.length + additionals.length > mostRecords };
      }),
  };
  return {
    asTheCa,
    addresses: (name, signal) => lookUpAddresses(name, { zones: kept }, signal),
    caa: (question, signal) => checkCaa(question, { zones: kept }, signal),
  };
}
