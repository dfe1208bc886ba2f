import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';

/** What the certificate pages say of an uploaded certificate, its chain and its key. */
export interface CertificateFacts {
  readonly commonName: string;
  readonly names: readonly string[];
  /** Hex digits in lower case, with one zero before them, as an API shows them. */
  readonly serial: string;
  /** Hex digits in upper case without colons. */
  readonly sha1: string;
  readonly sha256: string;
  readonly issuer: string;
  readonly algorithm: 'RSA' | 'ECC';
  readonly notBefore: number;
  readonly notAfter: number;
}

export type Wrong = 'certificate' | 'key' | 'mismatch';

/** The blocks of a text that holds nothing else, in lines of 64 characters without a blank line. */
function blocks(text: string): { readonly label: string; readonly pem: string }[] | undefined {
  const form = /-----BEGIN ([A-Z ]+)-----\n((?:[A-Za-z0-9+/=]{1,64}\n)+)-----END \1-----(?:\n|$)/y;
  const found: { label: string; pem: string }[] = [];
  while (form.lastIndex < text.length) {
    const match = form.exec(text);
    if (match === null) return undefined;
    const lines = match[2]!.trimEnd().split('\n');
    if (lines.slice(0, -1).some(({ length }) => length !== 64)) return undefined;
    found.push({ label: match[1]!, pem: match[0] });
    if (form.lastIndex === 0) break;
  }
  return found.length === 0 ? undefined : found;
}

/** Hundreds of certificates may have the same key. */
const keys = new Map<string, KeyObject>();

function readKey(text: string, pkcs8: 'refused' | 'accepted'): KeyObject | undefined {
  const labels = (blocks(text) ?? []).map(({ label }) => label).join(',');
  const known = ['RSA PRIVATE KEY', 'EC PRIVATE KEY', 'EC PARAMETERS,EC PRIVATE KEY'];
  if (!known.includes(labels) && !(pkcs8 === 'accepted' && labels === 'PRIVATE KEY')) return undefined;
  try {
    const key = keys.get(text) ?? createPrivateKey(text);
    keys.set(text, key);
    return key;
  } catch {
    return undefined;
  }
}

const known = new Map<string, CertificateFacts | Wrong>();

/** Returns the facts of a chain (leaf first) and its key, or what is wrong with them. Hundreds of domains may share one. */
export function readCertificate(
  certificate: string,
  privateKey: string,
  pkcs8: 'refused' | 'accepted',
): CertificateFacts | Wrong {
  const pair = `${pkcs8}\n${certificate}\n${privateKey}`;
  const facts = known.get(pair) ?? factsOf(certificate, privateKey, pkcs8);
  known.set(pair, facts);
  return facts;
}

function factsOf(certificate: string, privateKey: string, pkcs8: 'refused' | 'accepted'): CertificateFacts | Wrong {
  const chain = blocks(certificate);
  if (chain === undefined || chain.some(({ label }) => label !== 'CERTIFICATE')) return 'certificate';
  let certificates: X509Certificate[];
  try {
    certificates = chain.map(({ pem }) => new X509Certificate(pem));
  } catch {
    return 'certificate';
  }
  if (certificates.some((one, index) => index > 0 && !certificates[index - 1]!.checkIssued(one))) return 'certificate';
  const key = readKey(privateKey, pkcs8);
  if (key === undefined) return 'key';
  const leaf = certificates[0]!;
  if (!createPublicKey(key).equals(leaf.publicKey)) return 'mismatch';
  const names = [...(leaf.subjectAltName ?? '').matchAll(/DNS:([^,\s]+)/g)].map((match) => match[1]!);
  return {
    commonName: /^CN=(.*)$/m.exec(leaf.subject)?.[1] ?? names[0] ?? '',
    names,
    serial: `0${leaf.serialNumber.toLowerCase()}`,
    sha1: leaf.fingerprint.replaceAll(':', ''),
    sha256: leaf.fingerprint256.replaceAll(':', ''),
    issuer: /^CN=(.*)$/m.exec(leaf.issuer)?.[1] ?? '',
    algorithm: leaf.publicKey.asymmetricKeyType === 'rsa' ? 'RSA' : 'ECC',
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
  };
}

/** Whether a text has the leaf alone, though another one has signed it. */
export const isLeafAlone = (certificate: string, { issuer, commonName }: CertificateFacts): boolean =>
  certificate.split('-----BEGIN ').length === 2 && issuer !== commonName;

/** Whether one of a certificate's names covers the domain, which may be a wildcard itself. */
export function covers({ names }: Pick<CertificateFacts, 'names'>, domain: string): boolean {
  const parent = domain.slice(domain.indexOf('.'));
  return names.some((name) => name === domain || (name.startsWith('*.') && name.slice(1) === parent));
}
