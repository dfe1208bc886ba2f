import { hash, X509Certificate } from 'node:crypto';
import { remoteText } from '../core/errors/remote-text.ts';
import type { Identifier } from '../core/names/identifier.ts';
import { toBase64url } from '../core/text/encoding.ts';
import type { CertificateFacts } from '../ports/pki.ts';
import { addressText } from './address.ts';
import { checkDer, type Element, elementOf, elementsOf, hex, oids, tags } from './der.ts';

// node:crypto takes 0.3 ms to open a certificate, because it decodes the public key. An import of thousands needs only
// the facts, so they are read from the DER here, and node:crypto opens a certificate only to verify something with it.
// This code refuses what OpenSSL refuses, except names that are not UTF-8.

export interface Certificate {
  readonly der: Uint8Array;
  /** Throws a plain Error if OpenSSL cannot read the certificate. */
  readonly x509: X509Certificate;
  readonly fields: Tbs;
}

class Parsed implements Certificate {
  readonly der: Uint8Array;
  readonly fields: Tbs;
  #x509: X509Certificate | undefined;

  constructor(der: Uint8Array) {
    this.der = der;
    this.fields = readTbs(der);
  }

  get x509(): X509Certificate {
    try {
      this.#x509 ??= new X509Certificate(this.der);
      return this.#x509;
    } catch (error) {
      throw unreadable(error);
    }
  }
}

const unreadable = (cause: unknown): Error => new Error('a certificate cannot be read', { cause });

// Each certificate is read three times while up to 255 others are, and many share an issuer.
const parsed = new Map<string, Certificate>();
const mostParsed = 512;

/** Parses a certificate. Throws a plain Error if the bytes are not one. */
export function parseCertificate(der: Uint8Array): Certificate {
  const key = Buffer.from(der).toString('latin1');
  const known = parsed.get(key);
  if (known) return known;
  try {
    // A copy, because the given bytes may be a small part of memory that would stay with them.
    const certificate = new Parsed(new Uint8Array(der));
    if (parsed.size >= mostParsed) parsed.clear();
    parsed.set(key, certificate);
    return certificate;
  } catch (error) {
    throw unreadable(error);
  }
}

const known = new WeakMap<Certificate, CertificateFacts>();

/** Reads the facts of a leaf. Ignores subject and subject key identifier, because new certificates have neither. */
export function factsOf(certificate: Certificate): CertificateFacts {
  const facts = known.get(certificate) ?? readFacts(certificate);
  known.set(certificate, facts);
  return facts;
}

/**
 * The limit for octets in the facts, which are stored. RFC 5280 allows serials of 20 octets, and key identifiers are
 * hashes.
 */
const mostOctets = 64;

const bounded = (what: string, octets: Uint8Array | undefined): void => {
  if (octets && octets.length > mostOctets) throw new Error(`its ${what} has ${octets.length} octets`);
};

function readFacts(certificate: Certificate): CertificateFacts {
  const { serial, spki, extensions, validity } = certificate.fields;
  const keyIdentifier = keyIdOfIssuer(certificate);
  bounded('serial number', serial);
  bounded('authority key identifier', keyIdentifier);
  const [notBefore, notAfter] = validity.map(timeText);
  const facts: CertificateFacts = {
    identifiers: readAlternativeNames(extensions.get(oids.subjectAltName)),
    notBefore: notBefore ?? new Date(certificate.x509.validFrom).toISOString(),
    notAfter: notAfter ?? new Date(certificate.x509.validTo).toISOString(),
    serial: hex(serial),
    fingerprint: sha256(certificate.der),
    spkiFingerprint: sha256(spki),
    issuerName: issuerNameOf(certificate),
  };
  // RFC 9773 §4.1
  return keyIdentifier ? { ...facts, ariId: `${toBase64url(keyIdentifier)}.${toBase64url(serial)}` } : facts;
}

/** Reads a time (RFC 5280 §4.1.2.5): YYMMDDHHMMSSZ, or with a four-digit year. Returns undefined for any other form. */
function timeText({ content }: Element): string | undefined {
  const [, century, decade, month, day, hour, minute, second] =
    /^(\d\d)?(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(Buffer.from(content).toString('latin1')) ?? [];
  if (decade === undefined) return undefined;
  const year = `${century ?? (Number(decade) < 50 ? '20' : '19')}${decade}`;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

/** The texts of issuers' names, which thousands of certificates share, by their DER. */
const issuerNames = new Map<string, string>();

function issuerNameOf(certificate: Certificate): string {
  const key = Buffer.from(certificate.fields.issuer).toString('latin1');
  const name = issuerNames.get(key) ?? nameText(certificate.x509.issuer);
  if (issuerNames.size >= mostParsed) issuerNames.clear();
  issuerNames.set(key, name);
  return name;
}

/** Formats a distinguished name on one line, for people. */
export const nameText = (name: string | undefined): string =>
  remoteText((name ?? '').replace(/\s*\n\s*/g, ', '), 300) || 'a nameless certificate';

/** Returns the common name in a distinguished name, or else the whole name. */
export const commonName = (name: string): string => nameText(/^CN=(.*)$/m.exec(name)?.[1] ?? name);

/** Returns the SHA-256 in lower-case hex. */
export const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');

/** Reports whether a certificate may be a CA's. Without this extension, or with an empty one, OpenSSL says no. */
export const isCa = (certificate: Certificate): boolean => {
  const constraints = certificate.fields.extensions.get(oids.basicConstraints);
  return constraints !== undefined && constraints.length > emptySequenceLength && certificate.x509.ca;
};

const emptySequenceLength = 2;

interface Tbs {
  readonly serial: Uint8Array;
  /** Names, DER. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** notBefore and notAfter. */
  readonly validity: readonly Element[];
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** The values of extensions, by OBJECT IDENTIFIER. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

/** Reads the fields (RFC 5280 §4.1). Throws a plain Error for any other structure. */
function readTbs(der: Uint8Array): Tbs {
  checkDer(der);
  const { sequence, integer, bitString, context, contextParts } = tags;
  const [tbs, signedWith] = expected(elementsOf(elementOf(der, sequence).content), [sequence, sequence, bitString]);
  const all = elementsOf(tbs!.content);
  // Certificates of version 1 omit the version.
  const isNumbered = all[0]?.tag === contextParts(0);
  if (isNumbered) elementOf(all[0]!.content, integer);
  const fields = isNumbered ? all.slice(1) : all;
  const [serial, algorithm, issuer, validity, subject, spki] = expected(fields.slice(0, 6), [
    integer,
    sequence,
    sequence,
    sequence,
    sequence,
    sequence,
  ]);
  const times = elementsOf(validity!.content);
  if (times.length !== 2 || times.some(({ tag }) => tag !== tags.utcTime && tag !== tags.generalizedTime))
    throw otherStructure();
  const [keyKind] = expected(elementsOf(spki!.content), [sequence, bitString]);
  for (const one of [signedWith!, algorithm!, keyKind!]) checkAlgorithm(one);
  for (const one of [issuer!, subject!]) checkName(one);
  // [1] and [2] are unique identifiers, which no present certificate has.
  const more = fields.slice(6);
  const wrapper = more.find(({ tag }) => tag === contextParts(3));
  if (more.some((one) => one !== wrapper && ![context(1), context(2)].includes(one.tag))) throw otherStructure();
  const listed = wrapper ? elementsOf(elementOf(wrapper.content, sequence).content) : [];
  const extensions = listed.map((extension): [string, Uint8Array] => {
    expected([extension], [sequence]);
    // extnID, critical DEFAULT FALSE, extnValue
    const parts = elementsOf(extension.content);
    const tagsOf =
      parts.length === 3
        ? [tags.objectIdentifier, tags.boolean, tags.octetString]
        : [tags.objectIdentifier, tags.octetString];
    expected(parts, tagsOf);
    return [hex(parts[0]!.content), parts.at(-1)!.content];
  });
  return {
    serial: serial!.content,
    issuer: issuer!.whole,
    subject: subject!.whole,
    validity: times,
    spki: spki!.whole,
    extensions: new Map(extensions),
  };
}

/** Checks an algorithm (RFC 5280 §4.1.1.2): an OBJECT IDENTIFIER, and parameters of any kind. */
function checkAlgorithm({ content }: Element): void {
  const parts = elementsOf(content);
  expected(parts.slice(0, 1), [tags.objectIdentifier]);
  expected(parts.slice(2), []);
}

/** Checks a name (RFC 5280 §4.1.2.4): sets of attributes, each an OBJECT IDENTIFIER and a text. */
function checkName({ content }: Element): void {
  for (const set of elementsOf(content)) {
    expected([set], [tags.set]);
    for (const attribute of elementsOf(set.content)) {
      const parts = expected([attribute], [tags.sequence]).flatMap((one) => elementsOf(one.content));
      expected(parts.slice(0, 1), [tags.objectIdentifier]);
      if (parts.length !== 2) throw otherStructure();
    }
  }
}

const otherStructure = (): Error => new Error('it has another structure than a certificate');

/** Throws a plain Error unless the elements have exactly these tags. */
function expected(elements: readonly Element[], tags: readonly number[]): readonly Element[] {
  if (elements.length !== tags.length || elements.some(({ tag }, at) => tag !== tags[at])) throw otherStructure();
  return elements;
}

/**
 * Returns the issuer's key identifier (RFC 5280 §4.2.1.1), which is [0]. Old certificates also have issuer and serial.
 */
export function keyIdOfIssuer({ fields }: Certificate): Uint8Array | undefined {
  const extension = fields.extensions.get(oids.authorityKeyIdentifier);
  if (!extension) return undefined;
  return elementsOf(elementOf(extension, tags.sequence).content).find(({ tag }) => tag === tags.context(0))?.content;
}

/** Returns the certificate's key identifier (RFC 5280 §4.2.1.2). */
export function keyIdOf({ fields }: Certificate): Uint8Array | undefined {
  const extension = fields.extensions.get(oids.subjectKeyIdentifier);
  return extension && elementOf(extension, tags.octetString).content;
}

export const sameBytes = (a: Uint8Array, b: Uint8Array | undefined): boolean =>
  b !== undefined && Buffer.compare(a, b) === 0;

/**
 * Reads the identifiers (RFC 5280 §4.2.1.6), each only once: dNSName is [2], iPAddress is [7]. Other kinds of names are
 * not identifiers.
 */
function readAlternativeNames(extension: Uint8Array | undefined): readonly Identifier[] {
  if (!extension) return [];
  const names = elementsOf(elementOf(extension, tags.sequence).content).flatMap(({ tag, content }): Identifier[] => {
    if (tag === tags.context(2)) return [{ type: 'dns', value: Buffer.from(content).toString('latin1').toLowerCase() }];
    const address = tag === tags.context(7) ? addressText(content) : undefined;
    return address === undefined ? [] : [{ type: 'ip', value: address }];
  });
  return [...new Map(names.map((name) => [`${name.type} ${name.value}`, name])).values()];
}
