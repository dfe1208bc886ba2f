import { execFileSync } from 'node:child_process';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { startDaemon } from '../support/daemon.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  type Bench,
  changeCertificate,
  type Home,
  onlyCertificate,
  readLineage,
  rewriteLineage,
  startBench,
} from '../support/e2e.ts';
import { sampled } from '../support/seeded.ts';
import { freePort, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

/** Makes a certificate due, once nothing works on it. Returns its version. */
async function makeDue(home: Home, name: string): Promise<string | undefined> {
  const { current } = await until(
    async () => {
      const lineage = await readLineage(home.store, name);
      // A certificate rests for a minute after a pass, which must have seen its own last write by then.
      const isOld = Date.parse(lineage.current?.issuedAt ?? '') < Date.now() - 3_000;
      return lineage.work === undefined && isOld && lineage;
    },
    { what: `nothing works on ${name}` },
  );
  await rewriteLineage(home.store, name, (lineage) => ({
    ...lineage,
    renewal: { ...lineage.renewal!, at: new Date().toISOString() },
  }));
  return current?.id;
}

const isRenewed = (home: Home, name: string, before: string | undefined) =>
  until(async () => (await readLineage(home.store, name)).current?.id !== before, { what: `${name} is renewed` });

const failureOf = (home: Home, name: string) =>
  until(async () => (await readLineage(home.store, name).catch(() => undefined))?.failure, { what: `${name} fails` });

/** Writes a file as most editors and tools do. */
async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

describeWith(['pebble', 'haproxy', ...bindPrograms], 'certfleet run, while its files change', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench();
  });

  /** A home whose only certificate is `wildcard`, with a file of its own for the options of its DNS provider. */
  async function homeOverDns(options: (file: string) => object) {
    const home = await bench.home((one) => {
      const { dns, ...solvers } = onlyCertificate('wildcard')(one).solvers as { dns: Fields; web: object };
      const { server, keyName } = dns.options as Record<string, string>;
      const file = join((one.deployers['files'] as { path: string }).path, '../secret');
      return {
        ...changeCertificate('wildcard', { endpoints: [], deploy: ['files'] })(onlyCertificate('wildcard')(one)),
        solvers: { ...solvers, dns: { ...dns, options: { server, keyName, ...options(file) } } },
      };
    });
    return { home, file: join(home.folder, 'secret') };
  }
  type Fields = Readonly<Record<string, unknown>>;

  const secretFiles = [
    ['a secret’s file', (file: string) => ({ secret: `file:${file}` }), (secret: string) => secret],
    [
      'a credentials file',
      (credentials: string) => ({ credentials }),
      (secret: string) => `dns_rfc2136_secret = ${secret}\n`,
    ],
  ] as const;

  it.each(sampled(secretFiles, 1, 'files of a secret'))(
    'renews with a TSIG key that was rotated in BIND and in %s, without a restart',
    async (_what, options, textOf) => {
      const { home, file } = await homeOverDns(options);
      await replace(file, textOf((await bench.bind.rotate()).secret));
      const daemon = startDaemon(home);
      await daemon.saw('"certificate.deployed","certificate":"wildcard"');

      // First in both places.
      await replace(file, textOf((await bench.bind.rotate()).secret));
      let before = await makeDue(home, 'wildcard');
      await isRenewed(home, 'wildcard', before);
      expect(daemon.said()).not.toContain('certificate.failed');

      // Then in BIND alone: the next try would come after a minute.
      const { secret } = await bench.bind.rotate();
      before = await makeDue(home, 'wildcard');
      const { code, retryAt } = await failureOf(home, 'wildcard');
      expect([code, Date.parse(retryAt) - Date.now() > 45_000]).toEqual(['dns/refused', true]);
      await replace(file, textOf(secret));
      await isRenewed(home, 'wildcard', before);
      expect(Date.now()).toBeLessThan(Date.parse(retryAt));
      expect(daemon.said()).toContain(`"message":"${file} has changed: what failed is tried again"`);
      expect(await daemon.stop()).toMatchObject({ status: 0, stderr: '' });
    },
  );

  itDrawn('says which secret file is missing or gone, and goes on once it is there', async () => {
    const { home, file } = await homeOverDns((path) => ({ secret: `file:${path}` }));
    const { secret } = await bench.bind.rotate();
    await rm(file, { force: true });
    const daemon = startDaemon(home);
    await daemon.saw(`solvers.dns: the secret file ${file} cannot be read: no such file.`);
    await daemon.saw('"certificate.failed"');
    await replace(file, secret);
    await daemon.saw('"certificate.deployed","certificate":"wildcard"');

    // A configuration that names a missing file is used for everything else.
    await home.configure((one) => ({
      ...one,
      solvers: {
        ...one.solvers,
        more: { ...one.solvers['dns'], options: { server: bench.bind.server, keyName: 'acme', secret: 'file:/none' } },
      },
    }));
    await daemon.saw('"configuration.read"');
    await daemon.saw('solvers.more: the secret file /none cannot be read: no such file.');

    await rm(file);
    await daemon.saw(`the secret file ${file} is no longer there; what needs it fails until it is there again`);
    expect(await daemon.stop()).toMatchObject({ status: 0, stderr: '' });
  });

  it('issues what is added in certfleet.d within seconds, and keeps all running while a file is wrong', async () => {
    const listen = `127.0.0.1:${await freePort()}`;
    const home = await bench.home((one) => ({ ...onlyCertificate('abc')(one), listen }));
    // The cache of all tests forgets what others push out.
    const cache = { CERTFLEET_CODE_CACHE: join(home.folder, 'cache') };
    const env = { ...cache, CERTFLEET_LISTEN: `unix:${join(home.folder, 'socket')}` };
    const daemon = startDaemon(home, { env });
    await daemon.saw('"certificate.deployed","certificate":"abc"');
    const folder = join(home.folder, 'certfleet.d');
    const added = join(folder, 'more.yaml');
    await mkdir(folder);
    const startedMs = performance.now();
    await replace(
      added,
      'certificates:\n  - { name: more, identifiers: [more.example.test], solver: web, deploy: [files] }\n',
    );
    await daemon.saw('"certificate.deployed","certificate":"more"');
    expect(performance.now() - startedMs).toBeLessThan(15_000);

    // The same name in two files.
    daemon.said();
    const second = join(folder, 'second.yaml');
    await replace(second, `\n${await readFile(added, 'utf8')}`);
    await daemon.saw(
      `${second}:3: the certificate name \\"more\\" is used twice; every certificate needs its own (also in ${added}:2)`,
    );
    // Everything runs on, also with a main file that is not valid, or gone.
    const valid = await readFile(home.config, 'utf8');
    const mistakes: readonly (readonly [string, () => Promise<void>])[] = [
      ['unknown key', () => replace(home.config, valid.replace('"certificates"', '"certificate"'))],
      ['it is no longer there', () => rm(home.config)],
    ];
    for (const [says, make] of sampled(mistakes, 1, 'mistakes')) {
      await make();
      await daemon.saw(says);
      const before = await Promise.all(['abc', 'more'].map((name) => makeDue(home, name)));
      await Promise.all(['abc', 'more'].map((name, at) => isRenewed(home, name, before[at])));
      // A supervisor must not end it for that.
      for (const given of [cache, env])
        expect(await home.certfleet(['health'], { env: given })).toMatchObject({ status: 0, stdout: 'ok\n' });
    }
    daemon.said();
    await rm(second);
    await replace(home.config, valid);
    await daemon.saw('"configuration.read"', 2);
    expect(daemon.said()).toContain('"message":"the configuration was read again: 2 certificates"');

    // What is no longer declared is not renewed any more.
    await rm(added);
    await daemon.saw('the configuration was read again: 1 certificate');
    expect(await daemon.stop()).toMatchObject({ status: 0, stderr: '' });
  });

  itDrawn('finishes an order that is in flight with the settings with which it began', async () => {
    const gate = join(await temporaryFolder('gate'), 'gate');
    execFileSync('mkfifo', [gate]);
    const opened = await open(gate, 'r+');
    onTestFinished(() => opened.close());
    const add = `printf 'server ${bench.bind.server.replace(':', ' ')}\nzone example.test\nupdate add %s 1 TXT "%s"\nsend\n' "$CERTFLEET_RECORD" "$CERTBOT_VALIDATION" | nsupdate -k ${bench.bind.keyFile}`;
    const home = await bench.home((one) => ({
      ...changeCertificate('abc', { solver: 'hook', endpoints: [], deploy: ['files'] })(onlyCertificate('abc')(one)),
      solvers: { ...one.solvers, hook: { type: 'command', present: `${add} && head -c 1 ${gate} >/dev/null` } },
    }));
    const daemon = startDaemon(home);
    const order = await until(
      async () => {
        const lineage = await readLineage(home.store, 'abc').catch(() => undefined);
        return lineage?.work?.step === 'challenges' ? lineage.work.order?.url : undefined;
      },
      { what: 'its order waits for the hook' },
    );

    // The solver is gone, and the certificate is to go elsewhere.
    const elsewhere = join(home.folder, 'elsewhere');
    await mkdir(elsewhere);
    await home.configure((one) => {
      const { hook: _, ...solvers } = one.solvers;
      return {
        ...changeCertificate('abc', { solver: 'web', deploy: ['elsewhere'] })(one),
        solvers,
        deployers: { elsewhere: { type: 'files', path: elsewhere } },
      };
    });
    await daemon.saw('"configuration.read"');
    expect((await readLineage(home.store, 'abc')).work?.order?.url).toBe(order);
    await opened.write('.');
    await until(() => readFile(join(home.files, 'live/abc/cert.pem')).catch(() => undefined), {
      what: 'it is delivered',
    });
    await until(async () => (await readLineage(home.store, 'abc')).work === undefined, { what: 'it is done' });
    expect(await daemon.stop()).toMatchObject({ status: 0, stderr: '' });
    // The next pass delivers the same version by the new settings.
    expect(await home.certfleet(['renew'])).toMatchObject({ status: 0 });
    expect(await readFile(join(elsewhere, 'live/abc/cert.pem'))).toEqual(
      await readFile(join(home.files, 'live/abc/cert.pem')),
    );
  });
});
