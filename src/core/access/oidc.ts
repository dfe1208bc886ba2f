import type { OidcSettings } from '../spec/spec.ts';
import { type Role, roles } from './role.ts';
import { isUserName } from './user.ts';

/** What an OpenID provider says of someone. */
type Claims = Readonly<Record<string, unknown>>;

/** Before the names of those who log in at a provider. No user of certfleet’s own can have such a name. */
const prefix = 'oidc:';
export const isOidcName = (name: string): boolean => name.startsWith(prefix);

/**
 * Returns the name of someone for pages and audit log.
 *
 * @param identity a digest of what never changes, because people may choose their names, also those of others
 */
export function oidcName({ preferred_username, email, sub }: Claims, identity: string): string {
  const clean = (name: unknown) => String(name ?? '').replace(/[^A-Za-z0-9._@+-]/g, '_');
  return `${prefix}${[preferred_username, email, sub].map(clean).find(isUserName) ?? ''}#${identity.slice(0, 8)}`;
}

/** Returns the highest role that the claim gives, or undefined if it gives none. */
export function oidcRole(claims: Claims, { claim, roles: wanted }: OidcSettings): Role | undefined {
  // Anyone could enter the address of someone else.
  if (claim === 'email' && claims['email_verified'] !== true) return undefined;
  const given: readonly unknown[] = [claims[claim]].flat();
  return roles.findLast((role) => wanted[role].some((one) => given.includes(one)));
}
