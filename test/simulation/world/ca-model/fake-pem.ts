import { hash } from 'node:crypto';
import type { Identifier } from './state.ts';

/**
 * Keys, certification requests and certificates without cryptography: JSON in a PEM armor, so that they pass through
 * stores, folders and handshakes like real ones. A public key is a digest of its private key, and a certificate names
 * the key that signed it.
 */

export interface FakeKey {
  readonly type: string;
  readonly secret: string;
}

export interface FakeRequest {
  readonly publicKey: string;
  readonly identifiers: readonly Identifier[];
}

export interface FakeCertificate {
  /** Lower-case hex. */
  readonly serial: string;
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: string;
  /** The public key of the issuer. */
  readonly signedBy: string;
  readonly identifiers: readonly Identifier[];
  readonly notBefore: string;
  readonly notAfter: string;
  readonly isCa: boolean;
}

export const sha256 = (data: string | Uint8Array): string => hash('sha256', data, 'hex');

const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const parsed = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString());

/** The base64 is one line, because breaking it would cost as much as the rest. */
const armored = (label: string, bytes: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(bytes).toString('base64')}\n-----END ${label}-----\n`;

/** Returns the content of every block with this label. Throws a plain Error if one is damaged. */
export function unarmored(label: string, text: string): readonly Uint8Array[] {
  const [begin, end] = [`-----BEGIN ${label}-----`, `-----END ${label}-----`];
  return text
    .split(begin)
    .slice(1)
    .map((rest) => {
      const at = rest.indexOf(end);
      if (at < 0) throw new Error(`a block of ${label} is damaged`);
      return Buffer.from(rest.slice(0, at), 'base64');
    });
}

export const keyPem = (key: FakeKey): string => armored('PRIVATE KEY', bytesOf(key));

/** Throws a plain Error if the text is no key. */
export function readKey(pem: string): FakeKey {
  const [bytes] = unarmored('PRIVATE KEY', pem);
  if (!bytes) throw new Error('it is not a private key');
  return parsed(bytes) as FakeKey;
}

export const publicKeyOf = (pem: string): string => {
  const { type, secret } = readKey(pem);
  return sha256(`${type} ${secret}`);
};

/** The second half of a key authorization (RFC 8555 §8.1). */
export const thumbprintOf = (publicKey: string): string => Buffer.from(publicKey, 'hex').toString('base64url');

export const encodeRequest = (request: FakeRequest): Uint8Array => new Uint8Array(bytesOf(request));
export const readRequest = (bytes: Uint8Array): FakeRequest => parsed(bytes) as FakeRequest;

export const certificatePem = (certificate: FakeCertificate): string => armored('CERTIFICATE', bytesOf(certificate));

/** Reads the certificates in a PEM text. Throws a plain Error if one is damaged. */
export function readCertificates(
  pem: string,
): readonly { readonly der: Uint8Array; readonly fields: FakeCertificate }[] {
  return unarmored('CERTIFICATE', pem).map((der) => {
    try {
      return { der, fields: parsed(der) as FakeCertificate };
    } catch (cause) {
      throw new Error('a certificate cannot be read', { cause });
    }
  });
}

/** RFC 9773 §4.1. */
export const ariIdOf = ({ signedBy, serial }: Pick<FakeCertificate, 'signedBy' | 'serial'>): string => {
  const text = (hex: string) => Buffer.from(hex, 'hex').toString('base64url');
  return `${text(signedBy.slice(0, 40))}.${text(serial)}`;
};
