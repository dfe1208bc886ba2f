import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, type Ran, readLineage, succeeded } from '../support/e2e.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// What a user may choose of a certificate, at Pebble: keys, chains, dates, addresses, names that fail.

stopAllAfterwards();

describeWith(['pebble'], 'what is ordered of Pebble', () => {
  let certfleet: Certfleet;
  let pebble: Pebble;
  beforeAll(async () => {
    const options = { env: { PEBBLE_ALTERNATE_ROOTS: '2' }, domainBlocklist: ['blocked.test'] };
    [certfleet, pebble] = await Promise.all([buildCertfleet(), startPebble(options)]);
  });

  let folder: string;
  beforeEach(async () => {
    folder = await temporaryFolder('choices');
  });

  const run = (...args: readonly string[]): Promise<Ran> => certfleet([...args, '--store', join(folder, 'store')]);
  const issue = (names: string, ...flags: readonly string[]): Promise<Ran> =>
    run(
      ...['issue', '-d', names, '--issuer', pebble.directoryUrl, '--ca-file', pebble.caFile, '--agree-tos'],
      ...['--http', `standalone:[::]:${pebble.httpPort}`, '--http01-port', String(pebble.httpPort)],
      ...['--resolver', pebble.dnsServer, '--deploy', `files:${folder}`, ...flags],
    );
  const leafOf = async (name: string) => new X509Certificate(await readFile(join(folder, 'live', name, 'cert.pem')));
  const keyOf = (leaf: X509Certificate) => leaf.publicKey.export({ type: 'spki', format: 'pem' });

  itDrawn('conformance 13: a certificate for an IPv4 and an IPv6 address, over HTTP-01', async () => {
    succeeded(await issue('127.0.0.1,::1', '--name', 'addresses'));
    const leaf = await leafOf('addresses');
    expect(leaf.subjectAltName).toContain('IP Address:127.0.0.1');
    expect(leaf.subjectAltName).toContain('IP Address:0:0:0:0:0:0:0:1');
    expect(leaf.subject ?? '').not.toContain('127.0.0.1');
  });

  it('conformance 14: an international name is typed and shown in its letters, and ordered as xn--', async () => {
    const issued = await issue('bücher.test');
    succeeded(issued);
    expect(issued.stdout).toContain('xn--bcher-kva.test (bücher.test): issued');
    expect((await leafOf('xn--bcher-kva.test')).subjectAltName).toBe('DNS:xn--bcher-kva.test');
    for (const command of [['status'], ['show', 'bücher.test']])
      expect((await run(...command)).stdout).toContain('bücher.test');
  });

  itDrawn('an RSA key that stays, and is used again', async () => {
    succeeded(await issue('rsa.test', '--key-type', 'rsa2048', '--reuse-key', '--not-after', '30d'));
    const first = await leafOf('rsa.test');
    expect(first.publicKey.asymmetricKeyDetails).toMatchObject({ modulusLength: 2048 });
    const daysLeft = (Date.parse(first.validTo) - Date.now()) / 86_400_000;
    expect(daysLeft).toBeGreaterThan(29);
    expect(daysLeft).toBeLessThan(31);
    succeeded(await run('renew', '--force'));
    const second = await leafOf('rsa.test');
    expect(second.serialNumber).not.toBe(first.serialNumber);
    expect(keyOf(second)).toBe(keyOf(first));
    succeeded(await run('issue', 'rsa.test', '--key-type', 'p384', '--no-reuse-key'));
    expect((await leafOf('rsa.test')).publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'secp384r1' });
  });

  itDrawn('another chain by the common name of its root, and the usual one with a warning', async () => {
    const commonName = async (root: number) =>
      /CN=(.*)/.exec(new X509Certificate(await pebble.roots(root)).subject)?.[1];
    const other = await commonName(2);
    succeeded(await issue('chain.test', '--preferred-chain', other!));
    const { current } = await readLineage(join(folder, 'store'), 'chain.test');
    expect(current?.chain).toContain(other);
    const shown = await run('show', 'chain.test');
    expect(shown.stdout).toMatch(new RegExp(`^Chain .*${other}$`, 'm'));

    const absent = await run('issue', 'chain.test', '--preferred-chain', 'DST Root CA X3');
    succeeded(absent);
    expect(absent.stderr.replaceAll(/\s+/g, ' ')).toContain('offers no chain with "DST Root CA X3"');
    expect((await readLineage(join(folder, 'store'), 'chain.test')).current?.chain).toContain(await commonName(0));
  });

  it('conformance 10: the other names, if one is blocked and may be dropped', async () => {
    const failed = await issue('a.test,blocked.test');
    expect(failed.status).toBe(4);
    const issued = await issue('a.test,blocked.test', '--on-failed-name', 'drop');
    succeeded(issued);
    expect(issued.stdout).toContain('without blocked.test: ');
    expect((await leafOf('a.test')).subjectAltName).toBe('DNS:a.test');
    const again = await run('renew');
    succeeded(again);
    expect(again.stdout).toContain('not due yet');
    expect((await run('status')).stdout).toContain('a.test lacks blocked.test: ');
  });
});
