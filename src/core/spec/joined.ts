import { deployHookTarget, withDeployHook } from './hooks.ts';
import type { StoredSpec } from './spec.ts';

/**
 * The spec with the targets that another import names too; everything else stays as it is. The same object if there are
 * none.
 */
export function joined(stored: StoredSpec, wanted: StoredSpec): StoredSpec {
  const added = wanted.spec.deploy.filter((name) => name !== deployHookTarget && !stored.spec.deploy.includes(name));
  if (added.length === 0) return stored;
  return withDeployHook({
    ...stored,
    // First, because a hook acts on what the targets before it have.
    spec: { ...stored.spec, deploy: [...added, ...stored.spec.deploy] },
    deployers: {
      ...stored.deployers,
      ...Object.fromEntries(Object.entries(wanted.deployers).filter(([name]) => added.includes(name))),
    },
  });
}
