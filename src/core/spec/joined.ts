import { deployHookTarget, withDeployHook } from './hooks.ts';
import type { StoredSpec } from './spec.ts';
import { targetOf } from './spec-parts.ts';

/**
 * Adds the targets that a later import names; everything else stays as it is. Returns the same object if there are none
 * to add.
 */
export function joined(stored: StoredSpec, wanted: StoredSpec): StoredSpec {
  const added = wanted.targets.filter(({ name }) => name !== deployHookTarget && !targetOf(stored, name));
  // First, because a hook acts on the targets before it.
  return added.length === 0 ? stored : withDeployHook({ ...stored, targets: [...added, ...stored.targets] });
}
