import { keyTypeNamed } from '../../config/certificates/certificate-options.ts';
import type { Session } from '../context.ts';
import { type Flags, flagName, given, keptPath, referenceIn, textOf } from './values.ts';
import type { Written } from './written.ts';

/** A flag that sets one key of the configuration. */
interface Key {
  readonly key: readonly string[];
  /** Converts the typed text to the configuration's value; by default, they are the same. */
  readonly read?: (typed: string, session: Session) => unknown;
  /** False if `none` is an ordinary value. Otherwise, `none` removes the stored value. */
  readonly hasNone?: false;
}

type Keys = Readonly<Record<string, Key>>;

const port = (typed: string) => (/^\d{1,5}$/.test(typed) ? Number(typed) : typed);

const eabKey = (typed: string, session: Session) =>
  referenceIn(typed, { flag: '--eab-hmac-key', sign: ' ', isSecret: true }, session);

/** The flags that set keys of an issuer. */
export const issuerKeys = {
  email: { key: ['email'] },
  agreeTos: { key: ['agreeToTerms'] },
  account: { key: ['account'] },
  eabKid: { key: ['eab', 'kid'], hasNone: false },
  eabHmacKey: { key: ['eab', 'hmacKey'], read: eabKey },
  eabHmacAlg: { key: ['eab', 'algorithm'], hasNone: false },
  caFile: { key: ['caFile'], read: (typed, session) => keptPath('--ca-file ', typed, session), hasNone: false },
  onlyThisCa: { key: ['onlyThisCa'] },
  testDirectory: { key: ['testDirectory'] },
} as const satisfies Keys;

/** The flags that set keys of a certificate. */
export const certificateKeys = {
  profile: { key: ['profile'] },
  notBefore: { key: ['notBefore'] },
  notAfter: { key: ['notAfter'] },
  keyType: { key: ['keyType'], read: (typed) => keyTypeNamed(typed) ?? typed },
  reuseKey: { key: ['reuseKey'] },
  preferredChain: { key: ['preferredChain'] },
  onFailedName: { key: ['onFailedName'] },
  endpoint: { key: ['endpoints'] },
} as const satisfies Keys;

/** The flags that set keys of `preflight`. */
export const preflightKeys = {
  resolver: { key: ['resolvers'] },
  http01Port: { key: ['http01Port'], read: port, hasNone: false },
  tlsAlpn01Port: { key: ['tlsAlpn01Port'], read: port, hasNone: false },
} as const satisfies Keys;

/** The flags that set keys of a solver with a DNS provider. */
export const dnsKeys = {
  propagation: { key: ['propagation'] },
  // The default need not be stored.
  challenge: { key: ['challenge'], read: (typed) => (typed === 'dns-01' ? undefined : typed), hasNone: false },
} as const satisfies Keys;

/**
 * Returns the first flag that changes a DNS provider without choosing it. certbot, too, accepts a plugin's credentials
 * without using the plugin.
 */
export const refining = (flags: Flags): string | undefined =>
  textOf(flags['impliedBy']) ??
  (flags['dnsOption'] !== undefined
    ? '--dns-option'
    : flags['propagation'] !== undefined
      ? '--propagation'
      : flags['challenge'] !== undefined
        ? '--challenge'
        : undefined);

/** Writes the typed flags to their keys below a path, replacing what is there. */
export function writeKeys(written: Written, base: readonly PropertyKey[], keys: Keys, session: Session): void {
  for (const [name, { key, read = (typed: string) => typed, hasNone = true }] of Object.entries(keys)) {
    const [path, flag, typed] = [[...base, ...key], flagName(name), session.invocation.flags[name]];
    written.name(path, flag);
    if (typed === undefined) continue;
    if (typeof typed === 'boolean') written.set(path, typed);
    else if (typeof typed === 'string')
      written.set(path, hasNone && typed === 'none' ? undefined : read(typed, session), `${flag} ${typed}`);
    else {
      const list = given(session.invocation.flags, name) ?? [];
      written.set(
        path,
        list.map((one) => read(one, session)),
        `${flag} ${list.join(',')}`,
      );
      for (const [index, one] of list.entries()) written.name([...path, index], `${flag} ${one}`);
    }
  }
}
