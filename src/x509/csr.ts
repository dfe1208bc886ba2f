import { type KeyObject, sign } from 'node:crypto';
import type { Secret } from '../core/errors/secret.ts';
import type { Identifier } from '../core/names/identifier.ts';
import { addressOctets } from './address.ts';
import { encode, encodeOid, oids, tags } from './der.ts';
import { openKey } from './key.ts';

const { sequence, set, integer, bitString, octetString, context, contextParts } = tags;

/**
 * Creates a certification request (RFC 2986), as DER. The subject is empty: a common name would only repeat one of the
 * names, CAs refuse an IP address in it, and new profiles have none.
 */
export function makeCsr(keyPem: Secret, identifiers: readonly Identifier[]): Uint8Array {
  const { privateKey, spkiDer } = openKey(keyPem);
  const names = encode(sequence, ...identifiers.map(encodeName));
  const extensions = encode(sequence, encode(sequence, encodeOid(oids.subjectAltName), encode(octetString, names)));
  const request = encode(
    sequence,
    encode(integer, Uint8Array.of(0)), // version 1
    encode(sequence), // the empty subject
    spkiDer,
    encode(contextParts(0), encode(sequence, encodeOid(oids.extensionRequest), encode(set, extensions))),
  );
  const { hash, algorithm } = signatureBy(privateKey);
  return encode(
    sequence,
    request,
    algorithm,
    encode(bitString, Uint8Array.of(0), sign(hash, request, privateKey)), // no unused bits
  );
}

/** Returns the signature algorithm for a key: RSA with SHA-256, ECDSA with the hash of the curve's size. */
export function signatureBy(key: KeyObject): { readonly hash: string; readonly algorithm: Uint8Array } {
  if (key.asymmetricKeyType === 'rsa')
    // RFC 4055 §5: the parameters are NULL.
    return { hash: 'sha256', algorithm: encode(sequence, encodeOid(oids.rsaWithSha256), encode(tags.null)) };
  return key.asymmetricKeyDetails?.namedCurve === 'secp384r1'
    ? { hash: 'sha384', algorithm: encode(sequence, encodeOid(oids.ecdsaWithSha384)) }
    : { hash: 'sha256', algorithm: encode(sequence, encodeOid(oids.ecdsaWithSha256)) };
}

/** Encodes a name (RFC 5280 §4.2.1.6): dNSName is [2], iPAddress is [7]. */
export const encodeName = ({ type, value }: Identifier): Uint8Array =>
  type === 'dns' ? encode(context(2), Buffer.from(value, 'latin1')) : encode(context(7), addressOctets(value));
