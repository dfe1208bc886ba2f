/** DNS names as text: lower case, without a trailing dot, the root as `''`. */

export const canonicalName = (name: string): string => {
  const lower = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
};

/** Returns the parent of a name, or undefined for the root. `a.b` → `b` → `''`. */
export function parentName(name: string): string | undefined {
  if (name === '') return undefined;
  const dot = name.indexOf('.');
  return dot === -1 ? '' : name.slice(dot + 1);
}

/** Reports whether `name` is `zone` or below it, label by label (`badexample.com` is not below `example.com`). */
export const isWithin = (name: string, zone: string): boolean =>
  zone === '' || name === zone || name.endsWith(`.${zone}`);

/** Returns a name relative to its zone, as many APIs require it: `_acme-challenge.www`. The zone itself is `apex`. */
export const relativeName = (name: string, zone: string, apex = '@'): string =>
  name === zone ? apex : name.slice(0, -zone.length - 1);

/**
 * Reports whether a name fits in a DNS message (RFC 1035 §2.3.4): labels of 1 to 63 octets, 253 characters in all.
 * Underscores and asterisks are allowed, because these are not only host names. Backslashes are not: in a response,
 * they mark an octet that is not printable.
 */
export const isDnsName = (name: string): boolean =>
  name === '' ||
  (name.length <= 253 && name.split('.').every((label) => /^[\x21-\x2d\x2f-\x5b\x5d-\x7e]{1,63}$/.test(label)));

export interface ServerAddress {
  /** An IP address without brackets. */
  readonly address: string;
  readonly port: number;
}

/**
 * Parses `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`. Returns undefined for anything else.
 */
export function parseServerAddress(text: string, defaultPort = 53): ServerAddress | undefined {
  const bracketed = /^\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\](?::(\d{1,5}))?$/.exec(text);
  const ipv4 = /^(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{1,5}))?$/.exec(text);
  const bare = /^([0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%[\w.-]+)?)$/.exec(text);
  const match = bracketed ?? ipv4 ?? bare;
  const address = match?.[1];
  if (address === undefined) return undefined;
  if (match === ipv4 && address.split('.').some((octet) => Number.parseInt(octet, 10) > 255)) return undefined;
  const port = match?.[2] === undefined ? defaultPort : Number.parseInt(match[2], 10);
  return port >= 1 && port <= 65_535 ? { address, port } : undefined;
}

export const printServerAddress = ({ address, port }: ServerAddress): string =>
  `${address.includes(':') ? `[${address}]` : address}${port === 53 ? '' : `:${port}`}`;
