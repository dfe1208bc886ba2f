import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CertfleetError } from '../../src/core/errors/errors.ts';
import { createHttp } from '../../src/lib/http/http.ts';
import type { Http } from '../../src/ports/http.ts';

const folder = mkdtempSync(join(tmpdir(), 'certfleet-proxy-'));
const caFile = join(folder, 'cert.pem');
const signal = new AbortController().signal;
const servers: net.Server[] = [];
const sockets = new Set<net.Socket>();
const clients: Http[] = [];
/** The requests that the proxy got. */
let asked: string[] = [];
let proxyPort: number;
let originTls: number;
let originPlain: number;

async function listen(server: net.Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  const keyFile = join(folder, 'key.pem');
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-keyout', keyFile, '-out', caFile, '-subj', '/CN=test', '-addext', 'subjectAltName=DNS:ca.test'],
  ]);
  const answer: http.RequestListener = (request, response) => {
    if (request.url === '/endless') {
      const pour = () => {
        while (response.write('x'.repeat(10_000)));
      };
      response.on('drain', pour);
      return pour();
    }
    if (request.url === '/never') return;
    response.writeHead(201, { link: '<a>;rel="next"' });
    request.pipe(response);
  };
  originTls = await listen(https.createServer({ key: readFileSync(keyFile), cert: readFileSync(caFile) }, answer));
  originPlain = await listen(http.createServer(answer));

  // Only the proxy resolves these names, so a request that bypassed it would fail.
  const proxy = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? '-'}`);
    const { port, pathname } = new URL(request.url!);
    const onward = http.request({ host: '127.0.0.1', port, path: pathname, method: request.method! }, (incoming) => {
      response.writeHead(incoming.statusCode!, incoming.headers);
      incoming.pipe(response);
    });
    request.pipe(onward);
  });
  proxy.on('connect', (request, socket: net.Socket, head: Buffer) => {
    asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? '-'}`);
    const [host, port] = request.url!.split(':');
    if (host === 'forbidden.test') return socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const onward = net.connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    sockets.add(onward);
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  proxyPort = await listen(proxy);
});

beforeEach(() => {
  asked = [];
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  rmSync(folder, { recursive: true });
});

const client = (env: Record<string, string>): Http => {
  const made = createHttp({ env, caFile, userAgent: 'certfleet/0' });
  clients.push(made);
  return made;
};
const failure = (promise: Promise<unknown>): Promise<CertfleetError> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: CertfleetError) => error,
  );

describe('a proxy from the environment', () => {
  test('tunnels https by CONNECT, with the roots of caFile and its credentials', async () => {
    const made = client({ https_proxy: `http://user:p%40ss@127.0.0.1:${proxyPort}` });
    const url = `https://ca.test:${originTls}/p`;
    const answer = await made.request({ method: 'POST', url, body: 'hello', signal });
    expect([answer.status, answer.headers['link'], Buffer.from(answer.body).toString()]).toEqual([
      201,
      '<a>;rel="next"',
      'hello',
    ]);
    await made.request({ method: 'GET', url, signal });
    const credentials = Buffer.from('user:p@ss').toString('base64');
    expect(new Set(asked)).toEqual(new Set([`CONNECT ca.test:${originTls} Basic ${credentials}`]));
  });

  test('gets plain http requests itself', async () => {
    const url = `http://plain.test:${originPlain}/p`;
    const answer = await client({ HTTP_PROXY: `http://127.0.0.1:${proxyPort}` }).request({
      method: 'GET',
      url,
      signal,
    });
    expect(answer.status).toBe(201);
    expect(asked).toEqual([`GET ${url} -`]);
  });

  test('is bypassed for NO_PROXY', async () => {
    const env = { HTTP_PROXY: `http://127.0.0.1:${proxyPort}`, NO_PROXY: 'localhost, 127.0.0.1' };
    const answer = await client(env).request({ method: 'GET', url: `http://127.0.0.1:${originPlain}/`, signal });
    expect(answer.status).toBe(201);
    expect(asked).toEqual([]);
  });

  test('that refuses is named without its password', async () => {
    const made = client({ HTTPS_PROXY: `http://user:hunter2@127.0.0.1:${proxyPort}` });
    const error = await failure(made.request({ method: 'GET', url: 'https://forbidden.test/', signal }));
    expect(error.code).toBe('network/failed');
    expect(error.message).toContain('the proxy');
    expect(error.message).toContain('403');
    expect(JSON.stringify([error, error.message, String(error.cause)])).not.toContain('hunter2');
  });

  test('that does not exist', async () => {
    const error = await failure(
      client({ HTTPS_PROXY: 'http://user:hunter2@127.0.0.1:1' }).request({
        method: 'GET',
        url: 'https://ca.test/',
        signal,
      }),
    );
    expect(error.message).toContain('the proxy http://127.0.0.1:1: connection refused');
    expect(JSON.stringify([error, error.message])).not.toContain('hunter2');
  });

  test('has the same limits of size and time, and the same aborts', async () => {
    const made = client({ HTTPS_PROXY: `http://127.0.0.1:${proxyPort}` });
    const at = (path: string) => ({ method: 'GET' as const, url: `https://ca.test:${originTls}${path}`, signal });
    expect((await failure(made.request({ ...at('/endless'), maxBytes: 50_000 }))).code).toBe('network/too-large');
    expect((await failure(made.request({ ...at('/never'), timeoutMs: 1_000 }))).message).toContain(
      `within 1 s (through the proxy http://127.0.0.1:${proxyPort})`,
    );
    const controller = new AbortController();
    const waiting = made.request({ ...at('/never'), signal: controller.signal });
    controller.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
  });
});
