import type { Secret } from '../../core/errors/secret.ts';
import { formatHostPort } from '../../core/names/host-port.ts';

/** Where a database is, and as whom to log in. */
export interface Place {
  /** A host name or an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: Secret | undefined;
  /** Reads the password again, which may have changed since. */
  rereadPassword?(): Promise<Secret | undefined>;
  /** A PEM file with more roots to trust; undefined for the system's alone. */
  readonly caFile: string | undefined;
  /** A Unix socket never has TLS. */
  readonly tls: 'verified' | 'off';
  /** All of it without the password, for messages. */
  readonly name: string;
}

export const defaultPort = 5432;

/** Returns the place without its password. */
export function nameOf({ host, port, database, user }: Pick<Place, 'host' | 'port' | 'database' | 'user'>): string {
  // A folder stands there as libpq has it.
  const at = formatHostPort({ host: host.startsWith('/') ? encodeURIComponent(host) : host, port });
  return `postgres://${encodeURIComponent(user)}@${at}/${encodeURIComponent(database)}`;
}

/** What a URL says. */
export interface UrlParts {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
}

/** The values of `sslmode` that ask for TLS. The certificate is verified with each of them. */
const encryptedModes = ['require', 'verify-ca', 'verify-full'];

/** Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Returns what is wrong with it, without repeating it. */
export function parseUrl(text: string): UrlParts | string {
  const form = 'expected a URL like postgres://USER:PASSWORD@HOST:PORT/DATABASE';
  if (!/^postgres(ql)?:\/\//.test(text)) return form;
  if (/[\s#]/.test(text) || !URL.canParse(text))
    return `${form}; in the password, write characters other than letters and digits as %XX`;
  const { hostname, port, pathname, username, password, searchParams } = new URL(text);
  for (const [name, value] of searchParams) {
    if (name !== 'sslmode') return `it has the parameter "${name}", which certfleet does not know: leave it out`;
    if (!encryptedModes.includes(value))
      return 'its sslmode allows connections without TLS: leave it out, and say `tls: off` if that is meant';
  }
  const [user, database, secret] = [username, pathname.slice(1), password].map(decoded);
  if (!hostname || !user || !database || secret === undefined) return form;
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? defaultPort : Number(port),
    database,
    user,
    password: secret === '' ? undefined : secret,
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
