import { canonicalAddress } from '../core/identifiers.ts';
import type { IssuerSettings } from '../core/spec.ts';

/** A public CA with a short name. Its terms of service are in its directory, not here. */
export interface KnownIssuer {
  readonly title: string;
  readonly directory: string;
  /** The directory for --staging and --dry-run. */
  readonly testDirectory?: string;
  /** Its certificates are not trusted. */
  readonly test: boolean;
  /** It requires external account binding (EAB), which this version does not support. */
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

/** Directories as of 2026-11. Buypass ended its service in October 2025. */
export const knownIssuers: Readonly<Record<string, KnownIssuer>> = {
  letsencrypt: {
    title: "Let's Encrypt",
    directory: 'https://acme-v02.api.letsencrypt.org/directory',
    testDirectory: letsEncryptStaging,
    test: false,
    needsAccountBinding: false,
  },
  'letsencrypt-staging': {
    title: "Let's Encrypt (staging: untrusted test certificates)",
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

/** Finds an issuer by short name or directory URL; undefined if the text is neither. */
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

/** The name of an issuer that was given as a URL: its short name if it has one, else host and path. */
export function issuerNameOf(text: string): string {
  if (Object.hasOwn(knownIssuers, text)) return text;
  const known = Object.entries(knownIssuers).find(([, { directory }]) => directory === text);
  if (known) return known[0];
  const url = new URL(text);
  return `${url.host}${url.pathname === '/' ? '' : url.pathname}`;
}

/**
 * Whether the rules of public CAs (names under a public suffix) apply to an issuer. Known public CAs are public. Others
 * are private if they are marked `test`, have a `caFile`, or use an address or a name without public suffix.
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
