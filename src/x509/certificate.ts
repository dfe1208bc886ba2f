import { createHash, X509Certificate } from 'node:crypto';
import { remoteText } from '../core/errors/remote-text.ts';
import type { Identifier } from '../core/names/identifier.ts';
import { toBase64url } from '../core/text/encoding.ts';
import type { CertificateFacts } from '../ports/pki.ts';
import { addressText } from './address.ts';
import { elementOf, elementsOf, hex, oids, tags } from './der.ts';

// node:crypto reads most of a certificate. Read here from the DER: the serial with its leading zero, the authority key
// identifier, and the alternative names, whose text form is ambiguous.

export interface Certificate {
  readonly der: Uint8Array;
  readonly x509: X509Certificate;
}

// Parsing takes 0.3 ms, one certificate is read three times while up to 255 others are, and many share an issuer.
const parsed = new Map<string, Certificate>();
const mostParsed = 512;

export function parseCertificate(der: Uint8Array): Certificate {
  const key = Buffer.from(der).toString('latin1');
  const known = parsed.get(key);
  if (known) return known;
  try {
    const certificate = { der, x509: new X509Certificate(der) };
    if (parsed.size >= mostParsed) parsed.clear();
    parsed.set(key, certificate);
    return certificate;
  } catch (error) {
    throw new Error('a certificate cannot be read', { cause: error });
  }
}

const known = new WeakMap<Certificate, CertificateFacts>();

/** Reads the facts of a leaf. Subject and subject key identifier are ignored: new certificates have neither. */
export function factsOf(certificate: Certificate): CertificateFacts {
  const facts = known.get(certificate) ?? readFacts(certificate);
  known.set(certificate, facts);
  return facts;
}

/** The facts are stored. RFC 5280 allows serials of 20 octets; key identifiers are hashes. */
const mostOctets = 64;

const bounded = (what: string, octets: Uint8Array | undefined): void => {
  if (octets && octets.length > mostOctets) throw new Error(`its ${what} has ${octets.length} octets`);
};

function readFacts({ der, x509 }: Certificate): CertificateFacts {
  const { serial, spki, extensions } = readTbs(der);
  const keyIdentifier = readKeyIdentifier(extensions.get(oids.authorityKeyIdentifier));
  bounded('serial number', serial);
  bounded('authority key identifier', keyIdentifier);
  const facts: CertificateFacts = {
    identifiers: readAlternativeNames(extensions.get(oids.subjectAltName)),
    notBefore: new Date(x509.validFrom).toISOString(),
    notAfter: new Date(x509.validTo).toISOString(),
    serial: hex(serial),
    fingerprint: sha256(der),
    spkiFingerprint: sha256(spki),
    issuerName: nameText(x509.issuer),
  };
  // RFC 9773 §4.1
  return keyIdentifier ? { ...facts, ariId: `${toBase64url(keyIdentifier)}.${toBase64url(serial)}` } : facts;
}

/** A distinguished name on one line, for people. */
export const nameText = (name: string | undefined): string =>
  remoteText((name ?? '').replace(/\s*\n\s*/g, ', '), 300) || 'a nameless certificate';

/** The common name of a distinguished name, or the whole of it. */
export const commonName = (name: string): string => nameText(/^CN=(.*)$/m.exec(name)?.[1] ?? name);

/** SHA-256 in lower-case hex. */
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The values of its extensions, by OBJECT IDENTIFIER. */
export const extensionsOf = ({ der }: Certificate): Tbs['extensions'] => readTbs(der).extensions;

interface Tbs {
  readonly serial: Uint8Array;
  /** SubjectPublicKeyInfo, DER. Through node:crypto it would take 90 µs. */
  readonly spki: Uint8Array;
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

/** RFC 5280 §4.1: serial number, public key, and extensions by their OBJECT IDENTIFIER. */
function readTbs(der: Uint8Array): Tbs {
  const [tbs] = elementsOf(elementOf(der, tags.sequence).content);
  const fields = elementsOf(tbs?.content ?? new Uint8Array());
  // [0] version comes first, except in certificates of version 1.
  const serialAt = fields.findIndex(({ tag }) => tag === tags.integer);
  const serial = fields[serialAt];
  if (!serial) throw new Error('the certificate has no serial number');
  // serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
  const spki = fields[serialAt + 5];
  if (!spki) throw new Error('the certificate has no public key');
  const extensions = new Map<string, Uint8Array>();
  const wrapper = fields.find(({ tag }) => tag === tags.contextParts(3));
  if (wrapper) {
    for (const extension of elementsOf(elementOf(wrapper.content, tags.sequence).content)) {
      // extnID, critical DEFAULT FALSE, extnValue
      const parts = elementsOf(extension.content);
      const [id, value] = [parts[0], parts.at(-1)];
      if (id?.tag === tags.objectIdentifier && value?.tag === tags.octetString)
        extensions.set(hex(id.content), value.content);
    }
  }
  return { serial: serial.content, spki: spki.whole, extensions };
}

/** RFC 5280 §4.2.1.1: keyIdentifier is [0]; old certificates also have issuer and serial. */
function readKeyIdentifier(extension: Uint8Array | undefined): Uint8Array | undefined {
  if (!extension) return undefined;
  return elementsOf(elementOf(extension, tags.sequence).content).find(({ tag }) => tag === tags.context(0))?.content;
}

/** RFC 5280 §4.2.1.6: dNSName is [2], iPAddress is [7]; other kinds of names are not identifiers. Each only once. */
function readAlternativeNames(extension: Uint8Array | undefined): readonly Identifier[] {
  if (!extension) return [];
  const names = elementsOf(elementOf(extension, tags.sequence).content).flatMap(({ tag, content }): Identifier[] => {
    if (tag === tags.context(2)) return [{ type: 'dns', value: Buffer.from(content).toString('latin1').toLowerCase() }];
    const address = tag === tags.context(7) ? addressText(content) : undefined;
    return address === undefined ? [] : [{ type: 'ip', value: address }];
  });
  return [...new Map(names.map((name) => [`${name.type} ${name.value}`, name])).values()];
}
