import { fail } from './errors.ts';

/**
 * A lineage of 100 identifiers of the longest kind (237 characters over DNS-01) has 146 KiB while it is renewed.
 * Kubernetes takes 1 MiB; one limit for all keeps a store from being the odd one out.
 */
export const maxDocumentBytes = 256 * 1024;
export const maxNameLength = 1_000;

/** What every store refuses before it looks any further: both are bugs of the caller, never of a user. */
export function checkDocument(key: { readonly kind: string; readonly name: string }, bytes?: Uint8Array): void {
  if (key.name.length < 1 || key.name.length > maxNameLength) {
    throw fail('bug/unexpected', {
      reason: `a ${key.kind} document has a name of ${key.name.length} characters; 1 to ${maxNameLength} are allowed`,
    });
  }
  if (bytes && bytes.length > maxDocumentBytes) {
    throw fail('bug/unexpected', {
      reason: `the document ${key.kind}/${key.name} has ${bytes.length} bytes; at most ${maxDocumentBytes} are allowed`,
    });
  }
}
