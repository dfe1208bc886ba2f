import { execFile } from 'node:child_process';
import { lstat, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { type AcmeProxy, startAcmeProxy } from '../support/acme-proxy.ts';
import { buildCertfleet, type Certfleet, filesBelow, succeeded } from '../support/e2e.ts';
import { startPebble } from '../support/pebble.ts';
import { sampled } from '../support/seeded.ts';
import { freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// The store is encrypted, backed up, destroyed and restored; then `renew` against Pebble orders nothing.

stopAllAfterwards();

describeWith(['pebble'], 'a store that is lost', () => {
  let certfleet: Certfleet;
  let proxy: AcmeProxy;
  let httpPort: number;
  beforeAll(async () => {
    httpPort = await freePort();
    const [built, pebble] = await Promise.all([buildCertfleet(), startPebble({ httpPort })]);
    certfleet = built;
    proxy = await startAcmeProxy({ directoryUrl: pebble.directoryUrl, caFile: pebble.caFile });
  });

  /** Without the last event, which has a time. */
  // The node has run since.
  const statuses = (stdout: string) =>
    stdout
      .split('\n')
      .filter((line) => line.includes('"object"'))
      .map((line) => line.replace(/"lastRun":"[^"]+"/, ''));
  const orders = () => proxy.requests.filter(({ kind }) => kind === 'newOrder').length;

  it.each(sampled(['removed', 'truncated'], 1, 'losses'))(
    '%s: a backup brings it back, and renew orders nothing',
    async (how) => {
      proxy.forget();
      const folder = await temporaryFolder('backup');
      const [store, key, backup] = ['store', 'store.key', 'certfleet.backup'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      const env = { CERTFLEET_STORE_KEY: `file:${key}` };
      const run = async (...args: string[]) => {
        const ran = await certfleet([...args, '--store', store], { env });
        succeeded(ran);
        return ran.stdout;
      };
      const privateKeys = async () =>
        [...(await filesBelow(store))].filter(([, content]) => content.includes('PRIVATE KEY')).map(([path]) => path);

      succeeded(await certfleet(['store', 'key', key]));
      const name = `${how}.example.test`;
      await run(
        ...['issue', '-d', name, '--agree-tos', '--http', `standalone:127.0.0.1:${httpPort}`],
        ...['--issuer', proxy.directoryUrl, '--ca-file', proxy.caFile, '--http01-port', `${httpPort}`],
        ...['--deploy', `files:${join(folder, 'certs')}`, '--ignore-preflight'],
      );
      expect(await privateKeys()).toEqual([]);
      const before = statuses(await run('status', '--json'));
      // What stands there and is no file is never replaced by one.
      const pipe = join(folder, 'pipe');
      await promisify(execFile)('mkfifo', [pipe]);
      expect((await certfleet(['backup', pipe, '--store', store], { env })).status).toBe(2);
      expect((await lstat(pipe)).isFIFO()).toBe(true);
      await run('backup', backup);
      if (how === 'removed') await rm(store, { recursive: true });
      else {
        for (const shard of await readdir(join(store, 'lineage')))
          for (const file of await readdir(join(store, 'lineage', shard)))
            await truncate(join(store, 'lineage', shard, file), 10);
        const broken = await certfleet(['renew', '--store', store], { env });
        expect(broken.status, broken.stderr).toBe(7);
        await rm(store, { recursive: true });
      }
      await run('restore', backup);
      expect(await privateKeys()).toEqual([]);
      await run('renew');
      const after = statuses(await run('status', '--json'));
      expect(after).toEqual(before);
      expect(orders()).toBe(1);
      // The account came back, too: a new order needs no new one.
      await run('renew', '--force');
      expect(orders()).toBe(2);
      expect(proxy.requests.filter(({ kind }) => kind === 'newAccount')).toHaveLength(1);
    },
  );
});

describeWith(['pebble'], 'literal secrets of certfleet.yaml', () => {
  const hmacKey = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';

  it('are found nowhere in an encrypted store, and only among credentials in any other', async () => {
    const httpPort = await freePort();
    const config = { externalAccountBindingRequired: true, externalAccountMACKeys: { 'kid-1': hmacKey } };
    const [certfleet, pebble, folder] = await Promise.all([
      buildCertfleet(),
      startPebble({ httpPort, config }),
      temporaryFolder('literals'),
    ]);
    const [store, key, yaml] = ['store', 'store.key', 'certfleet.yaml'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const directory = { directory: pebble.directoryUrl, caFile: pebble.caFile, test: true, agreeToTerms: true };
    await writeFile(
      yaml,
      JSON.stringify({
        store: { type: 'file', path: store },
        issuers: { pebble: { ...directory, eab: { kid: 'kid-1', hmacKey } } },
        solvers: { http: { type: 'http01-responder', listen: `127.0.0.1:${httpPort}` } },
        certificates: [{ name: 'abc', identifiers: ['abc.example.test'] }],
        preflight: { http01Port: httpPort },
      }),
      { mode: 0o600 },
    );
    const holders = async () =>
      [...(await filesBelow(store))]
        .filter(([, content]) => content.includes(hmacKey))
        .map(([path]) => path.slice(store.length).split('/')[1]);
    const run = async (...args: string[]) => succeeded(await certfleet([...args, '--config', yaml]));
    await run('issue', '--ignore-preflight');
    expect(new Set(await holders())).toEqual(new Set(['credential']));
    await run('store', 'key', key);
    await run('store', 'encrypt', '--store-key', `file:${key}`);
    expect(await holders()).toEqual([]);
    await run('renew', '--force', '--store-key', `file:${key}`);
    expect(await holders()).toEqual([]);
  });
});
