import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import type { Identifier, Profile } from './state.ts';

// Nothing here waits: a simulation on a fake clock must not depend on how long a signature takes.

/** The CA's keys: a root, an intermediate, and what it signs. */
export interface Authority {
  readonly rootPem: string;
  readonly intermediatePem: string;
  /** The intermediate as another root has signed it: "Other Root 1" and so on. */
  crossSigned(n: number): string;
  issue(request: {
    readonly publicKey: pkijs.PublicKeyInfo;
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

const oid = {
  commonName: '2.5.4.3',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  authorityKeyIdentifier: '2.5.29.35',
  subjectKeyIdentifier: '2.5.29.14',
};
const dayMs = 86_400_000;

export function createAuthority(now: Date): Authority {
  const rootKeys = newKeys();
  const intermediateKeys = newKeys();
  // Long before and after any time that a test sets.
  const validity = {
    notBefore: new Date(now.getTime() - 3650 * dayMs),
    notAfter: new Date(now.getTime() + 7300 * dayMs),
  };
  const root = certificate({
    ...validity,
    subject: 'Simulated Root',
    issuer: 'Simulated Root',
    publicKey: publicKeyOf(rootKeys),
    signer: rootKeys,
    serial: newSerial(),
    extensions: [...caExtensions(), subjectKeyIdentifier(keyIdOf(rootKeys))],
  });
  const intermediate = certificate({
    ...validity,
    subject: 'Simulated Intermediate',
    issuer: 'Simulated Root',
    publicKey: publicKeyOf(intermediateKeys),
    signer: rootKeys,
    serial: newSerial(),
    extensions: [
      ...caExtensions(),
      subjectKeyIdentifier(keyIdOf(intermediateKeys)),
      authorityKeyIdentifier(keyIdOf(rootKeys)),
    ],
  });
  const keyId = keyIdOf(intermediateKeys);
  return {
    rootPem: root,
    intermediatePem: intermediate,
    crossSigned(n) {
      const keys = newKeys();
      return certificate({
        ...validity,
        subject: 'Simulated Intermediate',
        issuer: `Other Root ${n}`,
        publicKey: publicKeyOf(intermediateKeys),
        signer: keys,
        serial: newSerial(),
        extensions: [
          ...caExtensions(),
          subjectKeyIdentifier(keyIdOf(intermediateKeys)),
          authorityKeyIdentifier(keyIdOf(keys)),
        ],
      });
    },
    issue({ publicKey, identifiers, profile, notBefore, notAfter: chosenEnd }) {
      const serial = newSerial();
      const name = profile.commonName ? identifiers.find((i) => i.type === 'dns')?.value : undefined;
      // RFC 5280 §4.1.2.5: notAfter is the last second that still belongs to the validity.
      const notAfter = chosenEnd ?? new Date(notBefore.getTime() + profile.validityMs - 1000);
      const leaf = certificate({
        notBefore,
        notAfter,
        subject: name,
        issuer: 'Simulated Intermediate',
        publicKey,
        signer: intermediateKeys,
        serial,
        extensions: [
          extension(
            oid.keyUsage,
            true,
            new asn1js.BitString({ valueHex: new Uint8Array([0x80]).buffer, unusedBits: 7 }),
          ),
          extension(oid.extendedKeyUsage, false, new pkijs.ExtKeyUsage({ keyPurposes: [oid.serverAuth] }).toSchema()),
          extension(oid.basicConstraints, true, new pkijs.BasicConstraints({ cA: false }).toSchema()),
          authorityKeyIdentifier(keyId),
          ...(profile.subjectKeyIdentifier
            ? [subjectKeyIdentifier(sha1(publicKey.subjectPublicKey.valueBlock.valueHexView))]
            : []),
          subjectAltName(identifiers, name === undefined),
        ],
      });
      return {
        pem: leaf,
        serial: Buffer.from(serial).toString('hex'),
        ariId: `${Buffer.from(keyId).toString('base64url')}.${Buffer.from(serial).toString('base64url')}`,
        notBefore,
        notAfter,
      };
    },
  };
}

// ── the request ──────────────────────────────────────────────────────────────────────────────────────────────────

export interface ReadRequest {
  readonly publicKey: pkijs.PublicKeyInfo;
  /** SHA-256 over the public key info, to compare with the account's. */
  readonly spki: Buffer;
  readonly identifiers: readonly Identifier[];
}

/** The hashes of ECDSA (RFC 5758 §3.2) and of RSA (RFC 4055 §5). */
const hashes: Readonly<Record<string, string>> = {
  [oid.ecdsaWithSha256]: 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.113549.1.1.11': 'sha256',
};

/** Reads a certification request and verifies its signature (RFC 2986). Throws a plain Error if it is invalid. */
export function readCsr(der: Uint8Array): ReadRequest {
  const csr = pkijs.CertificationRequest.fromBER(bufferOf(der));
  const spkiDer = Buffer.from(csr.subjectPublicKeyInfo.toSchema().toBER());
  const key = createPublicKey({ key: spkiDer, format: 'der', type: 'spki' });
  const signature = csr.signatureValue.valueBlock.valueHexView;
  if (!verify(hashes[csr.signatureAlgorithm.algorithmId], csr.tbsView, key, signature))
    throw new Error('the signature of the CSR does not fit its key');
  const requested = csr.attributes?.find((a) => a.type === '1.2.840.113549.1.9.14');
  const schema = requested?.values[0];
  const extensions = schema ? new pkijs.Extensions({ schema }).extensions : [];
  const san = extensions.find((e) => e.extnID === oid.subjectAltName);
  if (!san) throw new Error('the CSR has no subject alternative names');
  const names = pkijs.GeneralNames.fromBER(san.extnValue.valueBlock.valueHexView).names;
  const identifiers = names.map((name): Identifier => {
    if (name.type === 2) return { type: 'dns', value: String(name.value).toLowerCase() };
    if (name.type === 7) return { type: 'ip', value: addressOf(name.value.valueBlock.valueHexView) };
    throw new Error(`the CSR asks for a name of type ${name.type}`);
  });
  return { publicKey: csr.subjectPublicKeyInfo, spki: sha256(spkiDer), identifiers };
}

// ── the pieces ───────────────────────────────────────────────────────────────────────────────────────────────────

function certificate(fields: {
  readonly subject: string | undefined;
  readonly issuer: string;
  readonly publicKey: pkijs.PublicKeyInfo;
  readonly signer: KeyObject;
  readonly serial: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: pkijs.Extension[];
}): string {
  const cert = new pkijs.Certificate();
  cert.version = 2;
  cert.serialNumber = new asn1js.Integer({ valueHex: bufferOf(fields.serial) });
  if (fields.subject !== undefined) cert.subject.typesAndValues.push(commonName(fields.subject));
  cert.issuer.typesAndValues.push(commonName(fields.issuer));
  cert.notBefore.value = fields.notBefore;
  cert.notAfter.value = fields.notAfter;
  cert.subjectPublicKeyInfo = fields.publicKey;
  cert.extensions = fields.extensions;
  cert.signature = new pkijs.AlgorithmIdentifier({ algorithmId: oid.ecdsaWithSha256 });
  cert.signatureAlgorithm = cert.signature;
  cert.tbsView = new Uint8Array(cert.encodeTBS().toBER());
  cert.signatureValue = new asn1js.BitString({ valueHex: bufferOf(sign('sha256', cert.tbsView, fields.signer)) });
  const base64 = Buffer.from(cert.toSchema().toBER()).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}

const commonName = (value: string) =>
  new pkijs.AttributeTypeAndValue({ type: oid.commonName, value: new asn1js.Utf8String({ value }) });

const extension = (extnID: string, critical: boolean, value: asn1js.BaseBlock) =>
  new pkijs.Extension({ extnID, critical, extnValue: value.toBER() });

const caExtensions = () => [
  extension(oid.basicConstraints, true, new pkijs.BasicConstraints({ cA: true }).toSchema()),
  // keyCertSign and cRLSign: bits 5 and 6.
  extension(oid.keyUsage, true, new asn1js.BitString({ valueHex: new Uint8Array([0x06]).buffer, unusedBits: 1 })),
];

const subjectKeyIdentifier = (id: Uint8Array) =>
  extension(oid.subjectKeyIdentifier, false, new asn1js.OctetString({ valueHex: bufferOf(id) }));

const authorityKeyIdentifier = (id: Uint8Array) =>
  extension(
    oid.authorityKeyIdentifier,
    false,
    new pkijs.AuthorityKeyIdentifier({ keyIdentifier: new asn1js.OctetString({ valueHex: bufferOf(id) }) }).toSchema(),
  );

// RFC 5280 §4.2.1.6: critical if the subject is empty.
const subjectAltName = (identifiers: readonly Identifier[], critical: boolean) =>
  extension(
    oid.subjectAltName,
    critical,
    new pkijs.GeneralNames({
      names: identifiers.map((i) =>
        i.type === 'dns'
          ? new pkijs.GeneralName({ type: 2, value: i.value })
          : new pkijs.GeneralName({ type: 7, value: new asn1js.OctetString({ valueHex: bufferOf(bytesOf(i.value)) }) }),
      ),
    }).toSchema(),
  );

/** 16 random octets; half of them need a leading 00 to stay positive, which an ARI id must keep (RFC 9773 §4.1). */
function newSerial(): Uint8Array {
  const random = randomBytes(16);
  if (random[0] === 0) random[0] = 1; // else DER would want it shorter
  return (random[0] ?? 0) < 0x80 ? random : Buffer.concat([Buffer.from([0]), random]);
}

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

const publicKeyOf = (key: KeyObject): pkijs.PublicKeyInfo =>
  pkijs.PublicKeyInfo.fromBER(createPublicKey(key).export({ format: 'der', type: 'spki' }));

const keyIdOf = (key: KeyObject) => sha1(publicKeyOf(key).subjectPublicKey.valueBlock.valueHexView);
const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest();
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/** IPv4 only, since the protocol suite needs no IPv6 certificate. */
function bytesOf(address: string): Uint8Array {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4) throw new Error(`the simulated CA issues for IPv4 addresses only, not ${address}`);
  return Uint8Array.from(parts);
}
const addressOf = (bytes: Uint8Array): string => [...bytes].join('.');
