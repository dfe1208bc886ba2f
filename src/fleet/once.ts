import { isFailure } from '../core/errors/errors.ts';
import { encodeDocument } from '../core/lineage/lineage.ts';
import type { OpenFleet } from './opened.ts';

export async function once({ engine }: OpenFleet, what: string, signal: AbortSignal): Promise<boolean> {
  const key = { kind: 'meta', name: `once~${what}` } as const;
  try {
    await engine.store.put(key, encodeDocument({ schema: 1 }), { ifRevision: null, signal });
    return true;
  } catch (error) {
    if (!isFailure(error, 'store/conflict')) throw error;
    return false;
  }
}
