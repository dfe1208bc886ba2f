import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { elementOf, elementsOf, encode, encodeOid, oids, tags } from '../../../src/x509/der.ts';
import { toPem } from '../../../src/x509/pem.ts';
import { seeded } from '../seeded.ts';
import type { Identifier, Profile } from './state.ts';

// Nothing here waits: a simulation on a fake clock must not depend on how long a signature takes.

/** The CA's keys: a root, an intermediate, and what it signs. */
export interface Authority {
  readonly rootPem: string;
  readonly intermediatePem: string;
  /** The intermediate as another root has signed it: "Other Root 1" and so on. */
  crossSigned(n: number): string;
  issue(request: {
    /** The subject public key info. */
    readonly spkiDer: Uint8Array;
    readonly identifiers: readonly Identifier[];
    readonly profile: Profile;
    readonly notBefore: Date;
    readonly notAfter?: Date | undefined;
  }): {
    readonly pem: string;
    readonly serial: string;
    readonly ariId: string;
    readonly notBefore: Date;
    readonly notAfter: Date;
  };
}

const { sequence, set, integer, bitString, octetString, context, contextParts } = tags;
const boolean = 0x01;
const utf8String = 0x0c;
const isTrue = encode(boolean, Uint8Array.of(0xff));
const extensionOids = {
  subjectKeyIdentifier: '551d0e', // 2.5.29.14
  keyUsage: '551d0f', // 2.5.29.15
  subjectAltName: oids.subjectAltName,
  basicConstraints: '551d13', // 2.5.29.19
  authorityKeyIdentifier: oids.authorityKeyIdentifier,
  extendedKeyUsage: '551d25', // 2.5.29.37
};
const serverAuth = '2b06010505070301'; // 1.3.6.1.5.5.7.3.1
const dayMs = 86_400_000;

export function createAuthority(now: Date): Authority {
  const chance = seeded('authority');
  const newSerial = () => serialOf(chance);
  const [rootKeys, intermediateKeys] = readyKeys();
  const root: Party = { name: 'Simulated Root', ...rootKeys };
  const intermediate: Party = { name: 'Simulated Intermediate', ...intermediateKeys };
  // Long before and after any time that a test sets.
  const validity = {
    notBefore: new Date(now.getTime() - 3650 * dayMs),
    notAfter: new Date(now.getTime() + 7300 * dayMs),
  };
  const intermediateBy = (issuer: Party): string =>
    certificate({
      ...validity,
      subject: intermediate.name,
      issuer,
      spkiDer: intermediate.spkiDer,
      serial: newSerial(),
      extensions: [...caExtensions(), subjectKeyIdentifier(intermediate.keyId), authorityKeyIdentifier(issuer.keyId)],
    });
  return {
    rootPem: certificate({
      ...validity,
      subject: root.name,
      issuer: root,
      spkiDer: root.spkiDer,
      serial: newSerial(),
      extensions: [...caExtensions(), subjectKeyIdentifier(root.keyId)],
    }),
    intermediatePem: intermediateBy(root),
    crossSigned: (n) => intermediateBy({ name: `Other Root ${n}`, ...newKeys() }),
    issue({ spkiDer, identifiers, profile, notBefore, notAfter: chosenEnd }) {
      const serial = newSerial();
      const name = profile.commonName ? identifiers.find((i) => i.type === 'dns')?.value : undefined;
      // RFC 5280 §4.1.2.5: notAfter is the last second that still belongs to the validity.
      const notAfter = chosenEnd ?? new Date(notBefore.getTime() + profile.validityMs - 1000);
      const pem = certificate({
        notBefore,
        notAfter,
        subject: name,
        issuer: intermediate,
        spkiDer,
        serial,
        extensions: [
          // digitalSignature: bit 0.
          extension('keyUsage', true, encode(bitString, Uint8Array.of(7, 0x80))),
          extension('extendedKeyUsage', false, encode(sequence, encodeOid(serverAuth))),
          extension('basicConstraints', true, encode(sequence)),
          authorityKeyIdentifier(intermediate.keyId),
          ...(profile.subjectKeyIdentifier ? [subjectKeyIdentifier(keyIdOf(spkiDer))] : []),
          subjectAltName(identifiers, name === undefined),
        ],
      });
      return {
        pem,
        serial: Buffer.from(serial).toString('hex'),
        ariId: `${Buffer.from(intermediate.keyId).toString('base64url')}.${Buffer.from(serial).toString('base64url')}`,
        notBefore,
        notAfter,
      };
    },
  };
}

// ── the pieces ───────────────────────────────────────────────────────────────────────────────────────────────────

interface Party {
  readonly name: string;
  readonly key: KeyObject;
  readonly spkiDer: Uint8Array;
  readonly keyId: Uint8Array;
}

type Keys = Omit<Party, 'name'>;

/** The keys of the last authorities, which the next ones get again: making them took a fortieth of the simulations. */
const ready: Keys[] = [];
let authorities = 0;

/** Different ones for some authorities in a row, so that those in one test have different roots. */
function readyKeys(): readonly [root: Keys, intermediate: Keys] {
  const at = 2 * (authorities++ % 8);
  ready[at] ??= newKeys();
  ready[at + 1] ??= newKeys();
  return [ready[at], ready[at + 1]!];
}

function newKeys(): Keys {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spkiDer = publicKey.export({ format: 'der', type: 'spki' });
  return { key: privateKey, spkiDer, keyId: keyIdOf(spkiDer) };
}

function certificate(fields: {
  readonly subject: string | undefined;
  readonly issuer: Party;
  readonly spkiDer: Uint8Array;
  readonly serial: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Uint8Array[];
}): string {
  const algorithm = encode(sequence, encodeOid(oids.ecdsaWithSha256));
  const tbs = encode(
    sequence,
    encode(contextParts(0), encode(integer, Uint8Array.of(2))), // version 3
    encode(integer, fields.serial),
    algorithm,
    nameOf(fields.issuer.name),
    encode(sequence, timeOf(fields.notBefore), timeOf(fields.notAfter)),
    nameOf(fields.subject),
    fields.spkiDer,
    encode(contextParts(3), encode(sequence, ...fields.extensions)),
  );
  const signature = sign('sha256', tbs, fields.issuer.key);
  return toPem(encode(sequence, tbs, algorithm, encode(bitString, Uint8Array.of(0), signature)));
}

function nameOf(commonName: string | undefined): Uint8Array {
  if (commonName === undefined) return encode(sequence);
  const value = encode(sequence, encodeOid(oids.commonName), encode(utf8String, Buffer.from(commonName)));
  return encode(sequence, encode(set, value));
}

/** RFC 5280 §4.1.2.5: UTCTime until 2049, GeneralizedTime afterwards. */
function timeOf(date: Date): Uint8Array {
  const text = `${date.toISOString().replace(/[-:T]|\..*/g, '')}Z`;
  return date.getUTCFullYear() < 2050 ? encode(0x17, Buffer.from(text.slice(2))) : encode(0x18, Buffer.from(text));
}

const extension = (name: keyof typeof extensionOids, critical: boolean, value: Uint8Array) =>
  encode(sequence, encodeOid(extensionOids[name]), ...(critical ? [isTrue] : []), encode(octetString, value));

const caExtensions = () => [
  extension('basicConstraints', true, encode(sequence, isTrue)),
  // keyCertSign and cRLSign: bits 5 and 6.
  extension('keyUsage', true, encode(bitString, Uint8Array.of(1, 0x06))),
];

const subjectKeyIdentifier = (id: Uint8Array) => extension('subjectKeyIdentifier', false, encode(octetString, id));

const authorityKeyIdentifier = (id: Uint8Array) =>
  extension('authorityKeyIdentifier', false, encode(sequence, encode(context(0), id)));

// RFC 5280 §4.2.1.6: critical if the subject is empty.
const subjectAltName = (identifiers: readonly Identifier[], critical: boolean) => {
  const names = identifiers.map(({ type, value }) =>
    type === 'dns' ? encode(context(2), Buffer.from(value)) : encode(context(7), bytesOf(value)),
  );
  return extension('subjectAltName', critical, encode(sequence, ...names));
};

/** 16 random octets; half of them need a leading 00 to stay positive, which an ARI id must keep (RFC 9773 §4.1). */
function serialOf(chance: () => number): Uint8Array {
  // Not 0, or else DER would have it shorter.
  const first = 1 + Math.floor(chance() * 255);
  const rest = randomBytes(15);
  return Buffer.concat([first < 0x80 ? Buffer.of(first) : Buffer.of(0, first), rest]);
}

/** RFC 5280 §4.2.1.2: the SHA-1 of the key's bits. */
function keyIdOf(spkiDer: Uint8Array): Uint8Array {
  const [, bits] = elementsOf(elementOf(spkiDer, sequence).content);
  return createHash('sha1').update(bits!.content.subarray(1)).digest();
}

/** IPv4 only, since the protocol suite needs no IPv6 certificate. */
function bytesOf(address: string): Uint8Array {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4) throw new Error(`the simulated CA issues for IPv4 addresses only, not ${address}`);
  return Uint8Array.from(parts);
}
