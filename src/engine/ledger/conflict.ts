import { isFailure } from '../../core/errors/errors.ts';

/** Ignores a conflict on a document about a CA: another process has just written the same. */
export function ignoreConflict(error: unknown): void {
  if (!isFailure(error, 'store/conflict')) throw error;
}
