/**
 * Reads a CA's names for itself in the records of dns-persist-01: one to ten lower-case host names. Any other list is
 * malformed as a whole (draft-ietf-acme-dns-persist §3.1).
 */
export const readIssuerDomainNames = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) && value.length >= 1 && value.length <= 10 && value.every(isHostName) ? value : undefined;

const isHostName = (name: unknown): boolean =>
  typeof name === 'string' && name.length <= 253 && /^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(name);
