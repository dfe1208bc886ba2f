import { formatHostPort, parseHostPort } from '../../config/addresses.ts';
import { dnsChallenges } from '../../config/dns01.ts';
import { keyTypeNamed } from '../../config/wishes.ts';
import type { Session } from '../context.ts';
import { type Flags, flagName, keptPath, referenceIn, textOf } from './values.ts';
import type { Written } from './written.ts';

/** A flag that is one key of the configuration. */
interface Key {
  readonly key: readonly string[];
  /** What stands in the configuration for a text that was typed; by default, the text. */
  readonly read?: (typed: string, session: Session) => unknown;
  /** `none` is a word like others; otherwise it removes what was stored. */
  readonly hasNone?: false;
}

type Keys = Readonly<Record<string, Key>>;

const port = (typed: string) => (/^\d{1,5}$/.test(typed) ? Number(typed) : typed);

const endpoint = (typed: string) => {
  const parsed = parseHostPort(typed, 443);
  return parsed ? formatHostPort(parsed) : typed;
};

const eabKey = (typed: string, session: Session) =>
  referenceIn(typed, { flag: '--eab-hmac-key', sign: ' ', isSecret: true }, session);

/** Of an issuer. */
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

/** Of a certificate. */
export const certificateKeys = {
  profile: { key: ['profile'] },
  notBefore: { key: ['notBefore'] },
  notAfter: { key: ['notAfter'] },
  keyType: { key: ['keyType'], read: (typed) => keyTypeNamed(typed) ?? typed },
  reuseKey: { key: ['reuseKey'] },
  preferredChain: { key: ['preferredChain'] },
  onFailedName: { key: ['onFailedName'] },
  endpoint: { key: ['endpoints'], read: endpoint },
} as const satisfies Keys;

/** Of `preflight`. */
export const preflightKeys = {
  resolver: { key: ['resolvers'] },
  http01Port: { key: ['http01Port'], read: port, hasNone: false },
  tlsAlpn01Port: { key: ['tlsAlpn01Port'], read: port, hasNone: false },
} as const satisfies Keys;

/** Of a solver with a DNS provider. */
export const dnsKeys = {
  propagation: { key: ['propagation'] },
  // Where nothing else is stored, the first one is answered.
  challenge: { key: ['challenge'], read: (typed) => (typed === dnsChallenges[0] ? undefined : typed), hasNone: false },
} as const satisfies Keys;

/** The first flag that changes a DNS provider without choosing it. Also certbot takes its credentials without using it. */
export const refining = (flags: Flags): string | undefined =>
  textOf(flags['impliedBy']) ??
  (flags['dnsOption'] !== undefined
    ? '--dns-option'
    : flags['propagation'] !== undefined
      ? '--propagation'
      : flags['challenge'] !== undefined
        ? '--challenge'
        : undefined);

/** Writes the flags that were typed to their keys below a path, in place of what is there. */
export function writeKeys(written: Written, base: readonly PropertyKey[], keys: Keys, session: Session): void {
  for (const [name, { key, read = (typed: string) => typed, hasNone = true }] of Object.entries(keys)) {
    const [path, flag, typed] = [[...base, ...key], flagName(name), session.invocation.flags[name]];
    written.name(path, flag);
    if (typed === undefined) continue;
    if (typeof typed === 'boolean') written.set(path, typed);
    else if (typeof typed === 'string')
      written.set(path, hasNone && typed === 'none' ? undefined : read(typed, session), `${flag} ${typed}`);
    else {
      const list = typed.length === 1 && typed[0] === 'none' ? [] : typed;
      written.set(
        path,
        list.map((one) => read(one, session)),
        `${flag} ${list.join(',')}`,
      );
      for (const [index, one] of list.entries()) written.name([...path, index], `${flag} ${one}`);
    }
  }
}
