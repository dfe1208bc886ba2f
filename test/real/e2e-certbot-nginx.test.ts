import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { buildCertfleet, type Ran, stderrOf, succeeded } from '../support/e2e.ts';
import { localHttps } from '../support/https.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { findProgram, freePort, portAccepts, startService, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// `certbot --nginx`, as certbot's users type it, at a real nginx.

stopAllAfterwards();

describeWith(['nginx', 'pebble', 'pebble-challtestsrv'], '`certfleet certbot --nginx`', () => {
  let run: (...words: readonly string[]) => Promise<Ran>;
  let plain: (...words: readonly string[]) => Promise<Ran>;
  let nginx: (...args: readonly string[]) => Promise<unknown>;
  let pebble: Pebble;
  let [folder, sites, configDir, ctl] = ['', '', '', ''];
  let [httpPort, tlsPort] = [0, 0];

  beforeAll(async () => {
    const [certfleet, ...ports] = await Promise.all([buildCertfleet(), freePort(), freePort()]);
    [httpPort, tlsPort] = ports;
    [folder, configDir] = [await temporaryFolder('certbot-nginx'), await temporaryFolder('letsencrypt')];
    await chmod(configDir, 0o755);
    [sites, ctl] = [join(folder, 'sites'), join(folder, 'nginx')];
    for (const name of [sites, join(folder, 'www')]) await mkdir(name, { mode: 0o755 });
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    await writeFile(
      join(folder, 'nginx.conf'),
      `${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr notice;
events { worker_connections 64; }
http {
  access_log off;
${temporary.map((kind) => `  ${kind}_temp_path ${folder}/t-${kind};`).join('\n')}
  include sites/*.conf;
}
`,
    );
    // This one needs no rights to write /var/log.
    const program = findProgram('nginx', 'system')!;
    await writeFile(ctl, `#!/bin/sh\nexec ${program} -e stderr -p ${folder} "$@"\n`, { mode: 0o755 });
    const { certFile, keyFile } = await localHttps();
    await writeFile(
      join(sites, 'ab.conf'),
      `server {
  listen 127.0.0.1:${httpPort};
  server_name a.test b.test;
  root ${folder}/www;
  location / { try_files $uri =404; }
}
server {
  listen 127.0.0.1:${tlsPort} ssl;
  server_name a.test;
  root ${folder}/www;
  ssl_certificate ${certFile};
  ssl_certificate_key ${keyFile};
}
`,
    );
    nginx = (...args) => promisify(execFile)(ctl, ['-c', join(folder, 'nginx.conf'), ...args]);
    const args = ['-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'];
    const ready = async () =>
      (await portAccepts(httpPort)) &&
      (await readFile(join(folder, 'nginx.pid'), 'utf8').then(
        (text) => text !== '',
        () => false,
      ));
    await startService({ name: 'nginx', program: ctl, args, ready });
    pebble = await startPebble({ httpPort });
    const configuration = join(await temporaryFolder('etc'), 'certfleet.yaml');
    const settings = {
      issuers: { pebble: { directory: pebble.directoryUrl, caFile: pebble.caFile, test: true } },
      preflight: { resolvers: [pebble.dnsServer], http01Port: httpPort },
    };
    await writeFile(configuration, JSON.stringify(settings), { mode: 0o644 });
    plain = (...words) => certfleet(['--config', configuration, '--store', join(configDir, 'certfleet'), ...words]);
    run = (...words) => certfleet(['--config', configuration, 'certbot', ...words, '--config-dir', configDir]);
  });

  const server = () => ['--nginx-ctl', ctl, '--nginx-server-root', folder];
  const served = (name: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: tlsPort, servername: name, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerX509Certificate()!.serialNumber);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  const serial = async (name: string) => {
    const { stdout } = await promisify(execFile)('openssl', [
      ...['x509', '-noout', '-serial', '-in', join(configDir, 'live', name, 'fullchain.pem')],
    ]);
    return stdout.trim().replace('serial=', '');
  };

  it('gets, delivers and renews, and prints what to add', { timeout: 180_000 }, async () => {
    const before = await readFile(join(sites, 'ab.conf'), 'utf8');
    const first = await run('--nginx', ...server(), '-d', 'a.test', '-d', 'b.test', '-n', '--agree-tos');
    succeeded(first);
    expect(first.stderr).toContain(
      `certfleet issue -d a.test,b.test --http webroot:${folder}/www --agree-tos --deploy nginx:${configDir} --nginx-ctl ${ctl} --nginx-server-root ${folder}`,
    );
    expect(await readFile(join(sites, 'ab.conf'), 'utf8')).toBe(before);
    const chain = `${configDir}/live/a.test/fullchain.pem`;
    expect(first.stdout).toContain(`${sites}/ab.conf:11: ssl_certificate ${chain}; (in place of `);

    // As it says.
    const changes = [...first.stdout.matchAll(/^.*ab\.conf:\d+: ((\S+) \S+;) \(in place of (\S+)\)$/gm)];
    expect(changes).toHaveLength(2);
    let text = before;
    for (const [, line = '', directive = '', old = ''] of changes) text = text.replace(`${directive} ${old};`, line);
    const [block = ''] = /^server \{\n[\s\S]*^\}$/m.exec(first.stdout) ?? [];
    expect(block).toMatch(/^ {4}listen 443 ssl;\n {4}server_name b\.test;\n/m);
    expect(block).toContain('try_files $uri =404;');
    await writeFile(join(sites, 'ab.conf'), `${text}${block.replace('443', `127.0.0.1:${tlsPort}`)}\n`);
    await nginx('-t');
    await nginx('-s', 'reload');
    const now = await serial('a.test');
    for (const name of ['a.test', 'b.test'])
      await until(async () => (await served(name)) === now, { what: `nginx serves it for ${name}` });

    succeeded(await run('renew', '--nginx', '--cert-name', 'a.test', '--force-renewal'));
    expect(await serial('a.test')).not.toBe(now);
    for (const name of ['a.test', 'b.test'])
      await until(async () => (await served(name)) === (await serial('a.test')), { what: `it is renewed for ${name}` });
    // Everything is in its place.
    const again = await run('--nginx', ...server(), '-d', 'a.test', '-d', 'b.test', '-n');
    succeeded(again);
    expect(again.stdout).not.toContain('certfleet edits no configuration');
  });

  it('says what to add where nginx redirects everything, and goes on after that', { timeout: 120_000 }, async () => {
    const site = (more: string) =>
      writeFile(
        join(sites, 'c.conf'),
        `server {\n  ${more}\n  listen 127.0.0.1:${httpPort};\n  server_name c.test;\n  return 301 https://$host$request_uri;\n}\n`,
      );
    await site('');
    await nginx('-s', 'reload');
    const line = ['certonly', '--nginx', ...server(), '-d', 'c.test', '-n', '--agree-tos'];
    const refused = await run(...line);
    expect(refused.status).toBe(2);
    const said = stderrOf(refused);
    expect(said).toContain(`${sites}/c.conf:5 answers every request with \`return\``);
    expect(said).toContain(`as the first line of the server block at ${sites}/c.conf:1, reload nginx`);
    const [, own = ''] = /Run `certfleet (stateless .*?) > \S+`/.exec(said) ?? [];
    const snippet = await plain(...own.replace(/ --(config|store) \S+/g, '').split(' '));
    succeeded(snippet);
    const file = join(folder, 'certfleet-challenges.conf');
    await writeFile(file, snippet.stdout);
    await site(`include ${file};`);
    await nginx('-s', 'reload');
    const done = await run(...line);
    succeeded(done);
    expect(done.stderr).toContain('certfleet issue -d c.test --http stateless');
    // The block to add redirects nothing.
    expect(done.stdout).toContain('server_name c.test;');
    expect(done.stdout).not.toContain('return 301');
  });
});
