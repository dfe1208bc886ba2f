import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import { nameWithMark } from '../../core/request-path/own-mark.ts';
import { keyFor, pemOf, type ServerCertificate, superseded } from './clb-certificates.ts';

const pkcs8 = (key: { export(options: { type: 'pkcs8'; format: 'pem' }): string | Buffer }) =>
  new Secret(key.export({ type: 'pkcs8', format: 'pem' }).toString());

describe('keyFor', () => {
  it.each(['P-256', 'P-384', 'P-521'])('writes ECDSA on %s as EC PRIVATE KEY', (namedCurve) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve });
    const form = keyFor(pkcs8(privateKey)).reveal();
    const [, parameters, key = ''] =
      /^-----BEGIN EC PARAMETERS-----\n(.+)\n-----END EC PARAMETERS-----\n(-----BEGIN EC PRIVATE KEY-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END EC PRIVATE KEY-----\n)$/.exec(
        form,
      ) ?? [];
    expect(createPrivateKey(key).equals(privateKey)).toBe(true);
    // The same OID is in the public key.
    const der = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('hex');
    expect(der).toContain(Buffer.from(parameters ?? '', 'base64').toString('hex'));
  });

  it('writes RSA as RSA PRIVATE KEY', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const form = keyFor(pkcs8(privateKey)).reveal();
    expect(form).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/);
    expect(createPrivateKey(form).equals(privateKey)).toBe(true);
  });

  it.each([
    ['RSA-1536', () => generateKeyPairSync('rsa', { modulusLength: 1536 })],
    ['ed25519', () => generateKeyPairSync('ed25519')],
    ['secp256k1', () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' })],
  ] as const)('refuses %s in words', (name, make) => {
    expect(() => keyFor(pkcs8(make().privateKey))).toThrow(`Alibaba CLB takes no ${name} keys, only RSA with`);
  });
});

it('writes certificates with 64 characters a line and nothing between them', () => {
  const body = 'QUJD'.repeat(30);
  const odd = `subject=CN\r\n-----BEGIN CERTIFICATE-----\r\n${body}\r\n-----END CERTIFICATE-----\r\n\r\n`;
  const lines = [body.slice(0, 64), body.slice(64)].join('\n');
  const one = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
  expect(pemOf(odd + odd)).toBe(one + one);
});

it('gives up uploads only of the same owner that a newer one supersedes, the oldest first', () => {
  const now = new Date('2026-11-24T12:00:00Z');
  const made = (id: string, hours: number, more: Partial<ServerCertificate> & { owner?: string } = {}) => ({
    id,
    name: nameWithMark({ owner: more.owner ?? 'aaaaaaaaaaaa', expires: now, id: '000000000001' }),
    fingerprint: '',
    names: undefined,
    createdMs: now.getTime() - hours * 3_600_000,
    lineage: 'www',
    ...more,
  });
  const all = [
    made('newest', 2),
    made('older', 24),
    made('oldest', 48),
    made('other lineage', 99, { lineage: 'api' }),
    made('other owner', 99, { owner: 'bbbbbbbbbbbb' }),
    made('unknown lineage', 99, { lineage: undefined }),
    made('by hand', 99, { name: 'www' }),
    made('just made', 0.5, { lineage: 'new' }),
    made('just superseded', 0.9, { lineage: 'new' }),
  ];
  expect(superseded(all, { owner: 'aaaaaaaaaaaa', now }).map(({ id }) => id)).toEqual(['oldest', 'older']);
});
