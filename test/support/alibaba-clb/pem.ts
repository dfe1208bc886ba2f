import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { ApiError, invalid } from './api-error.ts';
import type { Behaviour } from './options.ts';

// The page "Certificate requirements".

export interface CertificateFacts {
  readonly fingerprint: string;
  readonly commonName: string;
  readonly names: readonly string[];
  readonly expires: number;
}

const certificateError = () => invalid('The specified parameter ServerCertificate format is error.');
const keyError = () => invalid('The specified parameter key format is error.');

/** The blocks of a text that has nothing else: lines of 64 characters, the last one of a block shorter or as long. */
function blocks(text: string, refusal: () => ApiError): { readonly label: string; readonly pem: string }[] {
  const lines = text.replace(/\n$/, '').split('\n');
  const found: { label: string; pem: string }[] = [];
  let at = 0;
  while (at < lines.length) {
    const label = /^-----BEGIN ([A-Z ]+)-----$/.exec(lines[at]!)?.[1];
    const end = lines.indexOf(`-----END ${label}-----`, at);
    if (label === undefined || end < at + 2) throw refusal();
    const body = lines.slice(at + 1, end);
    const fine = body.every((line, index) =>
      index < body.length - 1
        ? /^[A-Za-z0-9+/]{64}$/.test(line)
        : /^[A-Za-z0-9+/]{0,63}[A-Za-z0-9+/=]=?$/.test(line) && line.length <= 64,
    );
    if (!fine) throw refusal();
    found.push({ label, pem: `${lines.slice(at, end + 1).join('\n')}\n` });
    at = end + 1;
  }
  return found;
}

function readKey(text: string, behaviour: Behaviour): KeyObject {
  if (/ENCRYPTED/.test(text)) throw new ApiError('PrivateKeyEncryption');
  const found = blocks(text, keyError);
  const labels = found.map(({ label }) => label).join(',');
  const [wantsParameters, wantsNone] = [behaviour.ecKeys === 'with-parameters', behaviour.ecKeys === 'refused'];
  const fine =
    labels === 'RSA PRIVATE KEY' ||
    (!wantsNone && (labels === 'EC PARAMETERS,EC PRIVATE KEY' || (labels === 'EC PRIVATE KEY' && !wantsParameters)));
  if (!fine) throw keyError();
  try {
    return createPrivateKey(found.at(-1)!.pem);
  } catch {
    throw keyError();
  }
}

function checkSize(key: KeyObject): void {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const fine =
    key.asymmetricKeyType === 'rsa'
      ? [1024, 2048, 4096].includes(modulusLength ?? 0)
      : key.asymmetricKeyType === 'ec' && ['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve ?? '');
  if (!fine) throw new ApiError('KeyFormatError');
}

/** The facts of an acceptable certificate with its chain and key; throws the API's refusal of any other. */
export function checkCertificate(certificate: string, privateKey: string, behaviour: Behaviour): CertificateFacts {
  const chain = blocks(certificate, certificateError);
  if (chain.some(({ label }) => label !== 'CERTIFICATE')) throw certificateError();
  let leaf: X509Certificate;
  try {
    [leaf] = chain.map(({ pem }) => new X509Certificate(pem)) as [X509Certificate];
  } catch {
    throw certificateError();
  }
  checkSize(leaf.publicKey);
  const key = readKey(privateKey, behaviour);
  if (!createPublicKey(key).equals(leaf.publicKey)) throw new ApiError('CertificateNotMatchPrivateKey');
  return {
    fingerprint: leaf.fingerprint.toLowerCase(),
    commonName: /^CN=(.*)$/m.exec(leaf.subject)?.[1] ?? '',
    names: [...(leaf.subjectAltName ?? '').matchAll(/DNS:([^,\s]+)/g)].map((match) => match[1]!),
    expires: Date.parse(leaf.validTo),
  };
}
