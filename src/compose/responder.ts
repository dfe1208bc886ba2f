import { absent, type ComposeContext, type Composed, compose, connectTokens, openStore } from '../compose.ts';
import { fail } from '../core/errors/errors.ts';
import type { Secret } from '../core/errors/secret.ts';
import type { Settings } from '../core/spec/spec.ts';
import { createResponderParts } from '../responder/parts.ts';
import { isProofSecret, proofWith, readProofSecret } from '../responder/store-proof.ts';
import { createResponders } from './responders.ts';

/** The running objects of a responder that reads nothing but tokens. */
export interface ComposedResponder extends Composed {
  /** Fails with `store/…` if no token can be found now. */
  look(): Promise<void>;
}

/**
 * Composes a responder that has no key of the store, and may not read or write anything but tokens. All else of its
 * process has a store in memory. Fails with `store/absent`, `config/own-secret`.
 */
export async function composeResponder(settings: Settings, context: ComposeContext): Promise<ComposedResponder> {
  const { world } = context;
  const option = 'responderSecret';
  const inMemory = { ...settings, store: { type: 'memory' }, storeKeys: [] };
  const composed = await compose(inMemory, { ...context, makeStore: true, tellsAlarms: false });
  const secret = await composed.readSecret(option, settings.responderSecret ?? '');
  if (!isProofSecret(secret.reveal()))
    throw fail('config/own-secret', { option, reason: 'it is not what `certfleet store responder-secret` writes' });
  const store = await connectTokens(settings.store, context);
  const { signal } = new AbortController();
  if (!(await store.exists(signal))) throw await absent(store, signal);
  const proof = proofWith(secret);
  const parts = createResponderParts({ world, store, proof: () => Promise.resolve(proof) });
  const responders = createResponders(parts);
  return {
    ...composed,
    respondersOf: responders.of,
    look: parts.tokens.look,
    async close(stopping) {
      await composed.close(stopping);
      await store.close?.();
    },
  };
}

/** The secret with which a responder proves that it answers for the store; made if the store has none yet. */
export async function responderSecretOf(
  settings: Settings,
  context: ComposeContext,
  signal: AbortSignal,
): Promise<Secret> {
  const store = await openStore(settings, { ...context, makeStore: false }, signal);
  const secret = await readProofSecret(store, context.world.random, signal);
  await store.close?.();
  return secret;
}
