import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { optionOfFlag } from '../../src/migrate/certbot/flag-table.ts';
import { isOfDnsPlugin } from '../../src/migrate/certbot/plugin-flags.ts';
import { buildCertfleet, type Certfleet, type Ran, succeeded } from '../support/e2e.ts';
import { startPebble } from '../support/pebble.ts';
import { atEnd, bareEnvironment, freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// What a user of certbot types, with `certfleet` in front, and a real CA.

stopAllAfterwards();

describeWith(['pebble', 'pebble-challtestsrv'], 'command lines of certbot', () => {
  /** Two sites with a folder each, and a third folder in which a hook puts answers. */
  const sites: Record<string, string> = {};
  let run: (...words: readonly string[]) => Promise<Ran>;
  let configDir: string;
  let log: string;

  beforeAll(async () => {
    const [certfleet, httpPort] = await Promise.all([buildCertfleet() as Promise<Certfleet>, freePort()]);
    const pebble = await startPebble({ httpPort });
    for (const host of ['a.example.test', 'b.example.test', 'hook.example.test'])
      sites[host] = await temporaryFolder('webroot');
    const server = createServer(async (request, answer) => {
      const folder = sites[String(request.headers.host).split(':')[0]!];
      const file = await readFile(join(folder ?? '/none', request.url!)).catch(() => undefined);
      answer.writeHead(file ? 200 : 404).end(file);
    });
    await new Promise<void>((listening) => server.listen(httpPort, '127.0.0.1', listening));
    atEnd(() => void server.close());
    configDir = await temporaryFolder('letsencrypt');
    await chmod(configDir, 0o755);
    log = join(await temporaryFolder('log'), 'deployed');
    const configuration = join(await temporaryFolder('etc'), 'certfleet.yaml');
    await writeFile(
      configuration,
      JSON.stringify({
        issuers: { pebble: { directory: pebble.directoryUrl, caFile: pebble.caFile, test: true } },
        preflight: { resolvers: [pebble.dnsServer], http01Port: httpPort },
      }),
      { mode: 0o644 },
    );
    run = (...words) => certfleet(['--config', configuration, 'certbot', ...words, '--config-dir', configDir]);
  });

  const serial = async (name: string) =>
    new X509Certificate(await readFile(join(configDir, 'live', name, 'fullchain.pem'))).serialNumber;

  it('get, renew, list and delete a certificate', { timeout: 120_000 }, async () => {
    const [a, b] = ['a.example.test', 'b.example.test'];
    const first = await run(
      ...['certonly', '--webroot', '-w', sites[a]!, '-d', a, '-w', sites[b]!, '-d', b, '-n', '--agree-tos'],
      ...['-m', 'ops@example.com', '--deploy-hook', `echo "$RENEWED_DOMAINS" >> ${log}`],
    );
    succeeded(first);
    expect(first.stderr).toContain(
      `In certfleet’s own words: certfleet issue -d ${a},${b} --http webroot:${sites[a]},${sites[b]} --agree-tos`,
    );
    expect(await readFile(log, 'utf8')).toBe(`${a} ${b}\n`);
    const before = await serial(a);

    const none = await run('renew');
    succeeded(none);
    expect(none.stdout).toContain('not due yet');
    succeeded(await run('renew', '--cert-name', a, '--force-renewal', '-q'));
    expect(await serial(a)).not.toBe(before);
    expect((await run('certificates')).stdout).toMatch(/^a\.example\.test +valid /m);

    // As certbot: another certificate, which the same words find again.
    const both = await serial(a);
    const fewer = ['certonly', '--webroot', '-w', sites[a]!, '-d', a];
    succeeded(await run(...fewer));
    const other = await serial(`${a}-0001`);
    expect((await run(...fewer)).stdout).toContain(`${a}-0001: not due yet`);
    expect([await serial(a), await serial(`${a}-0001`)]).toEqual([both, other]);
    succeeded(await run('delete', '--cert-name', `${a}-0001`, '-n'));
    succeeded(await run('certonly', '--cert-name', a, '-d', a, '--key-type', 'rsa', '--rsa-key-size', '2048'));
    const smaller = new X509Certificate(await readFile(join(configDir, 'live', a, 'cert.pem')));
    expect([smaller.subjectAltName, smaller.publicKey.asymmetricKeyType]).toEqual([`DNS:${a}`, 'rsa']);

    expect((await run('delete', '--cert-name', a)).status).toBe(2);
    succeeded(await run('delete', '--cert-name', a, '-n'));
    expect((await run('certificates')).stdout).not.toContain(a);
  });

  it('renew by name, with flags, and run the programs in certbot’s folder', { timeout: 120_000 }, async () => {
    const b = 'b.example.test';
    const kinds = ['pre', 'deploy', 'post'];
    const ran = join(await temporaryFolder('ran'), 'log');
    for (const kind of kinds) {
      const folder = join(configDir, 'renewal-hooks', kind);
      await mkdir(folder, { recursive: true, mode: 0o755 });
      await writeFile(join(folder, 'tell'), `#!/bin/sh\necho ${kind} $RENEWED_LINEAGE >> ${ran}\n`, { mode: 0o755 });
      await writeFile(join(folder, 'not-executable'), `#!/bin/sh\necho no >> ${ran}\n`, { mode: 0o644 });
    }
    const said = async () => (await readFile(ran, 'utf8').catch(() => '')).trim().split('\n');
    const live = join(configDir, 'live', b);
    const first = await run('certonly', '--webroot', '-w', sites[b]!, '-d', b, '--agree-tos', '--no-directory-hooks');
    succeeded(first);
    expect(await said()).toEqual(['']);
    const before = await serial(b);

    const renewed = await run('renew', '-a', 'webroot', `--webroot-path=${sites[b]}`, '-d', b, '--force-renewal');
    succeeded(renewed);
    expect(await serial(b)).not.toBe(before);
    expect(await said()).toEqual(['pre', `deploy ${live}`, 'post']);
    // They are stored with it, so a job that has certfleet’s own words runs them, too.
    succeeded(await run('renew', '-d', b, '--force-renewal', '--quiet'));
    expect((await said()).slice(3)).toEqual(['pre', `deploy ${live}`, 'post']);
    await chmod(join(configDir, 'renewal-hooks/pre/tell'), 0o777);
    const refused = await run('renew');
    expect(refused).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('renewal-hooks/pre/tell cannot be trusted'),
    });
    await rm(join(configDir, 'renewal-hooks'), { recursive: true });
  });

  it('have certbot’s manual hooks answer', { timeout: 60_000 }, async () => {
    const host = 'hook.example.test';
    const file = `${sites[host]}/.well-known/acme-challenge/$CERTBOT_TOKEN`;
    const ran = await run(
      ...['certonly', '--manual', '--preferred-challenges', 'http', '-d', host, '--non-interactive', '--agree-tos'],
      ...['--manual-auth-hook', `mkdir -p $(dirname ${file}); printf %s "$CERTBOT_VALIDATION" > ${file}`],
      ...['--manual-cleanup-hook', `rm ${file}`, '--register-unsafely-without-email'],
    );
    succeeded(ran);
    expect(await serial(host)).toMatch(/^[0-9A-F]+$/);
  });
});

describeWith(['certbot'], 'the table of certbot’s options', () => {
  it('has every option of certbot itself', async () => {
    const { stdout } = await promisify(execFile)('certbot', ['--help', 'all'], { env: bareEnvironment() });
    const all = new Set(
      [...stdout.matchAll(/^ {2}(-.*?)(?: {2}|$)/gm)].flatMap(([, names]) => names!.match(/(?<![\w-])--?[a-z][\w-]*/g)),
    );
    expect(all.size).toBeGreaterThan(90);
    // The first belong to the program and not to a command; `-vvv` is only an example.
    const others = /^(-h|--help|--version|-vvv)$/;
    expect([...all].filter((flag) => !others.test(flag!) && !isOfDnsPlugin(flag!) && !optionOfFlag(flag!))).toEqual([]);
  });
});
