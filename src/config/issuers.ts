import { canonicalAddress } from '../core/identifiers.ts';
import type { IssuerSettings } from '../core/spec.ts';

/** A public CA with a short name. Terms of service are read from its directory, never written here. */
export interface KnownIssuer {
  readonly title: string;
  readonly directory: string;
  /** Where --staging and --dry-run go. */
  readonly testDirectory?: string;
  /** Nobody trusts what it issues. */
  readonly test: boolean;
  /** It wants external account binding (EAB), which this version does not have yet. */
  readonly needsAccountBinding: boolean;
}

const letsEncryptStaging = 'https://acme-staging-v02.api.letsencrypt.org/directory';
const bound = (title: string, directory: string, testDirectory?: string): KnownIssuer => ({
  title,
  directory,
  ...(testDirectory === undefined ? {} : { testDirectory }),
  test: false,
  needsAccountBinding: true,
});

/** Directories as of 2026-11 (shared/facts/acme.md §3); Buypass ended its service in October 2025. */
export const knownIssuers: Readonly<Record<string, KnownIssuer>> = {
  letsencrypt: {
    title: "Let's Encrypt",
    directory: 'https://acme-v02.api.letsencrypt.org/directory',
    testDirectory: letsEncryptStaging,
    test: false,
    needsAccountBinding: false,
  },
  'letsencrypt-staging': {
    title: "Let's Encrypt (staging: untrusted certificates, for trying things out)",
    directory: letsEncryptStaging,
    testDirectory: letsEncryptStaging,
    test: true,
    needsAccountBinding: false,
  },
  google: bound(
    'Google Trust Services',
    'https://dv.acme-v02.api.pki.goog/directory',
    'https://dv.acme-v02.test-api.pki.goog/directory',
  ),
  zerossl: bound('ZeroSSL', 'https://acme.zerossl.com/v2/DV90'),
  'sslcom-rsa': bound('SSL.com (RSA)', 'https://acme.ssl.com/sslcom-dv-rsa'),
  'sslcom-ecc': bound('SSL.com (ECC)', 'https://acme.ssl.com/sslcom-dv-ecc'),
  actalis: bound('Actalis', 'https://acme-api.actalis.com/acme/directory'),
  litessl: bound('LiteSSL (TrustAsia)', 'https://acme.litessl.com/acme/v2/directory'),
  freessl: bound('FreeSSL', 'https://acmepro.freessl.cn/v2/DV'),
  sectigo: bound('Sectigo', 'https://acme.sectigo.com/v2/DV'),
  digicert: bound('DigiCert', 'https://one.digicert.com/mpki/api/v1/acme/v2/directory'),
  globalsign: bound('GlobalSign Atlas', 'https://emea.acme.atlas.globalsign.com/directory'),
};

/** A short name or a directory URL, or undefined where it is neither. */
export function directoryOf(text: string): { readonly directory: string; readonly known?: KnownIssuer } | undefined {
  const named = Object.hasOwn(knownIssuers, text) ? knownIssuers[text] : undefined;
  if (named) return { directory: named.directory, known: named };
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  // RFC 8555 §6.1: HTTPS only.
  if (url.protocol !== 'https:') return undefined;
  const known = Object.values(knownIssuers).find(({ directory }) => directory === text);
  return { directory: text, ...(known ? { known } : {}) };
}

/** What to call an issuer that was given as a URL: its short name where it has one, else host and path. */
export function issuerNameOf(text: string): string {
  if (Object.hasOwn(knownIssuers, text)) return text;
  const known = Object.entries(knownIssuers).find(([, { directory }]) => directory === text);
  if (known) return known[0];
  const url = new URL(text);
  return `${url.host}${url.pathname === '/' ? '' : url.pathname}`;
}

/**
 * Whether the public's rules (names under a public suffix) hold for an issuer. A known public CA always; otherwise
 * what is marked `test`, has its own `caFile`, or lives at an address or a name without public suffix is private.
 */
export async function isPublicIssuer(issuer: IssuerSettings): Promise<boolean> {
  if (issuer.test) return false;
  if (Object.values(knownIssuers).some(({ directory }) => directory === issuer.directory)) return true;
  if (issuer.caFile !== undefined || !URL.canParse(issuer.directory)) return false;
  const host = new URL(issuer.directory).hostname;
  if (canonicalAddress(host.replace(/^\[|\]$/g, '')) !== undefined) return false;
  const { hasPublicSuffix } = await import('./public-suffix.ts');
  return hasPublicSuffix(host);
}
