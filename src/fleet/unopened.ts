import { type ComposeContext, compose, connectStore } from '../compose.ts';
import type { Settings } from '../core/spec/spec.ts';
import { tellUnopened } from '../engine/alarms/pass-alarms.ts';
import { inPass } from '../engine/engine.ts';

/**
 * Tells by the declared notifiers that the store could not be opened, on a fleet that keeps nothing. One that a flag
 * names may be mistyped, which the person at the terminal sees.
 */
export async function tellOfUnopened(settings: Settings, context: ComposeContext, error: unknown): Promise<void> {
  if (!settings.storeIsDeclared || Object.keys(settings.alarms).length === 0) return;
  const { location } = await connectStore(settings.store, context);
  const inMemory = { ...settings, store: { type: 'memory' }, storeKeys: [] };
  const composed = await compose(inMemory, { ...context, makeStore: true });
  const { signal } = new AbortController();
  try {
    await inPass(composed.process, (engine) => tellUnopened(engine, { location, error }, signal));
  } finally {
    await composed.close();
  }
}
