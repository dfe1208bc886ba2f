import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { acmeShWebroot } from '../support/acme-sh.ts';
import { dehydrated } from '../support/dehydrated.ts';
import { buildCertfleet, documents, outcomesOf, type Ran, readLineage, succeeded } from '../support/e2e.ts';
import { legoWebroot } from '../support/lego.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { sampled } from '../support/seeded.ts';
import { atEnd, freePort, temporaryFolder } from '../support/service.ts';
import { needsOfUacme, uacme } from '../support/uacme.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// What Debian's clients made at a real CA is taken over, renewed with their accounts, and written where they had it.

stopAllAfterwards();

const isRoot = process.geteuid?.() === 0;

const programs = ['pebble', 'pebble-challtestsrv', 'lego', 'dehydrated', ...needsOfUacme, 'acme.sh'];

describeWith(programs, 'what other clients have', () => {
  let pebble: Pebble;
  let run: (...words: readonly string[]) => Promise<Ran>;
  let webroot: string;
  let store: string;
  const folders = { 'acme.sh': '', lego: '', dehydrated: '', uacme: '' };
  const names = {
    'acme.sh': 'acmesh.example.test',
    lego: 'lego.example.test',
    dehydrated: 'dehydrated.example.test',
    uacme: 'other.example.test',
  };
  let stops: Record<keyof typeof folders, string>;
  let installed: string;
  let log: string;
  /** The file that servers read. */
  const served = (): Record<keyof typeof folders, string> => ({
    'acme.sh': installed,
    lego: join(folders.lego, 'certificates/lego.example.test.crt'),
    dehydrated: join(folders.dehydrated, 'certs/dehydrated.example.test/fullchain.pem'),
    uacme: join(folders.uacme, 'uacme/other.example.test/cert.pem'),
  });
  /** The private key that servers read, with the group and the mode that it gets before the renewal. */
  const keys = (): Record<keyof typeof folders, readonly [path: string, group: number, mode: number]> => ({
    'acme.sh': [join(dirname(installed), 'key.pem'), 33, 0o640],
    lego: [join(folders.lego, 'certificates/lego.example.test.key'), 0, 0o600],
    dehydrated: [join(folders.dehydrated, 'certs/dehydrated.example.test/privkey.pem'), 0, 0o600],
    // As a client leaves it that runs with an open umask.
    uacme: [join(folders.uacme, 'uacme/private/other.example.test/key.pem'), 0, 0o644],
  });
  const serialIn = async (path: string) => new X509Certificate(await readFile(path)).serialNumber;
  const clients = sampled(Object.keys(folders) as (keyof typeof folders)[], 1, 'clients');

  beforeAll(async () => {
    const [certfleet, httpPort] = await Promise.all([buildCertfleet(), freePort()]);
    pebble = await startPebble({ httpPort });
    webroot = await temporaryFolder('webroot');
    await mkdir(join(webroot, '.well-known/acme-challenge'), { recursive: true });
    const server = createServer(async (request, answer) => {
      const file = await readFile(join(webroot, request.url!)).catch(() => undefined);
      answer.writeHead(file ? 200 : 404).end(file);
    });
    await new Promise<void>((listening) => server.listen(httpPort, '127.0.0.1', listening));
    atEnd(() => void server.close());
    for (const client of clients) folders[client] = await temporaryFolder(client);
    const target = await temporaryFolder('installed');
    [installed, log] = [join(target, 'fullchain.pem'), join(target, 'log')];
    const configuration = join(target, 'certfleet.yaml');
    store = join(await temporaryFolder('state'), 'store');
    const issuer = { directory: pebble.directoryUrl, caFile: pebble.caFile, test: true };
    await writeFile(
      configuration,
      JSON.stringify({
        store: { type: 'file', path: store },
        issuers: { pebble: issuer },
        preflight: { resolvers: [pebble.dnsServer], http01Port: httpPort },
      }),
      { mode: 0o644 },
    );
    // Two of them still run on this machine.
    const root = await temporaryFolder('root');
    for (const [path, text] of [
      ['etc/cron.d/acme', '7 3 * * * root /usr/bin/acme.sh --cron --home /root/.acme.sh\n'],
      ['etc/systemd/system/timers.target.wants/lego-renew.timer', ''],
    ] as const) {
      await mkdir(join(root, dirname(path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    stops = {
      'acme.sh': `acme.sh still renews: ${root}/etc/cron.d/acme starts it. To stop it: remove the line that runs acme.sh`,
      lego: 'To stop it: systemctl disable --now lego-renew.timer',
      dehydrated: 'certfleet install-timer',
      uacme: 'certfleet install-timer',
    };
    run = (...words) => certfleet([...words, '--config', configuration], { env: { CERTFLEET_ROOT: root } });
    const begin: Record<keyof typeof folders, () => Promise<unknown>> = {
      'acme.sh': () =>
        acmeShWebroot(
          folders['acme.sh'],
          {
            ...{ webroot, name: names['acme.sh'] },
            install: [
              ...['--fullchain-file', installed, '--key-file', join(target, 'key.pem')],
              ...['--reloadcmd', `echo "reloaded $Le_Domain" >> ${log}`],
            ],
          },
          pebble,
        ),
      lego: () => legoWebroot(folders.lego, webroot, names.lego, pebble),
      dehydrated: () => dehydrated(folders.dehydrated, webroot, names.dehydrated, pebble),
      uacme: () =>
        uacme({ folder: folders.uacme, challenges: join(webroot, '.well-known/acme-challenge') }, pebble, 'new'),
    };
    await Promise.all(clients.map((client) => begin[client]()));
  });

  const importOf = (client: keyof typeof folders) =>
    run('import', client, client === 'uacme' ? join(folders.uacme, 'uacme') : folders[client]);

  it('is taken over without an order, and renewed with the same accounts', { timeout: 120_000 }, async () => {
    const before: Record<string, string> = {};
    for (const client of clients) {
      const [key, group, mode] = keys()[client];
      if (isRoot) await chown(key, 0, group);
      await chmod(key, mode);
      before[client] = await serialIn(served()[client]);
      const imported = await importOf(client);
      succeeded(imported);
      expect(imported.stdout).toContain(`${names[client]}: taken over`);
      expect(imported.stderr).toContain(stops[client]);
      expect(imported.stdout).toMatch(/1 of 1 certificate taken over/);
    }
    expect(await documents(store, 'account')).toHaveLength(clients.length);

    const nothing = await run('renew');
    succeeded(nothing);
    expect(outcomesOf(nothing).every(({ result }) => result === 'unchanged' || result === 'deployed')).toBe(true);
    for (const client of clients) expect(await serialIn(served()[client])).toBe(before[client]);

    // lego and uacme do not write down how they answer.
    for (const client of clients.filter((one) => one === 'lego' || one === 'uacme'))
      succeeded(await run('issue', names[client], '--http', `webroot:${webroot}`));
    succeeded(await run('renew', '--force'));
    for (const client of clients) {
      expect(await serialIn(served()[client]), client).not.toBe(before[client]);
      const [key, group, mode] = keys()[client];
      const { uid, gid, mode: after } = await stat(key);
      expect(after & 0o777, client).toBe(mode & 0o640);
      if (isRoot) expect([uid, gid], client).toEqual([0, group]);
      const certificate = new X509Certificate(await readFile(served()[client]));
      expect(certificate.checkPrivateKey(createPrivateKey(await readFile(key))), client).toBe(true);
      const { current } = await readLineage(store, names[client]);
      expect(current?.accountUrl).toMatch(/^https:\/\//);
    }
    // dehydrated's links stay links.
    if (clients.includes('dehydrated')) expect((await lstat(keys().dehydrated[0])).isSymbolicLink()).toBe(true);
    expect(await documents(store, 'account')).toHaveLength(clients.length);
    if (clients.includes('acme.sh')) expect(await readFile(log, 'utf8')).toContain(names['acme.sh']);

    for (const client of clients) {
      const again = await importOf(client);
      succeeded(again);
      expect(again.stdout).toContain('0 of 1 certificate taken over, 1 already here');
      if (client === 'lego') expect(again.stdout).toContain('it is in the store already');
    }
  });
});
