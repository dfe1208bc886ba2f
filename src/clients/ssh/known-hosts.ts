import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** The entries in OpenSSH's known_hosts about one host (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
export interface KnownHost {
  readonly keys: readonly KnownKey[];
  readonly revoked: readonly KnownKey[];
  /** Lines that name a certificate authority for the host. certfleet does not support host certificates. */
  readonly authorities: readonly string[];
}

interface KnownKey {
  /** Such as `ssh-ed25519`. */
  readonly type: string;
  readonly key: Buffer;
  /** Such as `/root/.ssh/known_hosts line 3`. */
  readonly line: string;
}

/** Returns the lines about this host and port. Omits lines that ssh would not accept, such as incomplete ones. */
export function findKnownHost(
  files: readonly { readonly file: string; readonly text: string }[],
  place: { readonly host: string; readonly port: number },
): KnownHost {
  const host = place.host.toLowerCase();
  const name = place.port === 22 ? host : `[${host}]:${place.port}`;
  const found = { keys: [] as KnownKey[], revoked: [] as KnownKey[], authorities: [] as string[] };
  const lines = files.flatMap(({ file, text }) =>
    text.split('\n').map((whole, index) => ({ whole, line: `${file} line ${index + 1}` })),
  );
  for (const { whole, line } of lines) {
    const words = whole.trim().split(/\s+/);
    const marker = words[0]?.startsWith('@') ? words.shift() : undefined;
    const [names, type, base64] = words;
    if (names === undefined || type === undefined || base64 === undefined || names.startsWith('#')) continue;
    if (!matches(names, name)) continue;
    if (marker === '@cert-authority') found.authorities.push(line);
    else if (marker === '@revoked') found.revoked.push({ type, key: Buffer.from(base64, 'base64'), line });
    else if (marker === undefined) found.keys.push({ type, key: Buffer.from(base64, 'base64'), line });
  }
  return found;
}

/** Reports whether a line's first field, comma-separated patterns or one hashed name, matches this host. */
function matches(names: string, name: string): boolean {
  if (names.startsWith('|')) {
    const [, version, salt = '', hash = ''] = names.split('|');
    if (version !== '1') return false;
    const made = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
    const kept = Buffer.from(hash, 'base64');
    return kept.length === made.length && timingSafeEqual(kept, made);
  }
  let matched = false;
  for (const pattern of names.toLowerCase().split(',')) {
    const isNot = pattern.startsWith('!');
    if (!fits(isNot ? pattern.slice(1) : pattern, name)) continue;
    if (isNot) return false;
    matched = true;
  }
  return matched;
}

/** Matches `*` and `?` as ssh does. */
function fits(pattern: string, name: string): boolean {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`).test(name);
}

/** Returns the fingerprint as ssh prints it: `SHA256:…` */
export const fingerprintOf = (key: Uint8Array): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;

/** Returns the type of a public key in SSH's wire format (RFC 4253 §6.6). */
export const typeOfKey = (key: Buffer): string =>
  key.length < 4 ? '' : key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');

/** How to verify a node's identity: with the known hosts of this machine, or with fingerprints in the configuration. */
export type HostTrust =
  | { readonly known: KnownHost; readonly files: string; readonly scan: string }
  | { readonly fingerprints: readonly string[] };

/** Returns the reason why this host key is not accepted, or undefined if it is accepted. */
export function refusalOf(key: Buffer, trust: HostTrust): string | undefined {
  const shown = `${fingerprintOf(key)} (${typeOfKey(key)})`;
  if ('fingerprints' in trust) {
    if (trust.fingerprints.includes(fingerprintOf(key))) return undefined;
    return `its host key ${shown} is not one of \`hostKeys\`; nothing was sent to it. Compare it with \`ssh-keygen -lf\` on the node`;
  }
  const { keys, revoked, authorities } = trust.known;
  const bad = revoked.find((one) => one.key.equals(key));
  if (bad) return `its host key ${shown} is revoked in ${bad.line}; nothing was sent to it`;
  if (keys.some((one) => one.key.equals(key))) return undefined;
  const other = keys.find((one) => one.type === typeOfKey(key)) ?? keys[0];
  if (other)
    return (
      `its host key ${shown} is not the one of ${other.line} (${fingerprintOf(other.key)}); nothing was sent to it. ` +
      'Either the node was set up anew, then correct that line, or another machine answers at its address'
    );
  const authority = authorities[0];
  if (authority)
    return `${authority} names a certificate authority for it, which certfleet cannot check; add the node's own host key: ${trust.scan}`;
  return `its host key ${shown} is not in ${trust.files}; nothing was sent to it. Compare it with \`ssh-keygen -lf\` on the node, then add it: ${trust.scan}`;
}
