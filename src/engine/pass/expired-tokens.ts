import { isFailure } from '../../core/errors/errors.ts';
import { type Done, type NotSwept, nothing, notSwept, reported } from '../delivery/sweep-report.ts';
import type { Engine } from '../engine.ts';

/** Deletes expired token documents, which no lineage refers to. */
export async function sweepTokens(engine: Engine, signal: AbortSignal): Promise<Done> {
  const { store, clock } = engine;
  const cleaned: string[] = [];
  const failed: NotSwept[] = [];
  const now = clock.now().getTime();
  for await (const page of store.scan('token', signal)) {
    for (const { key, bytes, revision } of page) {
      const expires = expiryOf(bytes);
      if (expires === undefined || expires > now) continue;
      const what = `the expired token ${key.name}`;
      try {
        await store.delete(key, { ifRevision: revision, signal });
        cleaned.push(what);
      } catch (error) {
        signal.throwIfAborted();
        // Another process has removed it, or is using it again.
        if (!isFailure(error, 'store/conflict')) failed.push(notSwept(what, error));
      }
    }
  }
  return reported(engine, { ...nothing, cleaned, failed });
}

function expiryOf(bytes: Uint8Array): number | undefined {
  try {
    const { expires } = JSON.parse(new TextDecoder().decode(bytes)) as { expires?: string };
    const time = Date.parse(expires ?? '');
    return Number.isNaN(time) ? undefined : time;
  } catch {
    return undefined;
  }
}
