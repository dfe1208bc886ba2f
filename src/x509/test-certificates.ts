import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Identifier } from '../core/names/identifier.ts';
import { addressOctets } from './address.ts';
import { encode, encodeOid, oids, tags } from './der.ts';
import { toPem } from './pem.ts';

// Certificates for unit tests, with everything that a CA may omit or do unusually. No product code imports this.

export interface TestParty {
  readonly name: string;
  readonly key: KeyObject;
}

export interface TestCertificate {
  readonly subject: string;
  readonly issuer: TestParty;
  readonly publicKey: KeyObject;
  readonly identifiers?: readonly Identifier[];
  readonly isCa?: boolean;
  /** The content octets of the serial. */
  readonly serial?: Uint8Array;
  readonly withoutKeyIdentifier?: boolean;
  readonly notBefore?: string;
  readonly notAfter?: string;
}

export const testParty = (name: string): TestParty => ({
  name,
  key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
});

const { boolean, sequence, set, integer, bitString, octetString, context, contextParts } = tags;

const nameOf = (text: string) =>
  text === ''
    ? encode(sequence)
    : encode(sequence, encode(set, encode(sequence, encodeOid('550403'), encode(0x0c, Buffer.from(text)))));

const utcTime = (iso: string) => encode(0x17, Buffer.from(`${iso.replace(/[-:T]|\.\d+/g, '').slice(2)}`));

/** A party signs many certificates. */
const keyIds = new WeakMap<KeyObject, Uint8Array>();

function keyId(key: KeyObject): Uint8Array {
  const spki = () => createPublicKey(key).export({ type: 'spki', format: 'der' });
  const id = keyIds.get(key) ?? createHash('sha1').update(spki()).digest();
  keyIds.set(key, id);
  return id;
}

const extension = (oid: string, value: Uint8Array) => encode(sequence, encodeOid(oid), encode(octetString, value));

/** Returns a certificate as PEM. */
export function testCertificate(options: TestCertificate): string {
  const { issuer, identifiers = [], serial = Uint8Array.of(1) } = options;
  const algorithm = encode(sequence, encodeOid(oids.ecdsaWithSha256));
  const extensions: Uint8Array[] = [];
  if (options.isCa)
    extensions.push(extension(oids.basicConstraints, encode(sequence, encode(boolean, Uint8Array.of(0xff)))));
  if (!options.withoutKeyIdentifier)
    extensions.push(extension(oids.authorityKeyIdentifier, encode(sequence, encode(context(0), keyId(issuer.key)))));
  if (identifiers.length > 0) {
    const names = identifiers.map(({ type, value }) =>
      type === 'dns' ? encode(context(2), Buffer.from(value)) : encode(context(7), addressOctets(value)),
    );
    extensions.push(extension(oids.subjectAltName, encode(sequence, ...names)));
  }
  const tbs = encode(
    sequence,
    encode(contextParts(0), encode(integer, Uint8Array.of(2))),
    encode(integer, serial),
    algorithm,
    nameOf(issuer.name),
    encode(
      sequence,
      utcTime(options.notBefore ?? '2026-11-24T11:00:00Z'),
      utcTime(options.notAfter ?? '2027-02-22T11:00:00Z'),
    ),
    nameOf(options.subject),
    options.publicKey.export({ type: 'spki', format: 'der' }),
    encode(contextParts(3), encode(sequence, ...extensions)),
  );
  return toPem(encode(sequence, tbs, algorithm, encode(bitString, Uint8Array.of(0), sign('sha256', tbs, issuer.key))));
}
