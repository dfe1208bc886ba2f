import { createCipheriv, createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { Secret } from '../core/errors/secret.ts';
import type { Pkcs12Request } from '../ports/pki.ts';
import { encode, encodeOid, tags } from './der.ts';
import { openKey } from './key.ts';
import { splitPem } from './pem.ts';

// PKCS#12 (RFC 7292) with one key and its chain, as `openssl pkcs12 -export` makes it. In test/real/e2e-life.test.ts,
// OpenSSL and Java's keytool read it.

/** OBJECT IDENTIFIERs, as the hex of their content. */
const oids = {
  data: '2a864886f70d010701', // 1.2.840.113549.1.7.1
  encryptedData: '2a864886f70d010706',
  shroudedKeyBag: '2a864886f70d010c0a0102', // 1.2.840.113549.1.12.10.1.2
  certificateBag: '2a864886f70d010c0a0103',
  x509Certificate: '2a864886f70d01091601', // 1.2.840.113549.1.9.22.1
  friendlyName: '2a864886f70d010914', // 1.2.840.113549.1.9.20
  localKeyId: '2a864886f70d010915',
  pbes2: '2a864886f70d01050d', // 1.2.840.113549.1.5.13, RFC 8018
  pbkdf2: '2a864886f70d01050c',
  hmacWithSha256: '2a864886f70d0209',
  aes256Cbc: '60864801650304012a', // 2.16.840.1.101.3.4.1.42
  sha256: '608648016503040201',
  sha1: '2b0e03021a', // 1.3.14.3.2.26
  tripleDesWithSha1: '2a864886f70d010c0103', // 1.2.840.113549.1.12.1.3
} as const;

/**
 * The iterations for the key that protects the content, and as many for the MAC, because a guess is checked against the
 * weaker one. Windows refuses more than 600,000 in total.
 */
const iterations = 100_000;
/** Lower, because each iteration takes four hashes in JavaScript, and no number makes this format strong. */
const legacyIterations = 20_000;

/** Creates the file: a part with the certificates and one with the key, both encrypted, and a MAC over them. */
export function makePkcs12({ friendlyName, keyPem, certificates, password, isLegacy }: Pkcs12Request): Uint8Array {
  const ders = certificates.flatMap(splitPem);
  const encrypt = isLegacy ? encryptWithTripleDes : encryptWithAes;
  // Links the key to its certificate.
  const id = createHash('sha1')
    .update(ders[0] ?? '')
    .digest();
  const ofLeaf = [
    attribute(oids.friendlyName, encode(0x1e, Buffer.from(friendlyName, 'utf16le').swap16())), // a BMPString
    attribute(oids.localKeyId, octets(id)),
  ].sort(Buffer.compare); // DER sorts a set
  const certificateBags = ders.map((der, at) => {
    const certificate = sequence(encodeOid(oids.x509Certificate), explicit(octets(der)));
    return bag(oids.certificateBag, certificate, at === 0 ? ofLeaf : []);
  });
  const keyDer = openKey(keyPem).privateKey.export({ type: 'pkcs8', format: 'der' });
  const shrouded = encrypt(keyDer, password);
  const keyBag = bag(oids.shroudedKeyBag, sequence(shrouded.algorithm, octets(shrouded.content)), ofLeaf);

  const hidden = encrypt(sequence(...certificateBags), password);
  const content = encode(tags.context(0), hidden.content); // implicit
  const certificatePart = sequence(
    encodeOid(oids.encryptedData),
    explicit(sequence(integer(0), sequence(encodeOid(oids.data), hidden.algorithm, content))),
  );
  const safe = sequence(certificatePart, dataPart(sequence(keyBag)));
  return sequence(integer(3), dataPart(safe), macOver(safe, password, isLegacy));
}

const sequence = (...parts: readonly Uint8Array[]) => encode(tags.sequence, ...parts);
const octets = (bytes: Uint8Array) => encode(tags.octetString, bytes);
const explicit = (part: Uint8Array) => encode(tags.contextParts(0), part);
const nothing = encode(tags.null);

function integer(value: number): Uint8Array {
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
  // A leading bit would make the number negative.
  return encode(tags.integer, bytes[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

const dataPart = (content: Uint8Array) => sequence(encodeOid(oids.data), explicit(octets(content)));
const attribute = (oid: string, value: Uint8Array) => sequence(encodeOid(oid), encode(tags.set, value));

const bag = (oid: string, content: Uint8Array, attributes: readonly Uint8Array[]) =>
  sequence(encodeOid(oid), explicit(content), ...(attributes.length > 0 ? [encode(tags.set, ...attributes)] : []));

interface Encrypted {
  readonly algorithm: Uint8Array;
  readonly content: Uint8Array;
}

/** Encrypts with PBES2, PBKDF2 and AES-256 (RFC 8018). */
function encryptWithAes(plain: Uint8Array, password: Secret): Encrypted {
  const [salt, iv] = [randomBytes(16), randomBytes(16)];
  const key = pbkdf2Sync(password.reveal(), salt, iterations, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const derivation = sequence(
    encodeOid(oids.pbkdf2),
    sequence(octets(salt), integer(iterations), sequence(encodeOid(oids.hmacWithSha256), nothing)),
  );
  const scheme = sequence(encodeOid(oids.aes256Cbc), octets(iv));
  return {
    algorithm: sequence(encodeOid(oids.pbes2), sequence(derivation, scheme)),
    content: Buffer.concat([cipher.update(plain), cipher.final()]),
  };
}

/** Encrypts with Triple DES (RFC 7292 appendix C). */
function encryptWithTripleDes(plain: Uint8Array, password: Secret): Encrypted {
  const salt = randomBytes(8);
  const derive = (purpose: number, length: number) =>
    deriveBytes('sha1', legacyIterations, { password, salt, purpose, length });
  const cipher = createCipheriv('des-ede3-cbc', derive(1, 24), derive(2, 8));
  return {
    algorithm: sequence(encodeOid(oids.tripleDesWithSha1), sequence(octets(salt), integer(legacyIterations))),
    content: Buffer.concat([cipher.update(plain), cipher.final()]),
  };
}

function macOver(safe: Uint8Array, password: Secret, isLegacy: boolean): Uint8Array {
  const [hash, length] = isLegacy ? (['sha1', 20] as const) : (['sha256', 32] as const);
  const rounds = isLegacy ? legacyIterations : iterations;
  const salt = randomBytes(16);
  const key = deriveBytes(hash, rounds, { password, salt, purpose: 3, length });
  const digest = createHmac(hash, key).update(safe).digest();
  const algorithm = sequence(encodeOid(oids[hash]), nothing);
  return sequence(sequence(algorithm, octets(digest)), octets(salt), integer(rounds));
}

/** Derives key material (RFC 7292 appendix B.2). Purpose 1 is a key, 2 an initial vector, 3 a MAC's key. */
function deriveBytes(
  hash: 'sha1' | 'sha256',
  rounds: number,
  {
    password,
    salt,
    purpose,
    length,
  }: {
    readonly password: Secret;
    readonly salt: Uint8Array;
    readonly purpose: number;
    readonly length: number;
  },
): Uint8Array {
  const block = 64; // of both hashes
  const repeated = (bytes: Uint8Array): Buffer => {
    const whole = Buffer.alloc(Math.ceil(bytes.length / block) * block);
    for (let at = 0; at < whole.length; at++) whole[at] = bytes[at % bytes.length]!;
    return whole;
  };
  // Big-endian UTF-16, terminated by zero.
  const text = Buffer.from(`${password.reveal()}\0`, 'utf16le').swap16();
  let input: Buffer = Buffer.concat([repeated(salt), repeated(text)]);
  const derived: Buffer[] = [];
  for (let size = 0; size < length; size += derived.at(-1)!.length) {
    let digest: Buffer = createHash(hash).update(Buffer.alloc(block, purpose)).update(input).digest();
    for (let round = 1; round < rounds; round++) digest = createHash(hash).update(digest).digest();
    derived.push(digest);
    input = plusOneAnd(input, repeated(digest).subarray(0, block));
  }
  return Buffer.concat(derived).subarray(0, length);
}

/** Returns the sum of each block of the input, the other block, and 1, modulo the block's size. */
function plusOneAnd(input: Buffer, other: Buffer): Buffer {
  const sum = Buffer.from(input);
  for (let start = 0; start < input.length; start += other.length) {
    let carry = 1;
    for (let at = other.length - 1; at >= 0; at--) {
      carry += sum[start + at]! + other[at]!;
      sum[start + at] = carry & 0xff;
      carry >>= 8;
    }
  }
  return sum;
}
