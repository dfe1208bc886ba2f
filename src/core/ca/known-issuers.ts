import { letsEncryptProfiles, type ProfileLimits } from './profiles.ts';

/** A public CA that has a short name, with the facts that its directory omits. */
export interface KnownIssuer {
  readonly title: string;
  readonly directory: string;
  /** The directory for --staging and --dry-run. */
  readonly testDirectory?: string;
  /** Its certificates are not trusted. */
  readonly test: boolean;
  /** It opens accounts only for its customers (EAB), even if its directory does not say so: SSL.com's does not. */
  readonly needsAccountBinding: boolean;
  /** Where its customers get EAB keys, and how long and how often a key can be used. */
  readonly accountBinding?: string;
  /** It does not issue to accounts that have no e-mail address. */
  readonly needsEmail?: true;
  /** The limits of its profiles, if known. */
  readonly profiles?: Readonly<Record<string, ProfileLimits>>;
  /** It refuses orders that set the certificate's start or end. */
  readonly setsValidity?: true;
  /** For display: limits on names, wildcards and addresses, rate limits, and the like. */
  readonly facts: readonly string[];
  /** Where its terms of service are. A directory may name the file of today. */
  readonly terms?: string;
}

const letsEncryptStaging = 'https://acme-staging-v02.api.letsencrypt.org/directory';
const googleStaging = 'https://dv.acme-v02.test-api.pki.goog/directory';

const letsEncrypt = {
  profiles: letsEncryptProfiles,
  setsValidity: true,
  terms: 'https://letsencrypt.org/repository/',
} as const;
const names = 'Up to 100 names and wildcards (25 with tlsserver and shortlived); IP addresses with shortlived only.';
const google = [
  'Up to 100 names, and wildcards. IP addresses only by agreement.',
  'Validity from 1 to 90 days on request. A failed challenge is not tried again within its order.',
];
const sslcom = [
  'Without payment: one name and its www. Wildcards and more names cost money; an account with funds is charged.',
  'No IP addresses, no renewal information (ARI), no key rollover.',
];
const sslcomBinding = 'In the dashboard of your SSL.com account, under API credentials: account key and HMAC key.';
const paid = ['Names, wildcards and limits depend on your contract.'];

const bound = (
  title: string,
  directory: string,
  accountBinding: string,
  facts: readonly string[],
): Omit<KnownIssuer, 'testDirectory' | 'needsEmail'> => ({
  ...{ title, directory, accountBinding, facts },
  test: false,
  needsAccountBinding: true,
});

/** As of 2026-11. Terms of service, CAA names and profiles are in the directories. Buypass ended in October 2025. */
export const knownIssuers: Readonly<Record<string, KnownIssuer>> = {
  letsencrypt: {
    title: "Let's Encrypt",
    directory: 'https://acme-v02.api.letsencrypt.org/directory',
    testDirectory: letsEncryptStaging,
    test: false,
    needsAccountBinding: false,
    ...letsEncrypt,
    facts: [
      names,
      'Limits: 50 new certificates a week for each registered domain, 5 a week for the same set of names, 300 orders in 3 hours for each account, 5 failed validations an hour for each name. Renewals at the time that it suggests are exempt.',
      'It keeps no e-mail addresses, and sends no messages about expiry.',
    ],
  },
  'letsencrypt-staging': {
    title: "Let's Encrypt (staging: untrusted test certificates)",
    directory: letsEncryptStaging,
    testDirectory: letsEncryptStaging,
    test: true,
    needsAccountBinding: false,
    ...letsEncrypt,
    facts: [names, 'Limits are far higher than in production, but only 20 requests a second are answered.'],
  },
  zerossl: bound('ZeroSSL', 'https://acme.zerossl.com/v2/DV90', 'At https://app.zerossl.com/developer.', [
    'Up to 100 names, and wildcards. No IP addresses over ACME. No key rollover.',
  ]),
  google: {
    ...bound(
      'Google Trust Services',
      'https://dv.acme-v02.api.pki.goog/directory',
      'With `gcloud publicca external-account-keys create`. Each is good for one account, within 7 days.',
      google,
    ),
    testDirectory: googleStaging,
  },
  'google-staging': {
    ...bound(
      'Google Trust Services (staging: untrusted test certificates)',
      googleStaging,
      'With `gcloud publicca external-account-keys create`, after `gcloud config set api_endpoint_overrides/publicca https://preprod-publicca.googleapis.com/`. The keys of the real CA are not valid here.',
      google,
    ),
    testDirectory: googleStaging,
    test: true,
  },
  sslcom: {
    ...bound('SSL.com (for P-256 and P-384 keys)', 'https://acme.ssl.com/sslcom-dv-ecc', sslcomBinding, sslcom),
    needsEmail: true,
  },
  'sslcom-ecc': {
    ...bound('SSL.com (another name of sslcom)', 'https://acme.ssl.com/sslcom-dv-ecc', sslcomBinding, sslcom),
    needsEmail: true,
  },
  'sslcom-rsa': {
    ...bound('SSL.com (for RSA keys)', 'https://acme.ssl.com/sslcom-dv-rsa', sslcomBinding, sslcom),
    needsEmail: true,
  },
  actalis: bound(
    'Actalis',
    'https://acme-api.actalis.com/acme/directory',
    'In the customer area of Actalis, under ACME credentials.',
    [
      'Without payment: one name and its www, 90 days. Wildcards, more names and IP addresses cost money.',
      'It does not reuse validations. A challenge that failed stays open, so certfleet gives up after its own time limit.',
    ],
  ),
  litessl: bound(
    'LiteSSL (TrustAsia)',
    'https://acme.litessl.com/acme/v2/directory',
    'In the EAB manager of your account at https://freessl.cn.',
    ['Several names, and wildcards.'],
  ),
  freessl: bound('FreeSSL', 'https://acmepro.freessl.cn/v2/DV', 'In your account at https://freessl.cn.', paid),
  sectigo: bound('Sectigo', 'https://acme.sectigo.com/v2/DV', 'With your subscription.', paid),
  digicert: bound(
    'DigiCert',
    'https://one.digicert.com/mpki/api/v1/acme/v2/directory',
    'From the certificate profile in DigiCert Trust Lifecycle Manager.',
    paid,
  ),
  globalsign: bound(
    'GlobalSign Atlas',
    'https://emea.acme.atlas.globalsign.com/directory',
    'In the Atlas portal.',
    paid,
  ),
};

/** Returns the known CA that has this directory. */
export const knownIssuerAt = (directory: string): KnownIssuer | undefined =>
  Object.values(knownIssuers).find((one) => one.directory === directory);
