import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { acmeProblem } from '../support/acme-ca.ts';
import { dns, freshName, pki, simulatedBench } from '../support/protocol-bench.ts';
import { findProgram, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

// A simulated CA that only our own client understands would prove nothing.
describeWith(['acme-tiny', 'openssl', 'pebble-challtestsrv'], 'protocol: another client on the simulated CA', () => {
  test('acme-tiny gets a certificate that openssl verifies strictly', async () => {
    const run = promisify(execFile);
    const bench = await simulatedBench();
    const folder = await temporaryFolder('acme-tiny');
    const path = (name: string) => join(folder, name);
    await run('openssl', ['genrsa', '-out', path('account.pem'), '2048']);
    const keyPem = await pki.newKey();
    await writeFile(path('key.pem'), keyPem.reveal(), { mode: 0o600 });
    const name = freshName();
    const san = ['-subj', '/', '-addext', `subjectAltName=DNS:${name}`];
    await run('openssl', ['req', '-new', '-key', path('key.pem'), ...san, '-out', path('request.pem')]);
    // It writes token files; the bench's web server answers from memory.
    bench.simulated!.settings.validate = async (_identifier, { token }, keyAuthorization) =>
      (await readFile(path(token), 'utf8')) === keyAuthorization
        ? undefined
        : acmeProblem('unauthorized', 'another text');
    const args = ['--account-key', path('account.pem'), '--csr', path('request.pem'), '--acme-dir', folder];
    const { stdout } = await run(
      findProgram('acme-tiny')!,
      [...args, '--disable-check', '--directory-url', bench.proxy.directoryUrl, '--contact', 'mailto:a@example.com'],
      { env: { ...process.env, SSL_CERT_FILE: bench.proxy.caFile } },
    );
    const { certificates } = pki.readChain(stdout);
    expect(pki.mismatch(certificates[0]!, keyPem, dns(name), new Date())).toBeUndefined();
    await writeFile(path('root.pem'), bench.simulated!.rootPem);
    await writeFile(path('chain.pem'), stdout);
    const trust = ['-x509_strict', '-CAfile', path('root.pem'), '-untrusted', path('chain.pem')];
    expect((await run('openssl', ['verify', ...trust, path('chain.pem')])).stdout).toContain('OK');
    expect(bench.proxy.accepted('newOrder')).toBe(1);
  });
});
