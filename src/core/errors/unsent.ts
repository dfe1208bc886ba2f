/**
 * Errors that occur before anything is sent: the host has no address, there is no route to it, or nothing listens
 * there.
 */
const beforeSending: readonly unknown[] = ['ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN'];

/**
 * Reports whether an error's innermost cause proves that the request did not arrive. A timeout proves nothing, and
 * neither does a dropped connection.
 */
export function neverArrived(error: unknown): boolean {
  let inner = error;
  while (inner instanceof Error && inner.cause !== undefined) inner = inner.cause;
  return beforeSending.includes((inner as { readonly code?: unknown } | undefined)?.code);
}
