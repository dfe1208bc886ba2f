import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AcmeProxy, startAcmeProxy } from './acme-proxy.ts';
import { type Pebble, startPebble } from './pebble.ts';
import { atEnd, bareEnvironment, temporaryFolder } from './service.ts';

export const certbotPrograms = ['certbot', 'pebble', 'pebble-challtestsrv'] as const;

/** Debian's certbot with one configuration folder, at a Pebble behind a proxy that counts. */
export interface Certbot {
  readonly pebble: Pebble;
  readonly proxy: AcmeProxy;
  /** The configuration folder. */
  readonly root: string;
  /** What the hooks write into. */
  readonly log: string;
  /** The folders that the web server serves. */
  readonly webroots: readonly [string, string];
  /** Runs certbot with a configuration folder; resolves with all its output. */
  run(root: string, ...args: readonly string[]): Promise<string>;
}

/**
 * A folder with what years leave behind: a webroot map, hooks and a key that stays; another kind of key and wishes of the
 * order, renamed by hand; a second account; a lineage with a broken link, and a half-written renewal file.
 */
export async function startCertbot(): Promise<Certbot> {
  const folder = await temporaryFolder('certbot');
  const [root, other, log] = [join(folder, 'etc'), join(folder, 'other'), join(folder, 'log')];
  const webroots = [join(folder, 'www/a'), join(folder, 'www/b')] as const;
  for (const path of webroots) await mkdir(path, { recursive: true });
  const pebble = await startPebble();
  const proxy = await startAcmeProxy(pebble);
  await serve(pebble.httpPort, webroots);
  const execute = promisify(execFile);
  const run: Certbot['run'] = async (config, ...args) => {
    const own = ['--config-dir', config, '--work-dir', `${config}-work`, '--logs-dir', `${config}-logs`, '-n'];
    const env = { ...bareEnvironment(), REQUESTS_CA_BUNDLE: proxy.caFile };
    const { stdout, stderr } = await execute('certbot', [...args, ...own], { env });
    return `${stdout}${stderr}`;
  };
  const order = (config: string, ...args: readonly string[]) =>
    run(
      config,
      'certonly',
      '--webroot',
      ...args,
      '--server',
      proxy.directoryUrl,
      '--agree-tos',
      '-m',
      'ops@example.test',
    );
  const [a, b] = webroots;
  await Promise.all([
    (async () => {
      await order(
        root,
        ...['-w', a, '-d', 'a.example.test', '-w', b, '-d', 'b.example.test', '--key-type', 'rsa', '--reuse-key'],
        ...['--pre-hook', `echo pre >> ${log}`, '--post-hook', `echo post >> ${log}`],
        ...['--deploy-hook', `echo "deploy $RENEWED_LINEAGE" >> ${log}`],
      );
      const wishes = ['--elliptic-curve', 'secp384r1', '--must-staple', '--preferred-chain', 'Pebble Root CA'];
      await order(root, '-w', a, '-d', 'p384.example.test', '--cert-name', 'Old Name', ...wishes);
    })(),
    order(other, '-w', b, '-d', 'second.example.test'),
  ]);
  await rename(root, 'Old Name', 'New Name');
  await merge(other, root);
  const live = join(root, 'live/broken.example.test');
  await mkdir(live);
  const conf = await readFile(join(root, 'renewal/a.example.test.conf'), 'utf8');
  await writeFile(
    join(root, 'renewal/broken.example.test.conf'),
    conf.replaceAll('live/a.example.test', 'live/broken.example.test'),
  );
  for (const kind of ['cert', 'chain', 'fullchain', 'privkey'])
    await symlink(`../../archive/broken.example.test/${kind}1.pem`, join(live, `${kind}.pem`));
  await writeFile(join(root, 'renewal/half.example.test.conf'), conf.slice(0, conf.indexOf('fullchain =')));
  const hook = join(root, 'renewal-hooks/deploy/10-log.sh');
  await writeFile(hook, `#!/bin/sh\necho "folder $RENEWED_LINEAGE" >> ${log}\n`);
  await chmod(hook, 0o755);
  await writeFile(log, '');
  return { pebble, proxy, root, log, webroots, run };
}

/** Serves challenges on the CA's port, as a web server that has all names. */
async function serve(port: number, folders: readonly string[]): Promise<void> {
  const find = (url: string): Buffer | undefined => {
    for (const folder of folders) {
      try {
        return readFileSync(join(folder, url));
      } catch {
        // In the next one, perhaps.
      }
    }
    return undefined;
  };
  const server = createServer((request, response) => {
    const found = find(request.url ?? '');
    response.writeHead(found ? 200 : 404).end(found);
  });
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  atEnd(() => void server.close().closeAllConnections());
}

/** As people rename a certificate: its renewal file alone. */
async function rename(root: string, from: string, to: string): Promise<void> {
  await cp(join(root, `renewal/${from}.conf`), join(root, `renewal/${to}.conf`));
  await rm(join(root, `renewal/${from}.conf`));
}

/** Puts the accounts and lineages of one folder into another. */
async function merge(from: string, into: string): Promise<void> {
  for (const part of ['accounts', 'live', 'archive'])
    await cp(join(from, part), join(into, part), { recursive: true, verbatimSymlinks: true });
  for (const name of await readdir(join(from, 'renewal'))) {
    const text = await readFile(join(from, 'renewal', name), 'utf8');
    await writeFile(join(into, 'renewal', name), text.replaceAll(from, into));
  }
}
