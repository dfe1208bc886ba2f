import { createPrivateKey, X509Certificate } from 'node:crypto';
import { cp, mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Certbot, certbotPrograms, startCertbot } from '../support/certbot.ts';
import { declaredOf } from '../support/declared.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, outcomesOf, readLineage, succeeded } from '../support/e2e.ts';
import { sampled } from '../support/seeded.ts';
import { repositoryRoot, temporaryFolder } from '../support/service.ts';
import { treeOf } from '../support/tree.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const names = ['a.example.test', 'new-name', 'second.example.test'] as const;

describeWith(certbotPrograms, 'certfleet import certbot', () => {
  let certbot: Certbot;
  let certfleet: Certfleet;
  let store: string;
  let config: string;
  let before: Record<string, string>;
  /** certbot's folder as it was then, with the paths of the other one. */
  let untouched: string;
  beforeAll(async () => {
    [certbot, certfleet] = await Promise.all([startCertbot(), buildCertfleet()]);
    const folder = await temporaryFolder('import');
    [store, config] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
    const { pebble, proxy } = certbot;
    const settings = {
      store: { type: 'file', path: store },
      issuers: { pebble: { directory: proxy.directoryUrl, caFile: proxy.caFile, test: true } },
      preflight: { http01Port: pebble.httpPort },
    };
    await writeFile(config, JSON.stringify(settings));
    before = await treeOf(certbot.root);
    untouched = join(folder, 'untouched');
    await cp(certbot.root, untouched, { recursive: true, verbatimSymlinks: true });
  }, 120_000);

  const run = (...args: readonly string[]) => certfleet([...args, '--config', config]);
  /** certbot's folder elsewhere, with its paths. */
  async function copyTo(to: string, from = certbot.root): Promise<string> {
    await cp(from, to, { recursive: true, verbatimSymlinks: true });
    for (const name of await readdir(join(to, 'renewal'))) {
      const conf = join(to, 'renewal', name);
      await writeFile(conf, (await readFile(conf, 'utf8')).replaceAll(certbot.root, to));
    }
    return to;
  }
  const live = (name: string, kind = 'cert') => readFile(join(certbot.root, 'live', name, `${kind}.pem`), 'utf8');

  it('shows what it would take over, line by line, and writes nothing', async () => {
    const shown = await run('import', 'certbot', certbot.root, '--in-place', '--dry-run');
    expect(shown.status).toBe(2);
    expect(shown.stdout).toContain('a.example.test: would be taken over');
    expect(shown.stdout).toContain('New Name → new-name: would be taken over');
    expect(shown.stdout).toContain('not taken over: must_staple');
    expect(shown.stdout).toContain('3 of 5 certificates would be taken over, 2 could not be. Nothing was ordered.');
    expect(shown.stderr).toContain('broken.example.test: not taken over:');
    expect(shown.stderr).toContain('half.example.test: not taken over: the line `fullchain = …` is missing');
    const plain = await run('import', 'certbot', certbot.root, '--dry-run');
    expect(plain.stderr.replaceAll(/\s+/g, ' ')).toContain('servers that read it keep the old ones');
    expect(plain.stderr.replaceAll(/\s+/g, ' ')).toContain('the same without --dry-run, and with --in-place');
    expect(shown.stderr).not.toContain('--in-place');
    await expect(readdir(store)).rejects.toThrow('ENOENT');
  });

  it('takes over accounts, certificates and settings without asking the CA', async () => {
    const { proxy, root, webroots } = certbot;
    proxy.forget();
    expect((await run('import', 'certbot', root, '--in-place')).status).toBe(2);
    expect((await run('import', 'certbot', root, '--in-place')).stdout).toContain(
      '0 of 5 certificates taken over, 3 already here',
    );
    expect(proxy.requests).toEqual([]);
    expect(await treeOf(root)).toEqual(before);
    const [a, renamed, second] = await Promise.all(names.map((name) => readLineage(store, name)));
    expect(declaredOf(a!.spec)).toMatchObject({
      solver: { type: 'http01-webroot', folders: [webroots[1]] },
      solvers: { webroot: { folders: [webroots[0]] } },
      spec: { solver: 'webroot-2', solvers: { 'a.example.test': 'webroot' }, reuseKey: true },
    });
    expect([a, renamed, second].map((one) => one?.current?.keyType)).toEqual(['rsa2048', 'p384', undefined]);
    expect(renamed?.spec.preferredChain).toBe('Pebble Root CA');
    const accounts = [a, renamed, second].map((one) => one?.spec.issuer.settings.account);
    expect(new Set(accounts).size).toBe(2);
    expect(accounts[0]).toBe(accounts[1]);
  });

  it('then orders nothing that certbot would not order', async () => {
    const renewed = await run('renew', '--json');
    succeeded(renewed);
    expect(outcomesOf(renewed).map(({ result }) => result)).toEqual(['unchanged', 'unchanged', 'unchanged']);
    expect(certbot.proxy.seen('newOrder')).toBe(0);
    expect(certbot.proxy.seen('newAccount')).toBe(0);
    expect(await treeOf(certbot.root)).toEqual(before);
  });

  it('renews with the same accounts, keys, webroots and hooks, into certbot’s folder', async () => {
    const { root, proxy, log, run: runCertbot } = certbot;
    const [key, serial] = [
      await live('a.example.test', 'privkey'),
      new X509Certificate(await live('a.example.test')).serialNumber,
    ];
    const was = await Promise.all(names.map((name) => readLineage(store, name)));
    const renewed = await run('renew', '--force', '--json');
    succeeded(renewed);
    expect(outcomesOf(renewed).map(({ result }) => result)).toEqual(['renewed', 'renewed', 'renewed']);
    expect([proxy.accepted('newOrder'), proxy.seen('newAccount')]).toEqual([3, 0]);
    const now = await Promise.all(names.map((name) => readLineage(store, name)));
    expect(now.map((one) => one.current?.keyType)).toEqual(['rsa2048', 'p384', undefined]);
    expect(now.map((one) => one.current?.accountUrl)).toEqual(was.map((one) => one.current?.accountUrl));
    expect(await live('a.example.test', 'privkey')).toBe(key);
    expect(await readlink(join(root, 'live/Old Name/fullchain.pem'))).toBe('../../archive/Old Name/fullchain2.pem');
    const path = join(root, 'live/a.example.test');
    const hooks = (await readFile(log, 'utf8')).trim().split('\n');
    expect(hooks).toContain('pre');
    expect(hooks.filter((line) => line.includes(path))).toEqual([`folder ${path}`, `deploy ${path}`]);
    expect(hooks).toContain(`folder ${join(root, 'live/Old Name')}`);
    expect(hooks.at(-1)).toBe('post');
    expect((await run('show', 'new-name')).stdout.replaceAll(/\s+/g, ' ')).toContain(`Files ${root}/live/Old Name/`);
    const named = await certfleet(['certbot', 'certificates', '--cert-name', 'Old Name', '--store', store]);
    succeeded(named);
    expect(named.stdout).toContain('new-name');
    const shown = await runCertbot(root, 'certificates');
    for (const name of ['a.example.test', 'New Name', 'second.example.test'])
      expect(shown).toContain(`Certificate Name: ${name}`);
    const fresh = new X509Certificate(await live('a.example.test')).serialNumber;
    expect(fresh).not.toBe(serial);
    expect(shown.toUpperCase()).toContain(fresh.replace(/^0+/, ''));
  });

  itDrawn('lets certbot go on where certfleet stops, and takes that over, too', async () => {
    const copy = await copyTo(join(await temporaryFolder('copy'), 'etc'));
    await certbot.run(
      copy,
      'renew',
      '--cert-name',
      'a.example.test',
      '--force-renewal',
      '--no-random-sleep-on-renew',
      '--no-directory-hooks',
    );
    expect(await readlink(join(copy, 'live/a.example.test/fullchain.pem'))).toBe(
      '../../archive/a.example.test/fullchain3.pem',
    );
    expect((await run('import', 'certbot', copy)).stdout).toContain('a.example.test: newer version taken over');
  });

  itDrawn('renews nothing in another way where a plugin has no counterpart', async () => {
    const folder = await temporaryFolder('plugin');
    const [copy, its] = [await copyTo(join(folder, 'etc'), untouched), ['--store', join(folder, 'store')]];
    const [name, conf] = ['second.example.test', join(copy, 'renewal/second.example.test.conf')];
    await writeFile(conf, (await readFile(conf, 'utf8')).replace('authenticator = webroot', 'authenticator = dns-foo'));
    expect((await run('import', 'certbot', copy, ...its)).stdout).toContain('missing: a DNS provider in place of');
    const renewed = await run('renew', name, '--force', ...its);
    expect(renewed.status).toBe(2);
    expect(renewed.stderr.replaceAll(/\s+/g, ' ')).toContain(`certfleet issue ${name} --dns PROVIDER`);
    succeeded(await run('issue', name, '--http', `webroot:${certbot.webroots[1]}`, ...its));
    succeeded(await run('renew', name, '--force', ...its));
  });

  itDrawn('renews two certificates with the same names, each in its own folder', async () => {
    const folder = await temporaryFolder('twice');
    const [copy, its] = [await copyTo(join(folder, 'etc'), untouched), ['--store', join(folder, 'store')]];
    const [a, b] = certbot.webroots;
    const account = /^account = (\w+)$/m.exec(await readFile(join(copy, 'renewal/a.example.test.conf'), 'utf8'))![1]!;
    const [server, key] = [certbot.proxy.directoryUrl, ['--key-type', 'rsa']];
    const words = ['-w', a, '-d', 'a.example.test', '-w', b, '-d', 'b.example.test', '--duplicate', ...key];
    await certbot.run(copy, 'certonly', '--webroot', ...words, '--server', server, '--account', account);
    await run('import', 'certbot', copy, '--in-place', ...its);
    const both = ['a.example.test', 'a.example.test-0001'];
    const versions = () =>
      Promise.all(
        both.map(async (name) => {
          const [cert, privateKey] = await Promise.all(
            ['cert', 'privkey'].map((kind) => readFile(join(copy, `live/${name}/${kind}.pem`), 'utf8')),
          );
          const leaf = new X509Certificate(cert!);
          expect(leaf.checkPrivateKey(createPrivateKey(privateKey!))).toBe(true);
          return leaf.serialNumber;
        }),
      );
    const before = await versions();
    const renewed = await run('renew', ...both, '--force', '--json', ...its);
    succeeded(renewed);
    expect(outcomesOf(renewed).map(({ result }) => result)).toEqual(['renewed', 'renewed']);
    expect(new Set([...before, ...(await versions())]).size).toBe(4);
    const again = await run('import', 'certbot', copy, '--in-place', ...its);
    expect(again.stdout).toContain('0 of 6 certificates taken over, 4 already here');
  });

  itDrawn('puts no older version in the place of one that certbot made itself, and takes that over', async () => {
    const folder = await temporaryFolder('newer');
    const [copy, its] = [await copyTo(join(folder, 'etc'), untouched), ['--store', join(folder, 'store')]];
    const [name, forced] = [
      'a.example.test',
      ['--force-renewal', '--no-random-sleep-on-renew', '--no-directory-hooks'],
    ];
    await run('import', 'certbot', copy, '--in-place', ...its);
    await certbot.run(copy, 'renew', '--cert-name', name, ...forced);
    const was = await treeOf(copy);
    const refused = await run('renew', name, '--redeploy', ...its);
    expect(refused.status).toBe(6);
    expect(refused.stderr.replaceAll(/\s+/g, ' ')).toContain(`certfleet import certbot ${copy} --in-place`);
    expect(await treeOf(copy)).toEqual(was);
    expect((await run('import', 'certbot', copy, '--in-place', ...its)).stdout).toContain(
      `${name}: newer version taken over`,
    );
    succeeded(await run('renew', name, '--redeploy', ...its));
    expect(await treeOf(copy)).toEqual(was);
  });

  itDrawn('goes back to its own version from one that certbot made and it took over', async () => {
    const folder = await temporaryFolder('back');
    const [copy, its] = [await copyTo(join(folder, 'etc'), untouched), ['--store', join(folder, 'store')]];
    const name = 'a.example.test';
    const link = () => readlink(join(copy, 'live', name, 'cert.pem'));
    await run('import', 'certbot', copy, '--in-place', ...its);
    succeeded(await run('renew', '--force', name, ...its));
    const own = await link();
    const forced = ['--force-renewal', '--no-random-sleep-on-renew', '--no-directory-hooks'];
    await certbot.run(copy, 'renew', '--cert-name', name, ...forced);
    expect((await run('rollback', name, ...its)).status, 'it was not taken over').toBe(6);
    await run('import', 'certbot', copy, '--in-place', ...its);
    expect(await link()).not.toBe(own);
    succeeded(await run('rollback', name, ...its));
    expect(await link()).toBe(own);
  });

  itDrawn('follows the guide, line by line', async () => {
    const folder = await temporaryFolder('guide');
    const etc = await copyTo(join(folder, 'etc/letsencrypt'), untouched);
    for (const name of ['broken.example.test', 'half.example.test']) await rm(join(etc, `renewal/${name}.conf`));
    await mkdir(join(folder, 'etc/certfleet'));
    const { store: _other, ...settings } = JSON.parse(await readFile(config, 'utf8')) as Record<string, unknown>;
    await writeFile(join(folder, 'etc/certfleet/certfleet.yaml'), JSON.stringify(settings));
    const was = await treeOf(etc);
    const guide = await readFile(join(repositoryRoot, 'docs/guides/moving-from-certbot.md'), 'utf8');
    const lines = [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, text]) => text!.trim().split('\n'));
    expect(lines.length).toBeGreaterThan(8);
    const { proxy } = certbot;
    proxy.forget();
    for (const line of lines) {
      const [program, ...words] = line.replaceAll('www.example.com', 'a.example.test').split(' ');
      // They would change this machine; install-timer has a test of its own.
      if (program === 'systemctl' || words[0] === 'install-timer') continue;
      if (program === 'certbot') expect(await certbot.run(etc, ...words)).toContain('Certificate Name: New Name');
      else {
        const ran = await certfleet(words, { env: { CERTFLEET_ROOT: folder } });
        expect(ran, line).toMatchObject({ status: 0 });
        // Only the test of a renewal orders anything.
        expect([line, proxy.accepted('newOrder')]).toEqual([
          line,
          words.includes('--dry-run') && words[0] === 'issue' ? 1 : 0,
        ]);
        proxy.forget();
      }
    }
    expect(await treeOf(etc)).toEqual(was);
  });

  itDrawn('runs the hook of one run after the programs of the folder, as certbot does', async () => {
    const { root, log } = certbot;
    await writeFile(log, '');
    const hook = `echo "flag $RENEWED_LINEAGE" >> ${log}`;
    succeeded(await run('renew', 'a.example.test', '--force', '--deploy-hook', hook));
    const path = join(root, 'live/a.example.test');
    const ran = (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes(path));
    expect(ran).toEqual([`folder ${path}`, `flag ${path}`]);

    // certbot, too, leaves out a hook that is one of these programs.
    await writeFile(log, '');
    const program = join(root, 'renewal-hooks/deploy/10-log.sh');
    succeeded(await run('renew', 'a.example.test', '--force', '--deploy-hook', program));
    expect((await readFile(log, 'utf8')).split('\n').filter((line) => line.includes(path))).toEqual([`folder ${path}`]);
  });

  itDrawn('puts every link and file back', async () => {
    const undone = await run('import', 'certbot', certbot.root, '--undo');
    succeeded(undone);
    expect(await treeOf(certbot.root)).toEqual(before);
    expect(undone.stdout).toContain('a.example.test: kept in the store');
    const renewed = await run('renew', '--json');
    expect(outcomesOf(renewed)).toEqual([]);
    expect(await treeOf(certbot.root)).toEqual(before);
    const again = await run('import', 'certbot', certbot.root, '--undo');
    expect(again.status).toBe(2);
    expect(again.stderr).toContain('Nothing to undo');
  });

  itDrawn('keeps the only copy of a certificate when certbot’s folder is gone', async () => {
    const folder = await temporaryFolder('lost');
    const [copy, its] = [await copyTo(join(folder, 'etc'), untouched), ['--store', join(folder, 'store')]];
    await certfleet(['import', 'certbot', copy, '--in-place', ...its]);
    await rm(copy, { recursive: true });
    const undone = await certfleet(['import', 'certbot', copy, '--undo', ...its]);
    succeeded(undone);
    expect(undone.stdout).toContain('a.example.test: kept in the store, because the folder no longer has it');
    expect(undone.stdout).not.toContain('is as it was');
    succeeded(await certfleet(['show', 'a.example.test', ...its]));
  });
});

describe('certfleet import', () => {
  let certfleet: Certfleet;
  beforeAll(async () => {
    certfleet = await buildCertfleet();
  });

  it.each(
    sampled(
      [
        [
          ['import', 'certbt'],
          'import certbt: expected one of certbot, acme.sh, lego, dehydrated, uacme, traefik; did you mean "certbot"?',
        ],
        [['import', 'certbot', '/nowhere'], 'there are no certbot files in /nowhere'],
        [['import', 'certbot', '/usr'], 'there are no certbot files in /usr'],
        [
          ['import', 'certbot', '/nowhere', '--in-place', '--deploy', 'files:/x'],
          '--in-place and --deploy cannot be used together: they name two destinations',
        ],
        [
          ['import', 'certbot', '/nowhere', '--undo', '--in-place'],
          '--undo and --in-place cannot be used together: the first undoes what the second began',
        ],
      ],
      2,
      'words',
    ),
  )('%j is refused', async (args, message) => {
    const ran = await certfleet([...args, '--store', join(await temporaryFolder('none'), 'store')]);
    expect(ran.status).toBe(2);
    expect(ran.stderr.replaceAll(/\s+/g, ' ')).toContain(message);
  });
});
