import { hash } from 'node:crypto';
import { canonical } from '../core/spec/same-spec.ts';

const digests = new WeakMap<object, string>();

/**
 * Returns a map key for settings. Settings may contain secrets, which must not become keys. They never change, and the
 * digest of a target is asked for at each of its calls.
 */
export function digestOf(settings: unknown): string {
  const known = typeof settings === 'object' && settings !== null ? digests.get(settings) : undefined;
  const digest = known ?? hash('sha256', canonical(settings), 'base64url');
  if (typeof settings === 'object' && settings !== null) digests.set(settings, digest);
  return digest;
}
