import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import { pki } from './pki.ts';

const now = new Date('2026-11-24T12:00:00Z');
const keyAuthorization = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs';
const dns = { type: 'dns', value: 'www.example.com' } as const;
const identifiers = [dns, { type: 'ip', value: '192.0.2.1' }, { type: 'ip', value: '2001:db8::1' }] as const;
const make = async (identifier: (typeof identifiers)[number], at = now) =>
  new X509Certificate(pki.alpnCertificate(await pki.newKey(), { identifier, keyAuthorization }, at));

test.each(identifiers)(
  'the certificate for $value is self-signed, with one name and the digest, critical',
  async (one) => {
    const certificate = await make(one);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subject).toBe(certificate.issuer);
    const value = one.value === '2001:db8::1' ? '2001:DB8:0:0:0:0:0:1' : one.value;
    expect(certificate.subjectAltName).toBe(`${one.type === 'dns' ? 'DNS' : 'IP Address'}:${value}`);
    const digest = createHash('sha256').update(keyAuthorization).digest('hex');
    // id-pe-acmeIdentifier, TRUE, an OCTET STRING of 34 octets with one of 32 (RFC 8737 §3)
    expect(certificate.raw.toString('hex')).toContain(`06082b0601050507011f0101ff042204${'20'}${digest}`);
    expect(pki.answersAlpn(certificate.raw, one, keyAuthorization)).toBe(true);
  },
);

describe('another certificate is no answer', () => {
  it('is for another name, another key authorization, or not a certificate', async () => {
    const { raw } = await make(dns);
    expect(pki.answersAlpn(raw, { type: 'dns', value: 'example.com' }, keyAuthorization)).toBe(false);
    expect(pki.answersAlpn(raw, dns, `${keyAuthorization}x`)).toBe(false);
    expect(pki.answersAlpn(raw.subarray(1), dns, keyAuthorization)).toBe(false);
  });
});

test('it is valid now, also after 2049', async () => {
  const { validFrom, validTo } = await make(dns, new Date('2050-01-01T00:00:00Z'));
  expect([new Date(validFrom), new Date(validTo)]).toEqual([
    new Date('2049-12-31T00:00:00Z'),
    new Date('2050-01-08T00:00:00Z'),
  ]);
});
