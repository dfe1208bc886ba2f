import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { needsOfCaddy, startCaddyCa } from '../support/caddy.ts';
import { buildCertfleet, succeeded } from '../support/e2e.ts';
import { temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// A CA that is not of the family of Boulder and Pebble: short lifetimes, no renewal information, no profiles.

stopAllAfterwards();

describeWith(needsOfCaddy, 'the ACME server of Caddy', () => {
  it('issues, renews and revokes', { timeout: 120_000 }, async () => {
    const names = ['a.example.test', 'b.example.test'];
    const [certfleet, ca, folder] = await Promise.all([
      buildCertfleet(),
      startCaddyCa(names),
      temporaryFolder('caddy-ca'),
    ]);
    const run = async (...words: readonly string[]) => {
      const ran = await certfleet([...words, '--store', join(folder, 'store')], { inside: ca.inside });
      succeeded(ran);
      return ran;
    };
    const read = async () => new X509Certificate(await readFile(join(folder, `out/live/${names[0]}/cert.pem`)));
    const root = new X509Certificate(await readFile(ca.rootFile));

    await run(
      ...['issue', '-d', names.join(','), '--issuer', ca.directoryUrl, '--ca-file', ca.rootFile, '--only-this-ca'],
      ...['--agree-tos', '--http', 'standalone', '--deploy', `files:${join(folder, 'out')}`],
    );
    const first = await read();
    expect(first.subjectAltName).toBe('DNS:a.example.test, DNS:b.example.test');
    const chain = await readFile(join(folder, `out/live/${names[0]}/chain.pem`), 'utf8');
    const issuer = new X509Certificate(chain);
    expect([first.verify(issuer.publicKey), issuer.verify(root.publicKey)]).toEqual([true, true]);
    // Half of a lifetime of twelve hours, since the CA suggests no time.
    const status = (await run('status')).stdout;
    expect(status).toMatch(/a\.example\.test +valid /);
    expect(status).toMatch(/\(in [56] hours\)/);

    expect((await run('renew')).stdout).toContain('not due yet');
    await run('renew', '--force');
    expect((await read()).serialNumber).not.toBe(first.serialNumber);

    await run('revoke', names[0]!, '--reason', 'superseded', '--yes');
    expect((await run('status')).stdout).toMatch(/a\.example\.test +revoked /);
  });
});
