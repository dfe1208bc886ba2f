import type { ResponderParts } from '../ports/responder.ts';
import { storeProofOf } from './store-proof.ts';
import { createTokenLookup } from './token-lookup.ts';

/**
 * Creates what all responders of a process share.
 *
 * @param proof given to a process that does not read the store's secret
 */
export const createResponderParts = ({
  world,
  store,
  proof = storeProofOf(store, world.random),
}: Pick<ResponderParts, 'world' | 'store'> & Partial<Pick<ResponderParts, 'proof'>>): ResponderParts => ({
  ...{ world, store, proof },
  tokens: createTokenLookup(store, world.clock),
});
