import { createHash, sign } from 'node:crypto';
import type { Secret } from '../core/errors/secret.ts';
import { type Identifier, identifierKey } from '../core/names/identifier.ts';
import { factsOf, parseCertificate } from './certificate.ts';
import { encodeName, signatureBy } from './csr.ts';
import { elementOf, encode, encodeOid, oids, tags } from './der.ts';
import { openKey } from './key.ts';
import { toPem } from './pem.ts';

const { boolean, sequence, set, integer, bitString, octetString, contextParts, utcTime, generalizedTime } = tags;
const utf8String = 0x0c;

/** The margin for slow or fast clocks of other machines. Nothing checks these dates, but some clients log them. */
const dayMs = 86_400_000;

/** Creates the self-signed certificate that answers a TLS-ALPN-01 challenge (RFC 8737 §3), as PEM. */
export function makeAlpnCertificate(
  keyPem: Secret,
  { identifier, keyAuthorization }: { readonly identifier: Identifier; readonly keyAuthorization: string },
  now: Date,
): string {
  const { privateKey, spkiDer } = openKey(keyPem);
  const digest = digestOf(keyAuthorization);
  const { hash, algorithm } = signatureBy(privateKey);
  const name = encode(
    sequence,
    encode(set, encode(sequence, encodeOid(oids.commonName), encode(utf8String, Buffer.from('certfleet challenge')))),
  );
  const tbs = encode(
    sequence,
    encode(contextParts(0), encode(integer, Uint8Array.of(2))), // version 3
    // Positive, and different for each challenge.
    encode(integer, Uint8Array.of(0x40 | (digest[0]! & 0x3f), ...digest.subarray(1, 16))),
    algorithm,
    name,
    encode(sequence, time(new Date(now.getTime() - dayMs)), time(new Date(now.getTime() + 7 * dayMs))),
    name,
    spkiDer,
    encode(
      contextParts(3),
      encode(
        sequence,
        encode(sequence, encodeOid(oids.subjectAltName), encode(octetString, encode(sequence, encodeName(identifier)))),
        encode(
          sequence,
          encodeOid(oids.acmeIdentifier),
          encode(boolean, Uint8Array.of(0xff)), // critical
          encode(octetString, encode(octetString, digest)),
        ),
      ),
    ),
  );
  const signature = encode(bitString, Uint8Array.of(0), sign(hash, tbs, privateKey));
  return toPem(encode(sequence, tbs, algorithm, signature));
}

/**
 * Reports whether a certificate answers the challenge: it has only this name, and the digest of the key authorization.
 */
export function answersAlpn(der: Uint8Array, identifier: Identifier, keyAuthorization: string): boolean {
  try {
    const certificate = parseCertificate(der);
    const names = factsOf(certificate).identifiers;
    const value = certificate.fields.extensions.get(oids.acmeIdentifier);
    if (value === undefined || names.length !== 1 || identifierKey(names[0]!) !== identifierKey(identifier))
      return false;
    return Buffer.from(elementOf(value, octetString).content).equals(digestOf(keyAuthorization));
  } catch {
    return false; // not a readable certificate
  }
}

const digestOf = (keyAuthorization: string): Buffer => createHash('sha256').update(keyAuthorization).digest();

/** Encodes a time. RFC 5280 §4.1.2.5 requires UTCTime until 2049. */
function time(date: Date): Uint8Array {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  return date.getUTCFullYear() < 2050
    ? encode(utcTime, Buffer.from(text.slice(2)))
    : encode(generalizedTime, Buffer.from(text));
}
