import { sign } from 'node:crypto';
import type { Identifier } from '../core/identifier.ts';
import type { Secret } from '../core/secret.ts';
import { addressOctets } from './address.ts';
import { encode, encodeOid, oids, tags } from './der.ts';
import { openKey } from './key.ts';

const { sequence, set, integer, bitString, octetString, context, contextParts } = tags;

/**
 * Makes a certification request (RFC 2986) for a P-256 key, as DER. The subject is empty: a common name would only
 * repeat one of the names, CAs refuse an IP address in it, and new profiles have none.
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
  return encode(
    sequence,
    request,
    encode(sequence, encodeOid(oids.ecdsaWithSha256)),
    encode(bitString, Uint8Array.of(0), sign('sha256', request, privateKey)), // no unused bits
  );
}

/** RFC 5280 §4.2.1.6: dNSName is [2], iPAddress is [7]. */
const encodeName = ({ type, value }: Identifier): Uint8Array =>
  type === 'dns' ? encode(context(2), Buffer.from(value, 'latin1')) : encode(context(7), addressOctets(value));
