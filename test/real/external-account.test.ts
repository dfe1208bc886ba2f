import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, documents, filesBelow, stderrOf, succeeded } from '../support/e2e.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { sampled } from '../support/seeded.ts';
import { freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// External account binding (RFC 8555 §7.3.4) at a CA that requires it: Pebble checks the key id, the signature and the
// public key inside.

stopAllAfterwards();

// From Pebble's own example; one of them has characters that only base64url has.
const keys = {
  'kid-1': 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W',
  'kid-3': 'HjudV5qnbreN-n9WyFSH-t4HXuEx_XFen45zuxY-G1h6fr74V3cUM_dVlwQZBWmc',
};

describeWith(['pebble', 'pebble-challtestsrv'], 'a CA with customers only', () => {
  let certfleet: Certfleet;
  let pebble: Pebble;
  let folder: string;
  beforeAll(async () => {
    const httpPort = await freePort();
    const config = { externalAccountBindingRequired: true, externalAccountMACKeys: keys };
    [certfleet, pebble, folder] = await Promise.all([
      buildCertfleet(),
      startPebble({ httpPort, config }),
      temporaryFolder('eab'),
    ]);
  });

  const issue = (store: string, name: string, more: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    certfleet(
      [
        ...['issue', '-d', name, '--store', join(folder, store), '--agree-tos', '--ignore-preflight'],
        ...['--issuer', pebble.directoryUrl, '--ca-file', pebble.caFile, '--resolver', pebble.dnsServer],
        ...['--http', `standalone:127.0.0.1:${pebble.httpPort}`, '--http01-port', String(pebble.httpPort), ...more],
      ],
      { env },
    );
  const accounts = async (store: string) => [...(await documents(join(folder, store), 'account')).keys()];

  it.each(
    sampled(
      [
        ['without a key', [], {}, 'opens accounts only for its own customers'],
        ['with a wrong key', ['--eab-kid', 'kid-1', '--eab-hmac-key', 'env:KEY'], { KEY: keys['kid-3'] }, 'kid-1'],
        ['with a wrong key id', ['--eab-kid', 'kid-9', '--eab-hmac-key', 'env:KEY'], { KEY: keys['kid-3'] }, 'kid-9'],
        ['with a key id alone', ['--eab-kid', 'kid-1'], {}, 'CERTFLEET_EAB_HMAC_KEY'],
      ],
      2,
      'refusals',
    ),
  )('opens no account %s', async (what, flags, env, words) => {
    const ran = await issue(`refused-${what.length}`, 'a.example.test', flags, env);
    expect(ran.status).not.toBe(0);
    expect(stderrOf(ran)).toContain(words);
    for (const key of Object.values(keys)) expect(ran.stdout + ran.stderr).not.toContain(key);
  });

  describe('opens an account with a key from the environment, as base64 with padding and a line break', () => {
    const env = {
      EAB: Buffer.from(keys['kid-3'], 'base64url')
        .toString('base64')
        .replace(/^(.{20})/, '$1\n'),
    };
    let first: Awaited<ReturnType<typeof issue>>;
    beforeAll(async () => {
      first = await issue('kept', 'b.example.test', ['--eab-kid', 'kid-3', '--eab-hmac-key', 'env:EAB'], env);
    });

    it('named by its key id', async () => {
      succeeded(first);
      expect(await accounts('kept')).toEqual([`${pebble.directoryUrl}~kid-3`]);
    });

    it('and a renewal that has no such variable needs none', async () => {
      succeeded(await certfleet(['renew', '--force', '--store', join(folder, 'kept')]));
      const kept = (await documents(join(folder, 'kept'), 'credential')).get('b.example.test');
      expect(JSON.parse(kept ?? '{}')).toMatchObject({ env });
      // Only there: neither the settings nor the account contain it.
      for (const [file, bytes] of await filesBelow(join(folder, 'kept')))
        if (!file.includes('/credential/')) expect(bytes.toString('latin1'), file).not.toContain(env.EAB.slice(-30));
    });

    it('and another certificate uses the account by its name', async () => {
      succeeded(await issue('kept', 'c.example.test', ['--account', 'kid-3']));
      expect(await accounts('kept')).toHaveLength(1);
    });
  });

  itDrawn('lists, rolls over and closes the account', async () => {
    // A store of its own, so that it can be tried again.
    const [name, flags] = [`life-${Date.now()}`, ['--eab-kid', 'kid-1', '--eab-hmac-key', 'env:KEY']];
    succeeded(await issue(name, 'e.example.test', flags, { KEY: keys['kid-1'] }));
    const run = (...args: string[]) => certfleet([...args, '--store', join(folder, name)]);
    const account = async () => JSON.parse((await run('account', 'list', '--json')).stdout) as Record<string, unknown>;
    const before = await account();
    expect(before).toMatchObject({ name: 'kid-1', state: 'open', certificates: ['e.example.test'] });
    succeeded(await run('account', 'rollover', '--account-key', 'ES384'));
    expect(await account()).toMatchObject({ url: before['url'], keyType: 'p384' });
    succeeded(await run('renew', '--force'));
    succeeded(await run('account', 'update', '--email', 'ops@example.com'));
    expect((await run('account', 'deactivate')).status).toBe(2);
    succeeded(await run('account', 'deactivate', '--yes'));
    const refused = await run('renew', '--force');
    expect(refused.status).toBe(4);
    expect(stderrOf(refused)).toContain('is deactivated');
  });

  itDrawn('opens an account alone, and removes one that the CA refused', async () => {
    const name = `alone-${Date.now()}`;
    const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
      certfleet([...args, '--store', join(folder, name)], { env });
    const open = (kid: string, key: string) => {
      const trust = ['--ca-file', pebble.caFile, '--agree-tos'];
      return run(['account', 'open', pebble.directoryUrl, ...trust, '--eab-kid', kid, '--eab-hmac-key', 'env:KEY'], {
        KEY: key,
      });
    };
    expect((await open('kid-9', keys['kid-1'])).status).toBe(4);
    succeeded(await open('kid-1', keys['kid-1']));
    const removed = await run(['account', 'remove', '--account', 'kid-9', '--force']);
    succeeded(removed);
    const listed = (await run(['account', 'list'])).stdout;
    expect(listed).toMatch(/kid-1 +open/);
    expect(listed).not.toContain('kid-9');
  });

  itDrawn('says of itself that it has customers only, and no store is made to ask it', async () => {
    const store = join(folder, 'none');
    const ran = await certfleet(['issuers', pebble.directoryUrl, '--ca-file', pebble.caFile, '--store', store]);
    succeeded(ran);
    expect(ran.stdout).toContain('only for its customers (EAB)');
    expect(await filesBelow(store)).toEqual(new Map());
  });

  it('opens an account with a key from a file, of a configuration', async () => {
    await writeFile(join(folder, 'eab.key'), `${keys['kid-1']}\n`, { mode: 0o600 });
    const { directoryUrl: directory, caFile, httpPort } = pebble;
    const configuration = {
      store: { type: 'file', path: join(folder, 'declared') },
      issuers: {
        ca: {
          ...{ directory, caFile, agreeToTerms: true, test: true, accountKey: 'RS256' },
          eab: { kid: 'kid-1', hmacKey: `file:${join(folder, 'eab.key')}` },
        },
      },
      solvers: { web: { type: 'http01-responder', listen: `127.0.0.1:${httpPort}` } },
      certificates: [{ name: 'd', identifiers: ['d.example.test'] }],
      preflight: { resolvers: [pebble.dnsServer], http01Port: httpPort },
    };
    const file = join(folder, 'certfleet.yaml');
    await writeFile(file, JSON.stringify(configuration));
    succeeded(await certfleet(['config', 'check', '--config', file]));
    succeeded(await certfleet(['issue', '--config', file, '--ignore-preflight']));
    expect(await accounts('declared')).toEqual([`${directory}~kid-1`]);
  });
});
