import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyPairKeyObjectResult,
  X509Certificate,
} from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { rsaKeyPem } from '../../test/support/rsa-keys.ts';
import { sampled } from '../../test/support/seeded.ts';
import { longestSkewMs } from '../core/ca/clock-skew.ts';
import { remoteText } from '../core/errors/remote-text.ts';
import { Secret } from '../core/errors/secret.ts';
import type { Identifier } from '../core/names/identifier.ts';
import { parseCertificate } from './certificate.ts';
import { openKey } from './key.ts';
import { splitPem, toPem } from './pem.ts';
import { pki } from './pki.ts';
import { type TestParty, testCertificate, testParty } from './test-certificates.ts';

const now = new Date('2026-11-24T12:00:00Z');
const names: readonly Identifier[] = [
  { type: 'dns', value: 'example.test' },
  { type: 'dns', value: '*.example.test' },
  { type: 'ip', value: '192.0.2.1' },
  { type: 'ip', value: '2001:db8::a:0:1' },
];

// RFC 9773, Appendix A.
const rfc9773 = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
`;

let root: TestParty;
let intermediate: TestParty;
let key: Secret;
let rootPem: string;
let intermediatePem: string;
let leafPem: string;
const publicKeyOf = (secret: Secret) => createPublicKey(createPrivateKey(secret.reveal()));

beforeAll(async () => {
  root = testParty('Test Root');
  intermediate = testParty('Test Intermediate');
  key = await pki.newKey();
  rootPem = testCertificate({ subject: root.name, issuer: root, publicKey: createPublicKey(root.key), isCa: true });
  intermediatePem = testCertificate({
    subject: intermediate.name,
    issuer: root,
    publicKey: createPublicKey(intermediate.key),
    isCa: true,
  });
  leafPem = leaf();
});

const leaf = (over: Partial<Parameters<typeof testCertificate>[0]> = {}) =>
  testCertificate({ subject: '', issuer: intermediate, publicKey: publicKeyOf(key), identifiers: names, ...over });

test('a certificate that is remembered keeps no more memory than its own bytes', () => {
  const given = Buffer.concat([Buffer.alloc(8_192), splitPem(leaf())[0]!]);
  const { der } = parseCertificate(given.subarray(8_192));
  expect(der.buffer.byteLength).toBe(given.length - 8_192);
});

describe('newKey', () => {
  test('is a P-256 key in PKCS#8, different each time, and prints as ***', async () => {
    const pem = key.reveal();
    expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(createPrivateKey(pem).asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect((await pki.newKey()).reveal()).not.toBe(pem);
    const spki = createPublicKey(pem).export({ type: 'spki', format: 'der' });
    expect(Buffer.from(openKey(key).spkiDer).equals(spki)).toBe(true);
    expect(`${key} ${JSON.stringify({ key })}`).toBe('*** {"key":"***"}');
  });

  test.each([
    ['p256', () => key],
    ['rsa2048', () => new Secret(rsaKeyPem(2048))],
    [undefined, () => pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }))],
    [undefined, () => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }))],
    [undefined, () => pemOf(generateKeyPairSync('ed25519'))],
  ])('the type of a key is %s', (type, made) => {
    expect(pki.keyType(made())).toBe(type);
  });
});

const pemOf = ({ privateKey }: KeyPairKeyObjectResult): Secret =>
  new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());

describe('readChain', () => {
  test('keeps the order of the CA if it is right', () => {
    const { certificates } = pki.readChain(leafPem + intermediatePem + rootPem);
    expect(certificates).toEqual([leafPem, intermediatePem, rootPem]);
  });

  test.each([
    ['issuers swapped', () => leafPem + rootPem + intermediatePem],
    ['leaf last', () => rootPem + intermediatePem + leafPem],
    ['a certificate twice', () => leafPem + intermediatePem + leafPem + intermediatePem + rootPem],
  ])('repairs the order: %s', (_what, pem) => {
    expect(pki.readChain(pem()).certificates).toEqual([leafPem, intermediatePem, rootPem]);
  });

  test('keeps unrelated certificates at the end', () => {
    const stranger = testParty('Stranger');
    const strangerPem = testCertificate({
      subject: stranger.name,
      issuer: stranger,
      publicKey: createPublicKey(stranger.key),
      isCa: true,
    });
    const { certificates } = pki.readChain(leafPem + strangerPem + intermediatePem);
    expect(certificates).toEqual([leafPem, intermediatePem, strangerPem]);
  });

  test('reads a leaf without subject, common name and subject key identifier', () => {
    const { facts } = pki.readChain(leafPem);
    expect(facts).toMatchObject({
      identifiers: names,
      notBefore: '2026-11-24T11:00:00.000Z',
      notAfter: '2027-02-22T11:00:00.000Z',
      serial: '01',
      issuerName: 'CN=Test Intermediate',
    });
    const der = Buffer.from(leafPem.replace(/-----.*-----|\n/g, ''), 'base64');
    expect(facts.fingerprint).toBe(createHash('sha256').update(der).digest('hex'));
    const spki = publicKeyOf(key).export({ type: 'spki', format: 'der' });
    expect(facts.spkiFingerprint).toBe(createHash('sha256').update(spki).digest('hex'));
  });

  test('the ARI id of RFC 9773, with the leading zero of the serial', () => {
    const { facts } = pki.readChain(rfc9773);
    expect(facts.serial).toBe('0087654321');
    expect(facts.ariId).toBe('aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
  });

  test('no ARI id without an authority key identifier', () => {
    expect(pki.readChain(leaf({ withoutKeyIdentifier: true })).facts.ariId).toBeUndefined();
  });

  test.each([
    ['nothing', ''],
    ['a web page', '<html>no</html>'],
    ['a block that is not a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('says what is wrong: %s', (_what, text) => {
    expect(() => pki.readChain(text)).toThrow(/certificate/);
  });
});

describe('a damaged certificate', () => {
  // Certificates are opened by OpenSSL only when they must verify something.
  test('is refused where OpenSSL refuses it, except in the text of a name', () => {
    const der = Buffer.from(leafPem.replace(/-----.*-----|\n/g, ''), 'base64');
    const issuerText = der.indexOf('Test Intermediate');
    const fields = [...der.keys()].filter((at) => at < issuerText - 2 || at >= issuerText + 'Test Intermediate'.length);
    const isAccepted = (read: () => unknown): boolean => {
      try {
        read();
        return true;
      } catch {
        return false;
      }
    };
    const wrongly = sampled(fields, 120, 'damaged octets').flatMap((at) =>
      [0x00, 0x05, 0x80, der[at]! ^ 1].flatMap((octet) => {
        const damaged = Buffer.from(der);
        damaged[at] = octet;
        if (!isAccepted(() => parseCertificate(damaged)) || isAccepted(() => new X509Certificate(damaged))) return [];
        return [`octet ${at}: ${octet} in place of ${der[at]}`];
      }),
    );
    expect(wrongly).toEqual([]);
  });
});

describe('mismatch', () => {
  test('none', () => {
    expect(pki.mismatch(leafPem, key, names, now)).toBeUndefined();
    expect(pki.mismatch(leafPem, key, [...names].reverse(), now)).toBeUndefined();
  });

  test('another key', async () => {
    expect(pki.mismatch(leafPem, await pki.newKey(), names, now)).toBe('it is for another key');
  });

  test('a missing name, an extra name', () => {
    const more: Identifier = { type: 'dns', value: 'more.test' };
    expect(pki.mismatch(leafPem, key, [...names, more], now)).toBe('it does not name more.test');
    expect(pki.mismatch(leafPem, key, names.slice(1), now)).toBe('it also names example.test');
  });

  test('not yet valid, except for the slowest clock allowed; expired', () => {
    const at = (time: string) => pki.mismatch(leafPem, key, names, new Date(time));
    const slowestClock = Date.parse('2026-11-24T11:00:00Z') - longestSkewMs;
    expect(at(new Date(slowestClock).toISOString())).toBeUndefined();
    expect(at(new Date(slowestClock - 61_000).toISOString())).toBe('it is not valid before 2026-11-24T11:00:00.000Z');
    expect(at('2027-02-22T10:59:59Z')).toBeUndefined();
    expect(at('2027-02-22T11:00:00Z')).toBe('it expired at 2027-02-22T11:00:00.000Z');
  });

  test('not a certificate', () => {
    expect(pki.mismatch('hello', key, names, now)).toBe('it contains no certificate');
  });
});

describe('brokenChain', () => {
  const caPem = (subject: TestParty, issuer: TestParty, over: object = {}) =>
    testCertificate({ subject: subject.name, issuer, publicKey: createPublicKey(subject.key), isCa: true, ...over });
  const damaged = (pem: string): string => {
    const der = Buffer.from(pem.replace(/-----.*-----|\n/g, ''), 'base64');
    der[der.length - 3]! ^= 1;
    return toPem(der);
  };
  const broken = (pem: string, roots = '') => pki.brokenChain(pki.readChain(pem).certificates, roots, now);

  test('none', () => {
    expect(broken(leafPem + intermediatePem)).toBeUndefined();
    expect(broken(leafPem + intermediatePem + rootPem)).toBeUndefined();
    expect(broken(leafPem + rootPem + intermediatePem)).toBeUndefined();
  });

  test('a leaf alone is signed by a root that the operator trusts', () => {
    const byRoot = leaf({ issuer: root });
    expect(broken(byRoot, intermediatePem + rootPem)).toBeUndefined();
    expect(broken(byRoot, intermediatePem)).toMatch(/^it comes alone, .* CN=Test Root .*`caFile`/);
    expect(broken(leafPem)).toMatch(/^it comes alone, .* CN=Test Intermediate /);
    expect(broken(damaged(byRoot), rootPem)).toMatch(/^it comes alone/);
    expect(broken(byRoot, 'not a certificate')).toMatch(/^it comes alone/);
  });

  const namesake = testParty('Test Intermediate');
  const stranger = testParty('Stranger');
  test.each([
    ['a damaged leaf', () => damaged(leafPem) + intermediatePem, /Test Intermediate.* did not sign it/],
    [
      'a damaged intermediate',
      () => leafPem + damaged(intermediatePem) + rootPem,
      /CN=Test Root, .* CN=Test Intermediate in/,
    ],
    ['another key of the same name', () => leafPem + caPem(namesake, root), /Test Intermediate, .* did not sign it/],
    [
      'an unrelated certificate behind it',
      () => leafPem + caPem(stranger, stranger),
      /CN=Stranger, .* did not sign it/,
    ],
    [
      'an unrelated certificate at the end',
      () => leafPem + intermediatePem + caPem(stranger, stranger),
      /Stranger, which follows CN=Test Intermediate in its chain, did not sign it/,
    ],
    [
      'an issuer that is no CA',
      () => leafPem + caPem(intermediate, root, { isCa: false }),
      /Test Intermediate, .* did not sign it/,
    ],
    [
      'an expired issuer',
      () => leafPem + caPem(intermediate, root, { notAfter: '2026-11-24T11:59:59Z' }),
      /CN=Test Intermediate in its chain expired at 2026-11-24T11:59:59.000Z/,
    ],
    [
      'an issuer of tomorrow',
      () => leafPem + caPem(intermediate, root, { notBefore: '2026-11-25T12:00:00Z' }),
      /CN=Test Intermediate in its chain is not valid before 2026-11-25/,
    ],
  ])('%s', (_what, pem, words) => expect(broken(pem())).toMatch(words));
});

describe('what is stored of a certificate is small', () => {
  test('a serial number of 65 octets', () => {
    expect(() => pki.readChain(leaf({ serial: new Uint8Array(65).fill(1) }))).toThrow(
      'its serial number has 65 octets',
    );
  });

  test('an issuer with a long and dirty name', () => {
    const odd = testParty(`Odd\u202e\u001b[31m ${'x'.repeat(5_000)}`);
    const { facts } = pki.readChain(leaf({ issuer: odd }));
    expect(facts.issuerName.length).toBe(300);
    expect(facts.issuerName).toBe(remoteText(facts.issuerName));
  });

  test('the same name a hundred times', () => {
    const { facts } = pki.readChain(leaf({ identifiers: Array.from({ length: 100 }, () => names[0]!) }));
    expect(facts.identifiers).toEqual([names[0]]);
  });
});
