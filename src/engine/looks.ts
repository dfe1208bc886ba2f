import { lookUpAddresses } from './addresses.ts';
import { checkCaa } from './caa.ts';
import type { Looks } from './context.ts';
import type { Zones } from './zone.ts';

/** What preflight asks of the DNS through a set of resolvers. */
export const createLooks = (zones: Zones, asTheCa: boolean): Looks => ({
  asTheCa,
  addresses: (name, signal) => lookUpAddresses(name, { zones }, signal),
  caa: (question, signal) => checkCaa(question, { zones }, signal),
});
