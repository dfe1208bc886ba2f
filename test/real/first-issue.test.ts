import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { Kind } from '../../src/ports/store.ts';
import { type AcmeProxy, startAcmeProxy } from '../support/acme-proxy.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  buildCertfleet,
  type Certfleet,
  documents,
  filesBelow,
  readLineage,
  stderrOf,
  succeeded,
} from '../support/e2e.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { sampled } from '../support/seeded.ts';
import { freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// A first `issue` by flags that never reached an order leaves nothing: no lineage that `renew` tries for ever, no journal
// on which `sweep` fails for ever.

stopAllAfterwards();

const name = 'www.example.test';
/** All that belongs to one certificate. The account stays: it exists at the CA, and the next try uses it. */
const ofCertificates = ['lineage', 'key', 'version', 'credential', 'token'] as const satisfies readonly Kind[];

describeWith(['pebble', 'nginx', ...bindPrograms], 'a first issue that came to no order', () => {
  let certfleet: Certfleet;
  let bind: Bind;
  let nginx: Nginx;
  let webroot: string;
  let pebble: Pebble;
  let proxy: AcmeProxy;
  let strict: Pebble;
  beforeAll(async () => {
    webroot = await temporaryFolder('webroot');
    const httpPort = await freePort();
    [certfleet, nginx, bind] = await Promise.all([
      buildCertfleet(),
      startNginx({ webroot, httpPort }),
      startBind({ zones: [{ name: 'example.test', records: ['www A 127.0.0.1'] }] }),
    ]);
    [pebble, strict] = await Promise.all([
      startPebble({ dnsServer: bind.server, httpPort }),
      startPebble({
        dnsServer: bind.server,
        httpPort,
        config: {
          externalAccountBindingRequired: true,
          externalAccountMACKeys: { 'kid-1': 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W' },
        },
      }),
    ]);
    proxy = await startAcmeProxy({ directoryUrl: pebble.directoryUrl, caFile: pebble.caFile });
  });
  beforeEach(() => proxy.forget());

  const fromPebble = () => ['--issuer', proxy.directoryUrl, '--ca-file', proxy.caFile];
  /** Nothing listens there. */
  const nowhere = async () => `127.0.0.1:${await freePort({ udp: true })}`;

  async function expectNothingOf(store: string): Promise<void> {
    for (const kind of ofCertificates) expect([kind, ...(await documents(store, kind)).keys()]).toEqual([kind]);
    // What a store keeps of deleted documents contains no secret.
    for (const [file, content] of await filesBelow(store)) {
      if (file.includes('/account/')) continue;
      expect(content.toString('latin1'), file).not.toContain('PRIVATE KEY');
      expect(content.toString('latin1'), file).not.toContain(bind.key.secret);
    }
  }

  interface Mistake {
    readonly args: () => Promise<readonly string[]> | readonly string[];
    readonly env?: () => Readonly<Record<string, string>>;
    readonly status: number;
    readonly words: RegExp;
  }
  const mistakes: Readonly<Record<string, Mistake>> = {
    'a webroot that does not exist': {
      args: () => ['-d', name, '--http', `webroot:${webroot}/nowhere`, ...fromPebble()],
      status: 5,
      words: /no such folder/,
    },
    'a webroot that is not the served one': {
      args: async () => ['-d', name, '--http', `webroot:${await temporaryFolder('other')}`, ...fromPebble()],
      status: 3,
      words: /status 404/,
    },
    'a name that does not exist': {
      args: () => ['-d', 'nowhere.example.test', '--http', `webroot:${webroot}`, ...fromPebble()],
      status: 3,
      words: /nowhere\.example\.test does not exist/,
    },
    'a CA that requires external account binding': {
      args: () => [
        ...['-d', name, '--http', `webroot:${webroot}`],
        ...['--issuer', strict.directoryUrl, '--ca-file', strict.caFile],
      ],
      status: 4,
      words: /external account binding/,
    },
    'a zone whose name servers cannot be found': {
      args: async () => [
        ...['-d', '*.example.test', '--name', name, '--dns', 'rfc2136', '--dns-option', `server=${await nowhere()}`],
        ...['--dns-option', `keyName=${bind.key.name}`, ...fromPebble()],
      ],
      env: () => ({ CERTFLEET_RFC2136_SECRET: bind.key.secret }),
      status: 5,
      words: /no authoritative name server of example\.test could be found/,
    },
    'a DNS server that does not answer': {
      args: async () => {
        const config = join(await temporaryFolder('first'), 'certfleet.yaml');
        const options = { server: await nowhere(), keyName: bind.key.name, secret: 'env:TSIG' };
        const dns = { zone: 'example.test', nameservers: [bind.server] };
        const solvers = { update: { type: 'dns01', provider: 'rfc2136', options, dns } };
        await writeFile(config, JSON.stringify({ solvers }));
        return ['-d', name, '--dns', 'update', '--config', config, ...fromPebble()];
      },
      env: () => ({ TSIG: bind.key.secret }),
      status: 5,
      words: /cannot be reached|did not answer|connection refused/,
    },
  };

  it.each(sampled(Object.entries(mistakes), 1, 'mistakes'))(
    'leaves nothing behind: %s',
    async (_title, { args, env, status, words }) => {
      const folder = await temporaryFolder('first');
      const store = join(folder, 'store');
      const common = ['--agree-tos', '--resolver', bind.server, '--http01-port', String(nginx.httpPort)];
      const run = async (...command: readonly string[]) =>
        certfleet([...command, '--store', store], env ? { env: env() } : {});
      const failed = await run('issue', ...(await args()), ...common);
      expect(failed.status, failed.stderr).toBe(status);
      expect(stderrOf(failed)).toMatch(words);
      // No message may promise a retry.
      expect(stderrOf(failed)).not.toMatch(/`certfleet renew[^`]*` tries/);

      await expectNothingOf(store);
      expect([proxy.seen('newOrder'), proxy.seen('finalize')]).toEqual([0, 0]);
      expect([...(await filesBelow(webroot)).keys()]).toEqual([]);
      expect(await bind.txt('example.test')).toEqual([]);

      // `renew` and `sweep` find nothing either, however often they run.
      proxy.forget();
      for (const command of ['renew', 'sweep', 'renew'])
        expect(await run(command, '--quiet'), command).toMatchObject({ status: 0, stdout: '', stderr: '' });
      expect(proxy.requests).toEqual([]);
      expect((await run('status', '--json')).stdout).not.toContain(name);

      // The same name without the mistake is like a first try.
      const mended = ['-d', name, '--http', `webroot:${webroot}`, ...fromPebble(), ...common];
      succeeded(await run('issue', ...mended));
      expect([...(await documents(store, 'lineage')).keys()]).toEqual([name]);
      expect((await documents(store, 'key')).size).toBe(1);
    },
  );

  it('remembers the failure once there was an order', async () => {
    const store = join(await temporaryFolder('first'), 'store');
    proxy.fault({ on: 'finalize', times: Number.POSITIVE_INFINITY, what: { type: 'status', status: 403 } });
    const args = ['-d', name, '--http', `webroot:${webroot}`, ...fromPebble()];
    const common = ['--agree-tos', '--resolver', bind.server, '--http01-port', String(nginx.httpPort)];
    const failed = await certfleet(['issue', ...args, ...common, '--store', store]);
    proxy.clear();
    expect(failed.status, failed.stderr).toBe(4);
    expect([...(await documents(store, 'lineage')).keys()]).toEqual([name]);
    expect(stderrOf(failed)).toMatch(/`certfleet renew[^`]*` tries again/);
  });

  itDrawn('leaves nothing of a staging try either', async () => {
    const folder = await temporaryFolder('first');
    const [store, config] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
    const own = { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true };
    await writeFile(config, JSON.stringify({ issuers: { own } }));
    const args = ['-d', name, '--staging', '--http', `webroot:${await temporaryFolder('other')}`];
    const common = ['--resolver', bind.server, '--http01-port', String(nginx.httpPort)];
    const failed = await certfleet(['issue', ...args, ...common, '--config', config, '--store', store]);
    expect(failed.status, failed.stderr).toBe(3);
    await expectNothingOf(store);
  });

  itDrawn('leaves a certificate that was issued before as it was', async () => {
    const store = join(await temporaryFolder('first'), 'store');
    const common = ['--agree-tos', '--resolver', bind.server, '--http01-port', String(nginx.httpPort)];
    const issue = (http: string, ...more: readonly string[]) =>
      certfleet(['issue', '-d', name, '--http', http, ...fromPebble(), ...common, ...more, '--store', store]);
    succeeded(await issue(`webroot:${webroot}`));
    const before = await readLineage(store, name);
    const mistyped = await issue(`webroot:${webroot}/nowhere`, '--force');
    expect(mistyped.status, mistyped.stderr).toBe(5);
    expect(await readLineage(store, name), 'the mistyped folder is not stored').toEqual(before);

    const elsewhere = join(webroot, 'elsewhere');
    await mkdir(elsewhere);
    succeeded(await issue(`webroot:${elsewhere}`));
    await rm(elsewhere, { recursive: true });
    const failed = await issue(`webroot:${elsewhere}`, '--force');
    expect(failed.status, failed.stderr).toBe(5);
    const { current } = before;
    expect(await readLineage(store, name)).toMatchObject({ current: { id: current?.id }, failure: { count: 1 } });
  });
});
