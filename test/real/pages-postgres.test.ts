import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { type ApiDaemon, apiPlaces, followEvents, startApiDaemon } from '../support/api-daemon.ts';
import { buildCertfleet, type RunOptions, succeeded } from '../support/e2e.ts';
import { startNginx } from '../support/nginx.ts';
import { startPebble } from '../support/pebble.ts';
import { hasPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// What pages and API keep is in the store, whichever that is: here two processes have it in a database.

const secret = 'nobody-else-knows-this-one';

describeWith(['pebble', 'nginx', hasPostgres], 'the API of two processes with a store in PostgreSQL', () => {
  stopAllAfterwards();
  let server: Postgres;
  let one: ApiDaemon;
  let other: ApiDaemon;
  beforeAll(async () => {
    const folder = await temporaryFolder('pages-postgres');
    const webroot = join(folder, 'webroot');
    await mkdir(webroot, { mode: 0o755 });
    const [certfleet, nginx] = await Promise.all([buildCertfleet(), startNginx({ webroot })]);
    const pebble = await startPebble({ httpPort: nginx.httpPort });
    server = await startPostgres();
    const key = join(folder, 'store.key');
    succeeded(await certfleet(['store', 'key', key]));
    const start = async (node: string) => {
      const config = join(folder, `${node}.yaml`);
      await mkdir(join(folder, node));
      const places = await apiPlaces(join(folder, node));
      const settings = {
        ...{ node, store: { type: 'postgres', url: 'env:DATABASE', tls: 'off' }, storeKey: `file:${key}` },
        issuers: { pebble: { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true } },
        solvers: { web: { type: 'http01-webroot', folders: webroot } },
        preflight: { resolvers: [pebble.dnsServer], http01Port: nginx.httpPort },
        pages: places.pages,
      };
      await writeFile(config, JSON.stringify(settings));
      const run = (args: readonly string[], options: RunOptions = {}) =>
        certfleet([...args, '--config', config], { ...options, env: { DATABASE: server.url() } });
      return startApiDaemon({ certfleet: run }, places);
    };
    one = await start('one');
    other = await start('other');
  });

  it('declare, issue, pause and write down in one what the other shows', async () => {
    const { events, end } = followEvents(other);
    const ops = { type: 'webhook', url: 'https://ops.example/hook', secretHeaders: `authorization: ${secret}` };
    const made = await one.ask('PUT', '/declared/alarms/ops', { body: ops });
    expect([made.status, made.text]).toEqual([200, expect.stringContaining('revision')]);
    const abc = { identifiers: ['abc.example.test'], issuer: 'pebble', solver: 'web' };
    expect((await one.ask('PUT', '/declared/certificates/abc', { body: abc })).status).toBe(200);
    await until(async () => (await other.ask('GET', '/certificates/abc')).json?.state === 'valid', {
      what: 'the other one shows that it is issued',
    });
    await until(() => events.some(({ names }) => names.includes('abc')), { what: 'and tells who follows it' });
    end();

    const seen = (await one.ask('GET', '/certificates/abc')).json;
    expect(await other.ask('POST', '/certificates/abc/pause', { body: {} })).toMatchObject({ status: 200 });
    await until(async () => (await one.ask('GET', '/certificates/abc')).json.isPaused === true, { what: 'a pause' });
    // What someone saw before the pause is no longer so.
    const late = await one.ask('POST', '/certificates/abc/renew', { headers: { 'if-match': seen.revision } });
    expect([late.status, late.json.code]).toEqual([412, expect.any(String)]);

    const done = ['connection.declare', 'certificate.declare', 'certificate.pause'];
    const written = (await one.ask('GET', '/audit')).json.entries as readonly { readonly what: string }[];
    expect(written.map(({ what }) => what)).toEqual(expect.arrayContaining(done));
    const token = await one.makeToken({ name: 'ci', role: 'viewer' });
    await until(async () => (await other.ask('GET', '/overview', { token })).status === 200, { what: 'the token' });
    const documents = await server.sql('select encode(bytes, $$escape$$) from certfleet.document');
    expect(documents.join('\n')).not.toContain(secret);
    expect(documents.join('\n')).not.toContain(token);
  });
});
