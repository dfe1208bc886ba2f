/** What people and programs may be on pages and API, each with the rights of those before it. */
export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

export const isRole = (text: unknown): text is Role => (roles as readonly unknown[]).includes(text);

/** Who asks. */
export interface Who {
  /** The name of a user or of an API token; `socket` for the Unix socket. */
  readonly name: string;
  readonly role: Role;
  readonly via: 'login' | 'token' | 'socket';
  /** The certificates that an API token is for, as {@link isInScope} reads them; all, if left out. */
  readonly scope?: readonly string[];
}

/** The least role for each kind of action. */
const leastRole = {
  look: 'viewer',
  /** Renew, deliver again, try again. */
  renew: 'operator',
  rollback: 'operator',
  revoke: 'operator',
  /** Declare a certificate. */
  declare: 'operator',
  /** Enter and try credentials. */
  connect: 'operator',
  /** Change where private keys are sent: deployers, and what they use. */
  targets: 'admin',
  /** Download private keys, where the configuration allows that. */
  'download-key': 'admin',
  users: 'admin',
  tokens: 'admin',
  audit: 'admin',
} as const satisfies Readonly<Record<string, Role>>;

export type Action = keyof typeof leastRole;
export const actions = Object.keys(leastRole) as readonly Action[];

/** Returns the role that an action needs at least. */
export const leastRoleFor = (action: Action): Role => leastRole[action];

/** Actions on one certificate, which a token with a scope may have. */
const ofCertificate: ReadonlySet<Action> = new Set(['look', 'renew', 'rollback', 'revoke']);

/** Reports whether someone may do this, regardless of the certificate. */
export function may(who: Pick<Who, 'role' | 'scope'>, action: Action): boolean {
  if (who.scope && !ofCertificate.has(action)) return false;
  return roles.indexOf(who.role) >= roles.indexOf(leastRole[action]);
}

/** Reports whether a certificate is among those that someone may see. A scope has names, and beginnings like `shop-*`. */
export const isInScope = ({ scope }: Pick<Who, 'scope'>, certificate: string): boolean =>
  !scope ||
  scope.some((name) => (name.endsWith('*') ? certificate.startsWith(name.slice(0, -1)) : certificate === name));

export const isScope = (text: string): boolean => /^[a-z0-9._][a-z0-9._-]{0,98}\*?$/.test(text);
export const scopeRule = 'the name of a certificate, or the beginning of names followed by a star, like shop-*';
