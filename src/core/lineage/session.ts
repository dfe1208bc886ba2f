import { fail } from '../errors/errors.ts';
import { decodeDocument } from './lineage.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { isObject } from './shape.ts';

/**
 * What a process says of itself while it holds leases: all of them rest on its session, and are free once that is gone.
 * It stands in the document of the node for which the process keeps running (`replica/<node>`), or else in
 * `session/<id>`.
 */
export interface Session {
  readonly id: string;
  readonly holder: ProcessIdentity;
  /** Counts its signs of life. */
  readonly beat: number;
}

/** What a lease says of the session on which it rests. */
export interface SessionRef {
  readonly id: string;
  /** Undefined if the session has a document of its own. */
  readonly node?: string | undefined;
}

/** `session/<id>`. */
interface SessionDocument {
  readonly schema: 1;
  /** Null: it is gone, and its document, too, in a moment. */
  readonly session: Session | null;
}

export const documentOf = (session: Session | null): SessionDocument => ({ schema: 1, session });

export function decodeSession(bytes: Uint8Array, id: string, location: string): Session | undefined {
  const where = { key: `session/${id}`, file: location };
  const { session } = decodeDocument<SessionDocument>(bytes, where, ['session']);
  if (session === null) return undefined;
  if (isObject(session) && isObject(session.holder)) return session;
  throw fail('store/corrupt', { ...where, reason: 'a value in it is of the wrong kind' });
}
