import { createHash, createPublicKey, verify } from 'node:crypto';
import { BitString, Constructed, fromBER, Integer, ObjectIdentifier, OctetString, Primitive } from 'asn1js';
import type { Identifier } from './state.ts';

// Read by asn1js, since our own DER has written what most tests send.

export interface ReadRequest {
  readonly spkiDer: Uint8Array;
  /** SHA-256 over `spkiDer`, to compare with the account's. */
  readonly spkiHash: Buffer;
  readonly identifiers: readonly Identifier[];
}

type Block = ReturnType<typeof fromBER>['result'];

/** The hashes of ECDSA (RFC 5758 §3.2) and of RSA (RFC 4055 §5). */
const hashes: Readonly<Record<string, string>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.113549.1.1.11': 'sha256',
};
const extensionRequest = '1.2.840.113549.1.9.14';
const subjectAltName = '2.5.29.17';

/** Reads a certification request and verifies its signature (RFC 2986). Throws a plain Error if it is invalid. */
export function readCsr(der: Uint8Array): ReadRequest {
  const [request, algorithm, signature] = partsOf(read(der));
  const [version, subject, spki, attributes] = partsOf(request);
  if (!(version instanceof Integer) || version.valueBlock.valueDec !== 0)
    throw new Error('the CSR is not of version 1');
  for (const part of [subject, spki]) partsOf(part);
  const spkiDer = spki!.valueBeforeDecodeView;
  const hash = hashes[oidOf(partsOf(algorithm)[0])];
  const key = createPublicKey({ key: Buffer.from(spkiDer), format: 'der', type: 'spki' });
  if (!(signature instanceof BitString)) throw new Error('the CSR has no signature');
  if (!verify(hash, request!.valueBeforeDecodeView, key, signature.valueBlock.valueHexView))
    throw new Error('the signature of the CSR does not fit its key');
  return { spkiDer, spkiHash: createHash('sha256').update(spkiDer).digest(), identifiers: namesIn(attributes) };
}

function namesIn(attributes: Block | undefined): readonly Identifier[] {
  const [, requested] = attributes ? valuesOf(attributes, extensionRequest) : [];
  const [extensions] = requested ? partsOf(requested) : [];
  const names = extensions && valuesOf(extensions, subjectAltName)?.at(-1);
  if (!(names instanceof OctetString)) throw new Error('the CSR has no subject alternative names');
  return partsOf(read(names.valueBlock.valueHexView)).map((name) => {
    const { tagClass, tagNumber } = name.idBlock;
    // RFC 5280 §4.2.1.6: dNSName is [2], iPAddress is [7].
    if (name instanceof Primitive && tagClass === 3) {
      const octets = name.valueBlock.valueHexView;
      if (tagNumber === 2) return { type: 'dns', value: Buffer.from(octets).toString('latin1').toLowerCase() };
      if (tagNumber === 7) return { type: 'ip', value: octets.join('.') };
    }
    throw new Error(`the CSR asks for a name of type ${tagNumber}`);
  });
}

/** The entry of a list of attributes or extensions that this OBJECT IDENTIFIER names; empty if there is none. */
const valuesOf = (list: Block, oid: string): readonly Block[] =>
  partsOf(list)
    .map(partsOf)
    .find(([type]) => oidOf(type) === oid) ?? [];

function read(der: Uint8Array): Block {
  const { result, offset } = fromBER(Uint8Array.from(der).buffer);
  if (offset !== der.length) throw new Error(`the CSR is not DER: ${result.error}`);
  return result;
}

function partsOf(block: Block | undefined): readonly Block[] {
  if (!(block instanceof Constructed)) throw new Error('the CSR has another form than RFC 2986');
  return block.valueBlock.value;
}

function oidOf(block: Block | undefined): string {
  if (!(block instanceof ObjectIdentifier)) throw new Error('the CSR has another form than RFC 2986');
  return block.getValue();
}
