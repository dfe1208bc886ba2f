import type { Registry } from '../config/registry/registry.ts';
import type { Session } from './context.ts';

/** Returns the adapters that the command line knows. Loads them only when a command needs them. */
export const registryOf = async ({ context }: Pick<Session, 'context'>): Promise<Registry> =>
  context.registry ?? (await import('../generated/registry.ts')).registry;
