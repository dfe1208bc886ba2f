import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AcmeCa, startAcmeCa } from '../support/acme-ca.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  buildCertfleet,
  type Certfleet,
  documents,
  type MovedClock,
  movedClock,
  outcomesOf,
  readLineage,
  rewriteLineage,
  stderrOf,
  succeeded,
} from '../support/e2e.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { sampled } from '../support/seeded.ts';
import { freePort, temporaryFolder, until } from '../support/service.ts';
import { fingerprintOfFile, shakeHands, shakeHandsUntilStopped } from '../support/versions.ts';
import { describeWith, noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

// Issued once by hand, renewed by cron, which has only the store. The CA is the simulated one, because it can share the
// program's moved clock.

stopAllAfterwards();

const dayMs = 86_400_000;

describeWith(['nginx', ...bindPrograms], 'renewal from cron', () => {
  let certfleet: Certfleet;
  let clock: MovedClock;
  let bind: Bind;
  let ca: AcmeCa;
  let nginx: Nginx;
  let webroot: string;

  beforeAll(async () => {
    webroot = await temporaryFolder('webroot');
    const httpPort = await freePort();
    const records = ['@ A 127.0.0.1', '* A 127.0.0.1', 'dns A 127.0.0.1'];
    [certfleet, clock, nginx, bind] = await Promise.all([
      buildCertfleet(),
      movedClock(),
      startNginx({ webroot, httpPort }),
      // Flags cannot name the servers of a zone, so they are found by its NS records, on port 53.
      startBind({ zones: [{ name: 'example.test', records }], ...((await isFree(53)) ? { port: 53 } : {}) }),
    ]);
    ca = await startAcmeCa({ clock, settings: { httpPort, dnsServer: bind.server } });
  });

  beforeEach(() => clock.reset());

  /** As in cron: no terminal, only PATH in the environment, another working directory. */
  const cron = (store: string, ...more: readonly string[]) =>
    certfleet(['renew', '--store', store, ...more], { clock });
  const byHand = (args: readonly string[], env = {}) => {
    const common = ['--issuer', ca.directoryUrl, '--ca-file', ca.caFile, '--agree-tos', '--resolver', bind.server];
    return certfleet([...args, ...common, '--http01-port', String(nginx.httpPort)], { env, clock });
  };

  it('renews and deploys a certificate issued by flags, when it is due and not before', async () => {
    const folder = await temporaryFolder('cron');
    const [store, certs] = [join(folder, 'store'), join(folder, 'certs')];
    const flags = ['-d', 'www.example.test', '--http', `webroot:${webroot}`, '--deploy', `files:${certs}`];
    succeeded(await byHand(['issue', ...flags, '--store', store]));
    const file = join(certs, 'live/www.example.test/fullchain.pem');
    const first = await fingerprintOfFile(file);
    const server = { serverName: 'www.example.test', certificate: join(certs, 'live/www.example.test') };
    await reload(nginx, [server]);
    const served = async () => (await shakeHands(nginx.httpsPort, 'www.example.test')).fingerprint;
    await until(async () => (await served()) === first, { what: 'nginx serves the files' });

    const { renewal } = await readLineage(store, 'www.example.test');
    const day = (days: number) => new Date(Date.parse(renewal?.at ?? '') + days * dayMs).toISOString();
    await clock.passTo(day(-1));
    const early = await cron(store, '--json');
    expect(early.status, early.stderr + early.stdout).toBe(0);
    expect(outcomesOf(early)).toEqual([expect.objectContaining({ result: 'unchanged' })]);
    expect(await fingerprintOfFile(file)).toBe(first);

    await clock.passTo(day(0));
    const loop = shakeHandsUntilStopped(nginx.httpsPort, 'www.example.test', 2);
    const renewed = await cron(store);
    // `files` reloads nothing, but the second half of the cron line does.
    await reload(nginx, [server]);
    const second = await fingerprintOfFile(file);
    await until(async () => (await served()) === second, { what: 'nginx serves the new files' });
    const answers = await loop.stop();
    succeeded(renewed);
    expect(renewed.stdout).toMatch(/^www\.example\.test: renewed, valid until /);
    expect(second).not.toBe(first);
    expect(answers.length).toBeGreaterThan(10);
    expect(answers.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(await readdir(join(webroot, '.well-known/acme-challenge')).catch(() => [])).toEqual([]);
    expect(await cron(store, '--quiet')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  itDrawn('stores the secret from the environment, and the deployer from a configuration', async (context) => {
    if (bind.port !== 53) {
      noteSkipped('not tested: `issue --dns rfc2136` by flags alone (port 53 of 127.0.0.1 is taken or not allowed)');
      return context.skip();
    }
    const folder = await temporaryFolder('cron');
    const [store, path, config] = [join(folder, 'store'), join(folder, 'certs'), join(folder, 'certfleet.yaml')];
    await mkdir(path);
    const web = { type: 'nginx', path, test: nginx.testCommand, reload: nginx.reloadCommand };
    await writeFile(config, JSON.stringify({ deployers: { web } }));
    const names = 'example.test,*.example.test';
    const dns = [
      '--dns',
      'rfc2136',
      '--dns-option',
      `server=${bind.server}`,
      '--dns-option',
      `keyName=${bind.key.name}`,
    ];
    const env = { CERTFLEET_RFC2136_SECRET: bind.key.secret };
    const issue = [
      'issue',
      '--name',
      'wild',
      '-d',
      names,
      ...dns,
      '--deploy',
      'web',
      '--config',
      config,
      '--store',
      store,
    ];
    succeeded(await byHand(issue, env));
    const server = { serverName: 'www.example.test', certificate: join(path, 'live/wild') };
    await reload(nginx, [server]);
    const first = await fingerprintOfFile(join(path, 'live/wild/cert.pem'));
    const served = async () => (await shakeHands(nginx.httpsPort, 'www.example.test')).fingerprint;
    await until(async () => (await served()) === first, { what: 'nginx serves it' });
    await nginx.settled();

    await rm(config);
    // The clock stays, because BIND has the real time and TSIG allows five minutes.
    await rewriteLineage(store, 'wild', (lineage) => ({
      ...lineage,
      renewal: { ...lineage.renewal, source: 'lifetime', at: new Date(Date.now() - dayMs).toISOString() },
    }));
    const loop = shakeHandsUntilStopped(nginx.httpsPort, 'www.example.test', 2);
    const renewed = await cron(store);
    const second = await fingerprintOfFile(join(path, 'live/wild/cert.pem'));
    await until(async () => (await served()) === second, { what: 'nginx was reloaded' });
    const answers = await loop.stop();
    succeeded(renewed);
    expect(second).not.toBe(first);
    expect(answers.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(await bind.txt('example.test')).toEqual([]);
    expect([...(await documents(store, 'credential')).keys()]).toEqual(['wild']);
    for (const text of (await documents(store, 'lineage')).values()) expect(text).not.toContain(bind.key.secret);

    // If the secret has changed, the environment wins over the stored one.
    const wrong = { CERTFLEET_RFC2136_SECRET: Buffer.alloc(32).toString('base64') };
    const refused = await certfleet(['renew', '--force', '--store', store], { env: wrong });
    expect(refused).toMatchObject({ status: 5 });
    succeeded(await cron(store, '--force'));
  });

  itDrawn(
    'leaves what is not due, renews with --force, and lets a declared certificate of the same name take over',
    async () => {
      const folder = await temporaryFolder('cron');
      const [store, certs, declared] = [join(folder, 'store'), join(folder, 'certs'), join(folder, 'declared')];
      const flags = ['-d', 'over.example.test', '--http', `webroot:${webroot}`, '--deploy', `files:${certs}`];
      const issue = () => byHand(['issue', ...flags, '--store', store]);
      succeeded(await issue());
      const orders = ca.accepted('newOrder');
      const again = await issue();
      succeeded(again);
      expect(again.stdout).toMatch(/^over\.example\.test: not due yet; valid until /);
      expect(ca.accepted('newOrder')).toBe(orders);
      const forced = await byHand(['issue', ...flags, '--store', store, '--force']);
      succeeded(forced);
      expect(forced.stdout).toMatch(/^over\.example\.test: renewed, /);
      expect(ca.accepted('newOrder')).toBe(orders + 1);

      const config = join(folder, 'certfleet.yaml');
      const certificate = { name: 'over.example.test', identifiers: ['over.example.test'], deploy: ['elsewhere'] };
      await writeFile(
        config,
        JSON.stringify({
          issuers: { own: { directory: ca.directoryUrl, caFile: ca.caFile, agreeToTerms: true, test: true } },
          solvers: { web: { type: 'http01-webroot', folders: [webroot] } },
          deployers: { elsewhere: { type: 'files', path: declared } },
          certificates: [certificate],
          preflight: { resolvers: [bind.server], http01Port: nginx.httpPort },
        }),
      );
      const taken = await cron(store, '--config', config);
      succeeded(taken);
      expect(ca.accepted('newOrder')).toBe(orders + 1);
      const live = 'live/over.example.test/cert.pem';
      expect(await fingerprintOfFile(join(declared, live))).toBe(await fingerprintOfFile(join(certs, live)));
      expect(await readLineage(store, 'over.example.test')).toMatchObject({
        origin: 'configuration',
        spec: { targets: [{ name: 'elsewhere' }] },
      });
      const before = await fingerprintOfFile(join(certs, live));
      succeeded(await cron(store, '--config', config, '--force'));
      expect(await fingerprintOfFile(join(declared, live))).not.toBe(before);
      expect(await fingerprintOfFile(join(certs, live))).toBe(before); // no longer its target
    },
  );

  describe('--staging and --dry-run', () => {
    let staging: AcmeCa;
    beforeAll(async () => {
      staging = await startAcmeCa({ clock, settings: { httpPort: nginx.httpPort, dnsServer: bind.server } });
    });

    it('use a separate lineage at the test directory, and deploy nothing', async () => {
      const folder = await temporaryFolder('staging');
      const [store, certs, config] = [join(folder, 'store'), join(folder, 'certs'), join(folder, 'certfleet.yaml')];
      const own = { directory: ca.directoryUrl, testDirectory: staging.directoryUrl, caFile: ca.caFile };
      await writeFile(
        config,
        JSON.stringify({
          issuers: { own: { ...own, agreeToTerms: true } },
          preflight: { resolvers: [bind.server], http01Port: nginx.httpPort },
        }),
      );
      const flags = ['-d', 'try.example.test', '--http', `webroot:${webroot}`, '--deploy', `files:${certs}`];
      const issue = (...more: string[]) =>
        certfleet(['issue', ...flags, '--config', config, '--store', store, ...more]);
      const orders = ca.accepted('newOrder');
      const tried = await issue('--staging');
      succeeded(tried);
      expect(tried.stdout).toMatch(/^try\.example\.test~staging: issued \(an untrusted test certificate\), /);
      expect(tried.stderr).not.toContain('crontab');
      expect(staging.accepted('newOrder')).toBe(1);
      const dry = await issue('--dry-run', '--force');
      succeeded(dry);
      expect(dry.stdout).toMatch(/^try\.example\.test~staging: the dry run succeeded .*; nothing was deployed$/m);
      expect(staging.accepted('newOrder')).toBe(2);
      expect([...(await documents(store, 'lineage')).keys()]).toEqual(['try.example.test~staging']);
      expect((await readLineage(store, 'try.example.test~staging')).deployments).toEqual({});
      expect(await readdir(certs).catch(() => 'none')).toBe('none');
      // cron leaves test certificates alone, even if they are due.
      const { renewal } = await readLineage(store, 'try.example.test~staging');
      await clock.passTo(renewal?.at ?? '');
      succeeded(await cron(store, '--config', config));
      expect(staging.accepted('newOrder')).toBe(2);
      await clock.reset();

      succeeded(await issue());
      expect(ca.accepted('newOrder')).toBe(orders + 1);
      expect(await readdir(join(certs, 'live'))).toEqual(['try.example.test']);
    });

    it.each(sampled(['--staging', '--dry-run'], 1, 'flags of a test'))(
      '%s is refused if the issuer has no test directory',
      async (flag) => {
        const store = join(await temporaryFolder('staging'), 'store');
        const seen = ca.requests.length;
        const refused = await byHand([
          'issue',
          '-d',
          'no.example.test',
          '--http',
          `webroot:${webroot}`,
          flag,
          '--store',
          store,
        ]);
        expect(refused).toMatchObject({ status: 2, stdout: '' });
        expect(stderrOf(refused)).toMatch(/has no test directory, so --staging and --dry-run cannot be used with it/);
        expect(ca.requests.length).toBe(seen);
        expect([...(await documents(store, 'lineage'))]).toEqual([]);
      },
    );
  });

  itDrawn('takes certbot’s flags as they stand, in issue and in renew', async (context) => {
    if (bind.port !== 53) {
      noteSkipped('not tested: certbot’s flags for DNS (port 53 of 127.0.0.1 is taken or not allowed)');
      return context.skip();
    }
    const folder = await temporaryFolder('certbot');
    const [store, certs, ini] = [join(folder, 'store'), join(folder, 'certs'), join(folder, 'rfc2136.ini')];
    const { name, secret, algorithm } = bind.key;
    const keys = { server: bind.address, name: `${name}.`, secret, algorithm: algorithm.toUpperCase() };
    const lines = Object.entries(keys).map(([key, value]) => `dns_rfc2136_${key} = ${value}\n`);
    await writeFile(ini, lines.join(''), { mode: 0o600 });
    const plugin = ['--dns-rfc2136', '--dns-rfc2136-credentials', ini, '--dns-rfc2136-propagation-seconds', '2'];
    const names = ['-d', 'example.test,*.example.test'];
    const since = performance.now();
    const issued = await byHand(['issue', ...plugin, ...names, '--deploy', `files:${certs}`, '--store', store]);
    succeeded(issued);
    expect(performance.now() - since).toBeGreaterThan(2_000);
    expect(issued.stderr).toContain(`--dns rfc2136 --dns-option credentials=${ini} --propagation 2s\n`);
    const first = await fingerprintOfFile(join(certs, 'live/example.test/cert.pem'));
    const renewed = await cron(store, ...plugin, '--force');
    succeeded(renewed);
    expect(stderrOf(renewed)).toMatch(/`certfleet renew[^`]*` needs none of them/);
    expect(renewed.stderr).not.toContain('other settings');
    expect(await fingerprintOfFile(join(certs, 'live/example.test/cert.pem'))).not.toBe(first);
    expect(await bind.txt('example.test')).toEqual([]);
    for (const text of (await documents(store, 'lineage')).values()) expect(text).not.toContain(secret);
  });
});

async function reload(nginx: Nginx, servers: Parameters<Nginx['configure']>[0]): Promise<void> {
  await nginx.configure(servers);
  const { execFileSync } = await import('node:child_process');
  const [program, ...args] = nginx.reloadCommand;
  execFileSync(program, args, { stdio: 'ignore' });
}

/** Whether this process may listen there. */
const isFree = (port: number): Promise<boolean> =>
  new Promise((answer) => {
    const server = createServer();
    server.once('error', () => answer(false));
    server.listen(port, '127.0.0.1', () => server.close(() => answer(true)));
  });
