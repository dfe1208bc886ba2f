import { createHmac, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/errors/secret.ts';
import webhook from '../../src/deployers/webhook.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createHttp } from '../../src/lib/http/http.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { Deployer, VersionBundle } from '../../src/ports/deployer.ts';
import type { World } from '../../src/ports/world.ts';
import { deployerContract } from '../../src/testing/deployer-contract.ts';
import { localHttps } from '../support/https.ts';
import { atEnd } from '../support/service.ts';
import { createVersionMaker, type VersionMaker } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();
let versions: VersionMaker;
beforeAll(async () => {
  versions = await createVersionMaker();
});
const signal = new AbortController().signal;
const note = async () => {};

interface Call {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver that installs what it gets, and says which certificate it uses. */
async function startReceiver(over: 'https' | 'http' = 'https') {
  const https = await localHttps();
  const calls: Call[] = [];
  const used = new Map<string, string>();
  const made = {
    calls,
    used,
    caFile: https.caFile,
    /** Answers instead of installing anything. `lose` installs it and cuts the connection. */
    interfere: (_call: Call): { status: number; body: string; type?: string } | 'lose' | undefined => undefined,
    url: '',
    stop: async () => {},
  };
  const [cert, key] = await Promise.all([readFile(https.certFile), readFile(https.keyFile)]);
  const server = over === 'https' ? createHttpsServer({ cert, key }) : createServer();
  server.on('request', async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url, headers } = request;
    const call = { method, url, headers, body: Buffer.concat(chunks).toString() };
    calls.push(call);
    const fault = made.interfere(call);
    if (typeof fault === 'object')
      return response.writeHead(fault.status, { 'content-type': fault.type ?? 'text/plain' }).end(fault.body);
    if (method === 'GET') {
      const fingerprint = used.get(decodeURIComponent(url!.split('/').at(-1)!));
      return response.writeHead(fingerprint ? 200 : 404).end(fingerprint && JSON.stringify({ fingerprint }));
    }
    const { name, fullchain, privateKey } = JSON.parse(call.body);
    const leaf = new X509Certificate(fullchain);
    if (privateKey !== undefined && !/^-----BEGIN/.test(privateKey)) return response.writeHead(400).end('no key');
    used.set(name, leaf.fingerprint256);
    return fault === 'lose' ? request.socket.destroy() : response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  made.url = `${over}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  made.stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  atEnd(made.stop);
  return made;
}
type Receiver = Awaited<ReturnType<typeof startReceiver>>;

const lines: string[] = [];
const log = (message: string) => void lines.push(message);
const world = {
  // Pauses are shorter, because the receiver is near.
  clock: { ...systemClock, sleep: (ms: number, signal: AbortSignal) => systemClock.sleep(ms / 50, signal) },
  random: systemRandom,
  log: { debug: log, info: log, warn: log },
  http: (options: { readonly caFile?: string }) => createHttp({ env: {}, ...options }),
} as unknown as World;

const open = ({ url, caFile }: Pick<Receiver, 'url' | 'caFile'>, more: Record<string, unknown> = {}): Deployer =>
  webhook.connect({
    options: webhook.options.parse({ url: `${url}/in`, caFile, ...more }),
    ...{ name: 'hook', owner: '0123456789ab', world },
  });
const make = (lineage = 'www') => versions.make(lineage, [`${lineage}.example.test`]);
const deploy = async (deployer: Deployer, version: VersionBundle) =>
  deployer.activate(version, await deployer.stage(version, note, signal), note, signal);
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('no error'),
    (error: unknown) => error as Error,
  );

deployerContract(test, async () => {
  const receiver = await startReceiver();
  lines.length = 0;
  return {
    connect: () => open(receiver, { key: true, lookUrl: `${receiver.url}/used/{name}` }),
    version: () => make(),
    inUse: async () => receiver.used.get('www')?.replaceAll(':', '').toLowerCase(),
    async breakActivation() {
      // Repeats the request with the private key.
      receiver.interfere = ({ method, body }) => (method === 'POST' ? { status: 500, body } : undefined);
      return async () => {
        receiver.interfere = () => undefined;
      };
    },
    logged: () => lines,
    stop: receiver.stop,
  };
});

describe('the webhook deployer', () => {
  test('sends what the reference says, signed, and without the private key', async () => {
    const receiver = await startReceiver();
    const version = await make();
    const hmacKey = new Secret('a key for signatures');
    const secretHeaders = new Secret('Authorization: Bearer very-secret\n\nX-Key: another\n');
    const deployer = open(receiver, { hmacKey, secretHeaders, headers: { 'X-Cluster': 'west' } });
    await deploy(deployer, version);
    const { headers, body, url } = receiver.calls[0]!;
    const { fingerprint, serial, notBefore, notAfter } = version.facts;
    expect(JSON.parse(body)).toEqual({
      ...{ name: 'www', version: version.id, identifiers: ['www.example.test'] },
      ...{ serial, fingerprint, notBefore, notAfter, fullchain: version.fullchainPem },
    });
    expect([url, headers['idempotency-key']]).toEqual(['/in', `www%2F${version.id}`]);
    expect([headers.authorization, headers['x-key'], headers['x-cluster']]).toEqual([
      ...['Bearer very-secret', 'another', 'west'],
    ]);
    const [, seconds, hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['certfleet-signature']))!;
    expect(hex).toBe(createHmac('sha256', hmacKey.reveal()).update(`${seconds}.${body}`).digest('hex'));
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(60);
    // Without lookUrl, only the journal knows, and it runs after the targets before it.
    expect((await deployer.look(version, signal)).state).toBe('stale');
    expect([deployer.runsAfter, open(receiver, { key: true }).runsAfter]).toEqual([true, undefined]);
  });

  test('after a lost answer, the same request comes again with the same key', async () => {
    const receiver = await startReceiver();
    let lost = 0;
    receiver.interfere = () => (lost++ < 2 ? 'lose' : undefined);
    await deploy(open(receiver), await make());
    expect(receiver.calls).toHaveLength(3);
    expect(new Set(receiver.calls.map(({ headers, body }) => `${headers['idempotency-key']} ${body}`)).size).toBe(1);
  });

  test.each([
    ['a refusal', { status: 403, body: 'wrong token' }, {}, 'POST: wrong token', 1],
    ['a broken server', { status: 502, body: '' }, {}, 'POST: HTTP 502', 3],
    ['a redirect', { status: 302, body: '' }, {}, 'POST: HTTP 302, which leads to nowhere', 3],
    ['a login page', { status: 200, body: '<p>', type: 'text/html' }, {}, 'POST: HTTP 200 with a web page', 3],
    ['another status', { status: 202, body: '' }, { expectStatus: [200] }, 'POST: HTTP 202 instead of 200', 3],
  ])('%s is a failure of the target', async (_what, answer, more, words, calls) => {
    const receiver = await startReceiver();
    receiver.interfere = () => answer;
    const error = await failureOf(deploy(open(receiver, more), await make()));
    expect(error).toMatchObject({ code: 'deploy/target-failed', message: expect.stringContaining(words) });
    expect(error.message).toContain('the deployer "hook" (webhook)');
    expect(receiver.calls).toHaveLength(calls);
  });

  test('an answer that takes too long ends at the time limit', async () => {
    const receiver = await startReceiver();
    const stuck = createServer(() => {});
    await new Promise<void>((resolve) => stuck.listen(0, '127.0.0.1', resolve));
    atEnd(async () => stuck.closeAllConnections());
    const url = `http://127.0.0.1:${(stuck.address() as AddressInfo).port}`;
    const error = await failureOf(deploy(open({ url, caFile: receiver.caFile }, { timeout: '50ms' }), await make()));
    stuck.closeAllConnections();
    stuck.close();
    expect(error).toMatchObject({ code: 'deploy/target-failed', message: expect.stringContaining('POST: ') });
  });

  test('a server that accepts a version but does not use it is a failure', async () => {
    const receiver = await startReceiver();
    receiver.interfere = ({ method }) => (method === 'POST' ? { status: 202, body: '' } : undefined);
    const deployer = open(receiver, { lookUrl: `${receiver.url}/used/{name}` });
    const error = await failureOf(deploy(deployer, await make()));
    expect(error.message).toContain('it accepted the certificate, but the server has no certificate of this name');
    receiver.interfere = () => ({ status: 200, body: '{"fingerprint":"abc"}', type: 'application/json' });
    const looked = await failureOf(deployer.look(await make(), signal));
    expect(looked.message).toContain('GET: the fingerprint is missing in its answer');
  });

  test('no secret is in an error or a log line, whatever the server repeats', async () => {
    const receiver = await startReceiver();
    const secrets = [
      'hmac-key-0123456789',
      'Bearer header-0123456789',
      'token-in-the-query-01',
      'token-in-a-path-012345',
    ];
    const [hmac, header, query, path] = secrets as [string, string, string, string];
    const url = `${receiver.url}/${path}/in?token=${query}`;
    const more = { url, key: true, hmacKey: new Secret(hmac), secretHeaders: new Secret(`authorization: ${header}`) };
    const version = await make();
    const keyLines = version.keyPem.reveal().split('\n').slice(1, -2);
    const errors: unknown[] = [];
    for (const status of [400, 500]) {
      receiver.interfere = ({ url, headers }) => ({ status, body: `${url} ${JSON.stringify(headers)} ${hmac}` });
      errors.push(await failureOf(deploy(open(receiver, more), version)));
      receiver.interfere = ({ body }) => ({ status, body: body.slice(-300) });
      errors.push(await failureOf(deploy(open(receiver, more), version)));
    }
    await receiver.stop();
    errors.push(await failureOf(deploy(open(receiver, more), version)));
    const text = inspect([errors, lines], { depth: 20, maxStringLength: null, breakLength: 1e6 });
    for (const secret of [...secrets, ...keyLines]) expect(text).not.toContain(secret);
  });

  test('secrets go over https only', async () => {
    const receiver = await startReceiver('http');
    expect(() => open(receiver, { key: true })).toThrow('`key: true` needs https:// in `url` and `lookUrl`');
    expect(() => open(receiver, { secretHeaders: new Secret('x-key: abc') })).toThrow('`secretHeaders` needs https://');
    expect(() => open({ ...receiver, url: 'https://127.0.0.1' }, { key: true, lookUrl: receiver.url })).toThrow(
      'https',
    );
    expect(() => open(receiver, { secretHeaders: new Secret('no header') })).toThrow('of the form `Name: value`');
    await deploy(open(receiver, { hmacKey: new Secret('a key for signatures') }), await make());
    expect(receiver.used.size).toBe(1);
  });
});
