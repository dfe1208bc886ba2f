import { execFile } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, documents, readLineage, stderrOf, succeeded } from '../support/e2e.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { sampled } from '../support/seeded.ts';
import { findProgram, temporaryFolder } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// What can be done with a certificate after it was issued, with Pebble.

stopAllAfterwards();

const execute = promisify(execFile);

let certfleet: Certfleet;
let pebble: Pebble;
let folder: string;
let store: string;
let flags: readonly string[];
beforeAll(async () => {
  [certfleet, pebble, folder] = await Promise.all([buildCertfleet(), startPebble(), temporaryFolder('life')]);
  store = join(folder, 'store');
  flags = [
    ...[
      '--issuer',
      pebble.directoryUrl,
      '--ca-file',
      pebble.caFile,
      '--agree-tos',
      '--http01-port',
      String(pebble.httpPort),
    ],
    ...['--http', `standalone:127.0.0.1:${pebble.httpPort}`, '--resolver', pebble.dnsServer],
  ];
});
const run = (...args: readonly string[]) => certfleet([...args, '--store', store]);
const issue = async (name: string, ...more: readonly string[]) =>
  succeeded(await run('issue', '-d', name, ...flags, '--deploy', `files:${join(folder, 'certs')}`, ...more));
const filesOf = async (name: string) => ({
  cert: join(folder, 'certs/live', name, 'cert.pem'),
  key: join(folder, 'certs/live', name, 'privkey.pem'),
});
const served = async (name: string) => new X509Certificate(await readFile((await filesOf(name)).cert));
const atCa = (serial: string) => pebble.certificateStatus(serial);

describe('certfleet revoke', () => {
  it('after a compromised key delivers another certificate with a new key', async () => {
    const name = 'compromised.example.test';
    await issue(name, '--reuse-key');
    const before = await served(name);
    const { current } = await readLineage(store, name);
    const done = await run('revoke', name, '--reason', 'keyCompromise', '--yes');
    succeeded(done);
    expect(done.stdout).toMatch(/^compromised\.example\.test: revoked \(serial [0-9a-f]+, keyCompromise\)\n/);
    expect(done.stdout).toContain('compromised.example.test: renewed, valid until');
    expect(await atCa(current!.facts.serial)).toBe('Revoked');
    const after = await served(name);
    expect(after.publicKey.equals(before.publicKey)).toBe(false);
    expect(await atCa(after.serialNumber.toLowerCase())).toBe('Valid');
    // Both are one run.
    const history = await run('show', name, '--history');
    succeeded(history);
    expect(history.stdout).toMatch(
      /^\d{4}-\d\d-\d\d .*: revoked, renewed and delivered, [\d.]+ s\n {2}Run by +`certfleet revoke` on /,
    );
    expect(history.stdout).toMatch(
      /\n\n.*: issued and delivered, .*\n {2}Run by +`certfleet issue` on .*\n {2}Version .*\n {2}Steps +checks [\d.]+ s, order/,
    );
  });

  itDrawn('for another reason ends the renewals, and issue gets another one', async () => {
    const name = 'over.example.test';
    await issue(name);
    const refused = await run('revoke', name);
    expect([refused.status, stderrOf(refused)]).toEqual([2, expect.stringContaining('Add --yes')]);
    succeeded(await run('revoke', name, '--reason', 'cessationOfOperation', '--yes'));
    const again = await run('revoke', name, '--reason', 'cessationOfOperation', '--yes');
    succeeded(again);
    expect(again.stdout).toContain('over.example.test: had been revoked before');
    expect((await run('status', name)).stdout).toMatch(/^over\.example\.test +revoked .* never /m);
    const renewed = await run('renew', '--name', name);
    succeeded(renewed);
    expect(renewed.stdout).toContain('it was revoked (cessationOfOperation), so it is not renewed');
    const issued = await run('issue', name);
    succeeded(issued);
    expect(issued.stdout).toContain('over.example.test: renewed');
    // Deleted once it is revoked and has no target but a hook.
    succeeded(await run('issue', name, '--deploy', 'none', '--deploy-hook', 'true'));
    succeeded(await run('revoke', name, '--yes'));
    const deleted = await run('delete', name);
    succeeded(deleted);
    expect(deleted.stdout).not.toContain('stays valid');
    expect(deleted.stdout).toContain('The deploy hook does not run any more');
  });

  itDrawn('of a certificate in a file needs its key only', async () => {
    const name = 'file.example.test';
    await issue(name);
    const { cert, key } = await filesOf(name);
    const elsewhere = join(folder, 'other-store');
    succeeded(await certfleet(['issue', '-d', 'other.example.test', ...flags, '--store', elsewhere]));
    const ca = ['--issuer', pebble.directoryUrl, '--ca-file', pebble.caFile, '--yes', '--store', elsewhere];
    // Pebble does not let another account revoke it.
    const refused = await certfleet(['revoke', '--cert-path', cert, ...ca]);
    expect(refused.status).toBe(4);
    const withKey = ['revoke', '--cert-path', cert, '--key-path', key, '--reason', 'superseded', ...ca];
    // Another key is refused before the CA is asked.
    const otherKey = join(elsewhere, 'other.key');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(otherKey, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const withOther = await certfleet(['revoke', '--cert-path', cert, '--key-path', otherKey, ...ca]);
    expect(withOther.status).toBe(2);
    expect(withOther.stderr).toContain('the key does not belong to this certificate');
    // The key is enough, even without a store.
    succeeded(await certfleet([...withKey, '--store', join(folder, 'no-store')]));
    await expect(stat(join(folder, 'no-store'))).rejects.toThrow('ENOENT');
    succeeded(await certfleet(withKey));
    expect(await atCa((await served(name)).serialNumber.toLowerCase())).toBe('Revoked');
    // The store that has it knows it by its content.
    const known = await run('revoke', '--cert-path', cert, '--reason', 'superseded', '--yes');
    succeeded(known);
    expect(known.stdout).toContain('file.example.test: had been revoked before');
    expect(known.stdout).toMatch(/the next `certfleet renew[^`]*` gets another certificate/);
    succeeded(await run('renew', '--name', name));
    expect(await atCa((await served(name)).serialNumber.toLowerCase())).toBe('Valid');
  });
});

itDrawn(
  'certfleet export writes PKCS#12 that OpenSSL and Java read, in the modern form and the old one, and PEM',
  async () => {
    const name = 'exported.example.test';
    const secret = 'correct horse';
    const env = { PW: secret };
    const openssl = (file: string, ...more: readonly string[]) =>
      execute('openssl', ['pkcs12', '-in', file, '-passin', `pass:${secret}`, '-nodes', ...more]);
    await issue(name);
    const expected = await served(name);
    const forms = [
      [[], /PBES2, PBKDF2, AES-256-CBC, Iteration \d+, PRF hmacWithSHA256/],
      [['--legacy'], /pbeWithSHA1And3-KeyTripleDES-CBC/],
    ] as const;
    const javaReads = sampled(forms, 1, 'forms that Java reads');
    for (const form of forms) {
      const [flags, info] = form;
      const out = join(folder, `${flags.length}.p12`);
      const args = ['export', name, '--out', out, '--password', 'env:PW', ...flags, '--store', store];
      succeeded(await certfleet(args, { env }));
      expect((await stat(out)).mode & 0o777).toBe(0o600);
      const { stdout, stderr } = await openssl(out, '-info', ...flags.map(() => '-legacy'));
      expect(stderr).toMatch(info);
      expect(stderr).toContain(flags.length === 0 ? 'MAC: sha256' : 'MAC: sha1');
      expect(new X509Certificate(stdout.slice(stdout.indexOf('-----BEGIN CERT'))).fingerprint).toBe(
        expected.fingerprint,
      );
      expect(expected.checkPrivateKey(createPrivateKey(stdout.slice(stdout.indexOf('-----BEGIN PRIVATE'))))).toBe(true);
      if (findProgram('keytool') === undefined || !javaReads.includes(form)) continue;
      const java = await execute('keytool', ['-list', '-v', '-keystore', out, '-storepass', secret]);
      expect(java.stdout).toContain('Entry type: PrivateKeyEntry');
      expect(java.stdout).toContain('Certificate chain length: 2');
      expect(java.stdout).toContain(`Alias name: ${name}`);
    }
    const pem = join(folder, 'one.pem');
    const done = await run('export', name, '--out', pem, '--json');
    succeeded(done);
    expect(done.events.map(({ event }) => event)).toContain('certificate.exported');
    const text = await readFile(pem, 'utf8');
    expect(new X509Certificate(text.slice(text.indexOf('-----BEGIN CERT'))).fingerprint).toBe(expected.fingerprint);
    expect(expected.checkPrivateKey(createPrivateKey(text))).toBe(true);
    // The store remembers where its key went.
    const { exports: audited } = await readLineage(store, name);
    expect(audited?.map(({ format, to }) => [format, to])).toEqual([
      ['pkcs12', join(folder, '0.p12')],
      ['pkcs12', join(folder, '1.p12')],
      ['pem', pem],
    ]);
    expect((await run('show', name)).stdout.replaceAll(/\s+/g, ' ')).toContain(`to ${pem}`);
  },
);

describe('certfleet rollback', () => {
  it('delivers the version before, and renew leaves it', async () => {
    const name = 'back.example.test';
    await issue(name);
    const first = await served(name);
    succeeded(await run('issue', name, '--force'));
    expect((await served(name)).fingerprint).not.toBe(first.fingerprint);
    const done = await run('rollback', name);
    succeeded(done);
    expect(done.stdout).toMatch(/^back\.example\.test: went back to the previous version; valid until /);
    expect((await served(name)).fingerprint).toBe(first.fingerprint);
    const renewed = await run('renew', '--name', name);
    succeeded(renewed);
    expect(renewed.stdout).toContain('it was rolled back, and is not due yet');
    expect((await served(name)).fingerprint).toBe(first.fingerprint);
    expect((await run('status', name)).stdout).toContain('back.example.test was rolled back on');
  });
});

itDrawn(
  'certfleet renew --dry-run orders a test certificate for each, delivers and keeps nothing, and runs no deploy hook',
  async () => {
    const own = join(folder, 'declared');
    const [config, log] = [join(folder, 'certfleet.yaml'), join(folder, 'log')];
    const ca = { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true };
    const hooks = { pre: `echo pre >> ${log}`, post: `echo post >> ${log}`, deploy: `echo deploy >> ${log}` };
    const certificate = (name: string, more: object = {}) => ({
      ...{ name, identifiers: [`${name}.example.test`], issuer: 'pebble', solver: 'web', deploy: ['files'] },
      ...more,
    });
    const written = (cert: object) => ({
      store: { type: 'file', path: own },
      issuers: { pebble: { ...ca, test: true }, other: { ...ca, test: false } },
      solvers: { web: { type: 'http01-responder', listen: `127.0.0.1:${pebble.httpPort}` } },
      deployers: { files: { type: 'files', path: join(folder, 'dry') } },
      certificates: [certificate('one', { hooks }), certificate('two', { hooks }), cert],
      preflight: { resolvers: [pebble.dnsServer], http01Port: pebble.httpPort },
    });
    const other = certificate('other', { issuer: 'other', identifiers: ['other.example.com'] });
    await writeFile(config, JSON.stringify(written(other)));
    succeeded(await certfleet(['issue', 'one', '--config', config]));
    await writeFile(log, '');
    const stored = async () =>
      Promise.all(
        (['lineage', 'key', 'version'] as const).map(async (kind) => [...(await documents(own, kind))].sort()),
      );
    const before = await stored();
    const done = await certfleet(['renew', '--dry-run', '--config', config]);
    succeeded(done);
    expect(done.stdout).toContain('one: the dry run succeeded');
    expect(done.stdout).toContain('two: the dry run succeeded');
    expect(done.stdout).toContain('other: not tried, because other has no test directory');
    expect(await stored()).toEqual(before);
    expect(await readFile(log, 'utf8')).toBe('pre\npost\n');
    const nothing = await certfleet(['renew', 'other', '--dry-run', '--config', config]);
    expect([nothing.status, stderrOf(nothing)]).toEqual([2, expect.stringContaining('`testDirectory` on the issuer')]);
    // One that would fail is named, and the others are tried all the same.
    await writeFile(
      config,
      JSON.stringify(written(certificate('bad', { identifiers: ['bad.blocked-domain.example'] }))),
    );
    const failed = await certfleet(['renew', '--dry-run', '--config', config]);
    expect(failed.status).toBe(4);
    expect(failed.stdout).toContain('two: the dry run succeeded');
    expect(stderrOf(failed)).toContain('bad');
    expect(await stored()).toEqual(before);
  },
);

itDrawn('certfleet edit opens the stored settings in $EDITOR, and stores what was changed', async () => {
  const name = 'edited.example.test';
  await issue(name);
  const edit = (editor: string) =>
    certfleet(['edit', name, '--store', store], { env: { EDITOR: editor, TMPDIR: folder } });
  const done = await edit("sed -i 's/deploy:.*/deploy: []\\n    keyType: p384/; /- files:/d'");
  succeeded(done);
  expect(stderrOf(done)).toContain('key type: none → p384');
  expect(done.stdout).toContain('edited.example.test: renewed');
  const { spec, current } = await readLineage(store, name);
  expect([spec.targets, current?.keyType]).toEqual([[], 'p384']);
  const wrong = await edit("sed -i 's/keyType: .*/keyType: dsa/'");
  expect(wrong.status).toBe(2);
  const [, kept = ''] = /is in (\S+)/.exec(stderrOf(wrong)) ?? [];
  expect(await readFile(kept, 'utf8')).toContain('keyType: dsa');
  expect((await readLineage(store, name)).spec).toEqual(spec);
});
