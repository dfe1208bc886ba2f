import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Identifier } from '../../src/core/names/identifier.ts';
import { pki } from '../../src/x509/pki.ts';

const openssl = (args: readonly string[], input: Uint8Array) =>
  spawnSync('openssl', [...args], { input, encoding: 'utf8', timeout: 30_000 });

const names = (count: number): readonly Identifier[] =>
  Array.from({ length: count }, (_, i) => ({ type: 'dns', value: `n${i}.example.test` }));

test('OpenSSL verifies a request with names, a wildcard and addresses, and an empty subject', async () => {
  const key = await pki.newKey();
  const der = await pki.csr(key, [
    { type: 'dns', value: 'example.test' },
    { type: 'dns', value: '*.example.test' },
    { type: 'ip', value: '192.0.2.1' },
    { type: 'ip', value: '2001:db8::ff:1' },
  ]);
  const { stdout, stderr, status } = openssl(['req', '-inform', 'DER', '-verify', '-noout', '-text'], der);
  expect(status).toBe(0);
  expect(stdout + stderr).toMatch(/verify OK/);
  expect(stdout).toContain(
    'DNS:example.test, DNS:*.example.test, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:FF:1',
  );
  expect(stdout).toMatch(/Subject: *\n/);
  const publicKey = openssl(['req', '-inform', 'DER', '-noout', '-pubkey'], der).stdout;
  const ours = createPublicKey(createPrivateKey(key.reveal())).export({ type: 'spki', format: 'pem' });
  expect(publicKey).toBe(ours);
});

test.each([
  ['p384', /Public-Key: \(384 bit\)[\s\S]*ecdsa-with-SHA384/],
  ['rsa2048', /Public-Key: \(2048 bit\)[\s\S]*sha256WithRSAEncryption/],
  ['rsa3072', /Public-Key: \(3072 bit\)[\s\S]*sha256WithRSAEncryption/],
  ['rsa4096', /Public-Key: \(4096 bit\)[\s\S]*sha256WithRSAEncryption/],
] as const)('OpenSSL verifies a request for a key of type %s', async (type, text) => {
  const key = await pki.newKey(type);
  expect(pki.keyType(key)).toBe(type);
  const der = await pki.csr(key, names(2));
  const { stdout, stderr, status } = openssl(['req', '-inform', 'DER', '-verify', '-noout', '-text'], der);
  expect(status).toBe(0);
  expect(stdout + stderr).toMatch(/verify OK/);
  expect(stdout).toMatch(text);
});

// Lengths of one, two and three bytes.
test.each([1, 5, 100])('OpenSSL verifies a request with %i names', async (count) => {
  const der = await pki.csr(await pki.newKey(), names(count));
  const { stdout, stderr, status } = openssl(['req', '-inform', 'DER', '-verify', '-noout', '-text'], der);
  expect(status).toBe(0);
  expect(stdout + stderr).toMatch(/verify OK/);
  expect(stdout.match(/DNS:/g)).toHaveLength(count);
});

test('reads certificates of OpenSSL: subject in UTF-8, addresses, leading zero of the serial', () => {
  const pem = execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-days', '30', '-utf8'],
      ...['-subj', '/O=Ünïcode/CN=x', '-set_serial', '0xFFEE', '-addext', 'basicConstraints=critical,CA:FALSE'],
      ...['-addext', 'subjectAltName=DNS:A.example.test,IP:::1,IP:10.0.0.1,email:a@b.test,URI:http://x/'],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const { certificates, facts } = pki.readChain(`x\r\n${pem.replaceAll('\n', '\r\n')}trailer`);
  expect(certificates).toHaveLength(1);
  expect(facts.identifiers).toEqual([
    { type: 'dns', value: 'a.example.test' },
    { type: 'ip', value: '::1' },
    { type: 'ip', value: '10.0.0.1' },
  ]);
  expect(facts.serial).toBe('00ffee');
  expect(facts.issuerName).toContain('CN=x');
});
