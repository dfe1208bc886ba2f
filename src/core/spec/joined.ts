import { deployHookTarget, withDeployHook } from './hooks.ts';
import type { StoredSpec } from './spec.ts';
import { targetOf } from './spec-parts.ts';

/**
 * The spec with the targets that another import names too; everything else stays as it is. The same object if there are
 * none.
 */
export function joined(stored: StoredSpec, wanted: StoredSpec): StoredSpec {
  const added = wanted.targets.filter(({ name }) => name !== deployHookTarget && !targetOf(stored, name));
  // First, because a hook acts on what the targets before it have.
  return added.length === 0 ? stored : withDeployHook({ ...stored, targets: [...added, ...stored.targets] });
}
