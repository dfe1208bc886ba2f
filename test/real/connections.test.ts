import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { exampleSocket } from '../../scripts/api-page.ts';
import { wrongToken } from '../../src/dns/test-cloudflare.ts';
import { type ApiDaemon, apiPlaces, startApiDaemon } from '../support/api-daemon.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { type ServedDnsApi, serveDnsApi } from '../support/dns-api.ts';
import { dnsApis } from '../support/dns-api-cases.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  buildCertfleet,
  type Certfleet,
  documents,
  filesBelow,
  openStore,
  readLineage,
  stderrOf,
  succeeded,
} from '../support/e2e.ts';
import { startPebble } from '../support/pebble.ts';
import { atEnd, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// A solver that is declared through the API proves names at a real CA, and its token stays where it was put.

const zone = 'example.test';
const cloudflare = dnsApis.find(({ type }) => type === 'cloudflare')!;
const token = cloudflare.options['token']!;
/** The machine has one, too, which is for whoever may change its environment and files. */
const ofMachine = 'tell-nobody-of-this-machine';
const { signal } = new AbortController();

describeWith(['pebble', ...bindPrograms], 'connections that are declared through the API', () => {
  stopAllAfterwards();
  let bind: Bind;
  let api: ServedDnsApi;
  let folder: string;
  let store: string;
  let config: string;
  let certfleet: Certfleet;
  let daemon: ApiDaemon;
  let configure: (change?: object) => Promise<void>;
  beforeAll(async () => {
    const [built, named] = await Promise.all([
      buildCertfleet(),
      startBind({ zones: [{ name: zone, records: ['@ A 127.0.0.1', 'abc A 127.0.0.1'] }] }),
    ]);
    bind = named;
    const pebble = await startPebble({ dnsServer: bind.server });
    api = await serveDnsApi(cloudflare.fake, { zone, server: bind, vendor: cloudflare.vendor! });
    folder = await temporaryFolder('connections');
    [store, config] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
    const env = { CERTFLEET_CLOUDFLARE_TOKEN: ofMachine, CLOUDFLARE_DNS_API_TOKEN: ofMachine };
    certfleet = (args, options) =>
      built([...args, '--config', config], { ...options, env: { ...env, ...options?.env } });
    const key = join(folder, 'store.key');
    succeeded(await built(['store', 'key', key]));
    const places = await apiPlaces(folder);
    const file = {
      store: { type: 'file', path: store },
      storeKey: `file:${key}`,
      issuers: { pebble: { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true } },
      pages: places.pages,
    };
    configure = (change = {}) => writeFile(config, JSON.stringify({ ...file, ...change }));
    await configure();
    daemon = await startApiDaemon({ certfleet }, places);
  });

  const settings = () => ({
    ...{ type: 'dns01', provider: 'cloudflare' },
    options: { token, endpoint: `${api.origin}${cloudflare.path}` },
    dns: { zone, nameservers: [bind.server] },
  });
  const dns = '/declared/solvers/dns';
  const versionOf = async () => (await readLineage(store, 'abc').catch(() => undefined))?.current?.id;
  const issuedAfter = (before: string | undefined) =>
    until(async () => ((await versionOf()) ?? before) !== before, { what: 'another version of abc' });

  it('issue over DNS-01, in the daemon and in commands', async () => {
    const wrong = { ...settings(), options: { ...settings().options, token: wrongToken } };
    expect((await daemon.ask('PUT', dns, { body: wrong })).status).toBe(200);
    const certificate = { identifiers: [`abc.${zone}`, `*.abc.${zone}`], issuer: 'pebble', solver: 'dns' };
    expect((await daemon.ask('PUT', '/declared/certificates/abc', { body: certificate })).status).toBe(200);
    const failed = async () => (await daemon.ask('GET', '/certificates/abc')).json.lastFailure?.code === 'dns/refused';
    await until(failed, { what: 'the wrong token is refused' });
    expect((await daemon.ask('POST', `${dns}/test`, { body: { zone } })).json).toMatchObject({
      ...{ ok: false, failure: { code: 'dns/refused', message: expect.stringContaining('token') } },
    });
    // The right one ends the pause after a failure.
    const made = await daemon.ask('PUT', dns, { body: settings() });
    expect([made.status, made.text]).toEqual([200, expect.stringContaining('revision')]);
    const tried = await daemon.ask('POST', `${dns}/test`, { body: { zone } });
    expect(tried.json).toMatchObject({
      ok: true,
      steps: expect.arrayContaining([{ step: 'gone', finding: expect.any(String), ms: expect.any(Number) }]),
    });
    for (const nonsense of ['https://example.test/', '*.example.test', '<b>'])
      expect((await daemon.ask('POST', `${dns}/test`, { body: { zone: nonsense } })).json).toMatchObject({
        ...{ status: 422, fields: { zone: 'expected a name, like example.com' } },
      });
    await issuedAfter(undefined);
    const first = await versionOf();
    // A command that comes before its work has ended reports the result of that.
    const isValid = async () => (await daemon.ask('GET', '/certificates/abc')).json.state === 'valid';
    await until(isValid, { what: 'its work has ended' });
    const renewed = await certfleet(['renew', 'abc', '--force']);
    succeeded(renewed);
    expect(await versionOf()).not.toBe(first);
    const test = await certfleet(['dns', 'test', 'dns', zone]);
    succeeded(test);
    succeeded(await certfleet(['issue', '-d', `def.${zone}`, '--dns', 'dns']));
    expect(api.values()).toEqual([]);
    expect((await daemon.ask('GET', dns)).json).toMatchObject({
      ...{ declaredIn: 'store', by: 'socket', secrets: ['options.token'], certificates: ['abc'] },
      options: { 'options.endpoint': settings().options.endpoint, 'dns.zone': zone },
    });
  });

  it('keep their secret in the sealed store', async () => {
    const answers = await Promise.all(
      [
        '/connections',
        dns,
        '/declared/certificates',
        '/certificates/abc',
        '/audit',
        '/overview',
        '/adapters/solvers',
        '/alarms',
      ].map(async (path) => (await daemon.ask('GET', path)).text),
    );
    const commands = ['status abc --json', 'show abc --json', 'config check'];
    const ran = await Promise.all(commands.map((command) => certfleet(command.split(' '))));
    answers.push(...ran.map((one) => JSON.stringify(one)));
    const files = [...(await filesBelow(folder))].filter(([, bytes]) => bytes.includes(token));
    expect(files.map(([file]) => file)).toEqual([]);
    expect([...answers, daemon.said()].filter((text) => text.includes(token))).toEqual([]);
    expect((await documents(store, 'declared')).get('solvers~dns')).not.toContain('cloudflare');
    const backup = join(folder, 'backup');
    succeeded(await certfleet(['backup', backup]));
    expect((await readFile(backup)).includes(token)).toBe(false);
  });

  it('send nothing to another address before the secrets are entered again', async () => {
    const asked: string[] = [];
    const evil = createServer((request, answer) => {
      asked.push(`${request.url} ${JSON.stringify(request.headers)}`);
      answer.end('{}');
    });
    await new Promise<void>((done) => void evil.listen(0, '127.0.0.1', done));
    atEnd(() => void evil.close());
    const endpoint = `http://127.0.0.1:${(evil.address() as AddressInfo).port}`;
    const elsewhere = { ...settings(), options: { endpoint } };
    const { status, json } = await daemon.ask('PUT', dns, { body: elsewhere });
    expect([status, json.code, Object.keys(json.fields)]).toEqual([
      422,
      'config/declaration-refused',
      ['options.token'],
    ]);
    // Nor what the machine has for its own file.
    const own = await daemon.ask('PUT', '/declared/solvers/other', { body: elsewhere });
    expect([own.status, Object.keys(own.json.fields)]).toEqual([422, ['options.endpoint']]);
    const bare = { type: 'dns01', provider: 'desec', options: { endpoint } };
    const none = await daemon.ask('PUT', '/declared/solvers/other', { body: bare });
    expect([none.status, Object.keys(none.json.fields)]).toEqual([422, ['options.token']]);
    expect(asked).toEqual([]);
    expect((await daemon.ask('POST', `${dns}/test`, { body: { zone } })).json).toMatchObject({ ok: true });
  });

  it('are for operators, and what leads private keys for administrators that the file lets', async () => {
    const tokens = new Map<string, string>();
    for (const role of ['viewer', 'operator', 'admin']) tokens.set(role, await daemon.makeToken({ name: role, role }));
    const as = (role: string) => ({ token: tokens.get(role)! });
    const push = { type: 'webhook', url: 'https://deploy.example.test/' };
    const chat = { type: 'slack', url: 'https://hooks.slack.com/services/tell-nobody' };
    const rows = [
      ['viewer', 'alarms/chat', chat, 403, 'access/role'],
      ['operator', 'alarms/chat', chat, 200, undefined],
      ['operator', 'deployers/push', push, 403, 'access/role'],
      ['admin', 'deployers/push', push, 403, 'access/fixed-targets'],
    ] as const;
    const put = async (role: string, path: string, body: object) => {
      const { status, json } = await daemon.ask('PUT', `/declared/${path}`, { ...as(role), body });
      return [status, json.code];
    };
    for (const [role, path, body, status, code] of rows)
      expect([role, path, ...(await put(role, path, body))]).toEqual([role, path, status, code]);
    expect((await daemon.ask('GET', '/connections', as('viewer'))).json.changesTargets).toBe(false);
    for (const [role, isSeen] of [
      ['viewer', false],
      ['operator', true],
    ] as const) {
      const { connections } = (await daemon.ask('GET', '/connections', as(role))).json;
      const given = connections.flatMap(({ options, secrets }: { options: object; secrets: readonly string[] }) => [
        ...Object.keys(options),
        ...secrets,
      ]);
      expect([role, given.length > 0]).toEqual([role, isSeen]);
    }
    const { pages } = JSON.parse(await readFile(config, 'utf8'));
    await configure({ pages: { ...pages, changeTargets: true } });
    await until(async () => (await daemon.ask('GET', '/connections', as('viewer'))).json.changesTargets === true, {
      what: 'the file is read again',
    });
    expect(await put('operator', 'deployers/push', push)).toEqual([403, 'access/role']);
    expect(await put('admin', 'deployers/push', push)).toEqual([200, undefined]);
    expect((await daemon.ask('DELETE', '/declared/deployers/push', as('operator'))).status).toBe(403);
    expect((await daemon.ask('DELETE', '/declared/deployers/push', as('admin'))).status).toBe(204);
    expect((await daemon.ask('DELETE', '/declared/alarms/chat', as('operator'))).status).toBe(204);
    const { entries } = (await daemon.ask('GET', '/audit')).json;
    const acts = entries.map(
      ({ who, what, object, result }: Record<string, string>) => `${who} ${what} ${object} ${result}`,
    );
    expect(acts).toEqual(
      expect.arrayContaining([
        'viewer request PUT /api/v1/declared/alarms/chat refused',
        'operator connection.declare alarms.chat done',
        'admin connection.declare deployers.push access/fixed-targets',
        'admin connection.declare deployers.push done',
        'operator connection.remove deployers.push access/role',
        'socket connection.test solvers.dns done',
        'socket connection.declare solvers.other refused',
      ]),
    );
    expect(JSON.stringify(entries)).not.toContain('tell-nobody');
  });

  it('do what the examples of the reference say', async () => {
    const page = await readFile(new URL('../../docs/reference/api.md', import.meta.url), 'utf8');
    const path = '/declared/{section}/{name}';
    for (const title of [`PUT ${path}`, `GET ${path}`, 'GET /connections', `POST ${path}/test`, `DELETE ${path}`]) {
      const text = page.split(`### ${title}\n`)[1]!.split('```sh\n')[1]!.split('```')[0]!;
      expect([title, await sh(text.replaceAll(exampleSocket, daemon.socket))]).toEqual([title, 0]);
    }
  });

  itDrawn('stay for whom they serve, also under another key, and are missed without harm', async () => {
    const used = await daemon.ask('DELETE', dns);
    expect(used.json).toMatchObject({ status: 409, code: 'config/connection-in-use', params: { users: 'abc' } });
    const [before, newer] = [join(folder, 'store.key'), join(folder, 'newer.key')];
    succeeded(await certfleet(['store', 'key', newer]));
    await configure({ storeKey: [`file:${newer}`, `file:${before}`] });
    succeeded(await certfleet(['store', 'encrypt']));
    await configure({ storeKey: `file:${newer}` });
    succeeded(await certfleet(['renew', 'abc', '--force']));
    // Someone has removed it past the API.
    const beside = openStore(store);
    const key = { kind: 'declared', name: 'solvers~dns' } as const;
    await beside.delete(key, { ifRevision: (await beside.get(key, signal))!.revision, signal });
    const first = await versionOf();
    const kept = await certfleet(['renew', '--force']);
    succeeded(kept);
    expect(stderrOf(kept)).toContain('its declaration in the store is refused, so it keeps its settings of before');
    expect(await versionOf()).not.toBe(first);
  });
});

const sh = (script: string): Promise<number | string> =>
  new Promise((resolve) => {
    execFile('sh', ['-euc', script], (error, _stdout, stderr) => resolve(error === null ? 0 : stderr));
  });
