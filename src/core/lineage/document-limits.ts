import { fail } from '../errors/errors.ts';

/**
 * A lineage of 100 identifiers of the greatest length (237 characters over DNS-01) takes 146 KiB during a renewal.
 * Kubernetes allows 1 MiB; one limit for all stores keeps them interchangeable.
 */
export const maxDocumentBytes = 256 * 1024;
export const maxNameLength = 1_000;

/** Refuses a name or a document that is too long, which only a bug can produce. Every store calls this first. */
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
