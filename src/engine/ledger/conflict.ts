import { isFailure } from '../../core/errors/errors.ts';

/** For a document about a CA: a conflict means that another process has just written the same. */
export function ignoreConflict(error: unknown): void {
  if (!isFailure(error, 'store/conflict')) throw error;
}
