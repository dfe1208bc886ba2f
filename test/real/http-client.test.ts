import { execFileSync, spawn } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { getEventListeners, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CertfleetError } from '../../src/core/errors/errors.ts';
import { createHttp } from '../../src/lib/http/http.ts';
import type { Http, HttpRequest } from '../../src/ports/http.ts';
import { testCertificate, testParty } from '../../src/x509/test-certificates.ts';
import { until } from '../support/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'certfleet-http-'));
const [keyFile, caFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
const closers: (() => Promise<unknown>)[] = [];
const signal = new AbortController().signal;

beforeAll(() => {
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-keyout', keyFile, '-out', caFile, '-subj', '/CN=test', '-addext', 'subjectAltName=DNS:localhost,DNS:ca.test'],
  ]);
});

afterAll(async () => {
  await Promise.all(closers.map((close) => close()));
  rmSync(folder, { recursive: true });
});

const client = (options: Parameters<typeof createHttp>[0] = { env: {} }): Http => {
  const made = createHttp(options);
  closers.push(() => made.close());
  return made;
};

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<net.Socket>();
  const keep = (socket: net.Socket) => sockets.add(socket);
  server.on('connection', keep);
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

const serve = async (handler: http.RequestListener) => `http://127.0.0.1:${await listen(http.createServer(handler))}`;
const serveTls = async (handler: http.RequestListener) =>
  listen(https.createServer({ key: readFileSync(keyFile), cert: readFileSync(caFile) }, handler));
/** A server that answers each connection's n-th request as the test says. */
const serveRaw = (onRequest: (socket: net.Socket, nth: number, text: string) => void) =>
  listen(
    net.createServer((socket) => {
      let nth = 0;
      socket.on('error', () => {});
      socket.on('data', (data) => onRequest(socket, ++nth, data.toString()));
    }),
  ).then((port) => `http://127.0.0.1:${port}`);

const get = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({ method: 'GET', url, signal, ...more });
const failure = (promise: Promise<unknown>): Promise<CertfleetError> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: CertfleetError) => error,
  );

describe('an exchange', () => {
  test('sends the request and returns status, headers and body, for every status', async () => {
    const url = await serve((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        response.writeHead(418, [
          ...['Link', '<a>;rel="x"', 'Link', '<b>;rel="next"', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'],
        ]);
        const { host, 'content-length': length, 'user-agent': agent, 'x-a': a } = request.headers;
        response.end(
          JSON.stringify([request.method, request.url, host, length, agent, a, Buffer.concat(parts).toString()]),
        );
      });
    });
    const made = client({ env: {}, userAgent: 'certfleet/0' });
    const answer = await made.request({
      method: 'POST',
      url: `${url}/p?q=1`,
      headers: { 'X-A': 'b' },
      body: 'ü',
      signal,
    });
    expect(answer.status).toBe(418);
    expect(answer.headers).toMatchObject({ link: '<a>;rel="x", <b>;rel="next"', 'set-cookie': 'a=1, b=2' });
    const host = new URL(url).host;
    expect(JSON.parse(Buffer.from(answer.body).toString())).toEqual([
      'POST',
      '/p?q=1',
      host,
      '2',
      'certfleet/0',
      'b',
      'ü',
    ]);
  });

  test('does not follow redirects', async () => {
    const url = await serve((_request, response) => response.writeHead(302, { location: '/other' }).end());
    const answer = await client().request(get(url));
    expect([answer.status, answer.headers['location']]).toEqual([302, '/other']);
  });

  test('HEAD has no body, whatever its length says', async () => {
    const url = await serve((_request, response) => response.writeHead(200, { 'content-length': '99999999' }).end());
    expect((await client().request(get(url, { method: 'HEAD' }))).body).toHaveLength(0);
  });

  test.each([
    ['is used again after an answer to HEAD that says no length', 'HTTP/1.1 200 OK\r\n', 1],
    ['is not, where the server closes it', 'HTTP/1.1 200 OK\r\nConnection: close\r\n', 2],
    ['is not, where the server is an old one', 'HTTP/1.0 200 OK\r\n', 2],
  ])('a connection %s', async (_what, head, connections) => {
    const seen = new Set<net.Socket>();
    const url = await serveRaw((socket, _nth, text) => {
      seen.add(socket);
      const closes = connections > 1;
      const answer = text.startsWith('HEAD') ? `${head}\r\n` : `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`;
      if (closes && text.startsWith('HEAD')) socket.end(answer);
      else socket.write(answer);
    });
    const made = client();
    expect(await made.request({ method: 'HEAD', url, signal })).toMatchObject({ status: 200 });
    expect(await made.request({ method: 'GET', url, signal })).toMatchObject({ status: 200 });
    expect(seen.size).toBe(connections);
  });

  test('connections are kept and reused, up to the limit', async () => {
    const ports = new Set<number | undefined>();
    const url = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('ok');
    });
    const made = client({ env: {}, connections: 2 });
    await Promise.all(Array.from({ length: 10 }, () => made.request(get(url))));
    await made.request(get(url));
    expect(ports.size).toBe(2);
  });

  test('the time of a request begins once it has a connection; waiting for one can be aborted', async () => {
    const open: (() => void)[] = [];
    const url = await serve((_request, response) => void open.push(() => response.end('ok')));
    const made = client({ env: {}, connections: 1 });
    const first = made.request(get(url));
    const stop = new AbortController();
    const [second, stopped] = [
      made.request(get(url, { timeoutMs: 1_500 })),
      made.request(get(url, { signal: stop.signal })),
    ];
    stop.abort(new Error('stopped'));
    await expect(stopped).rejects.toThrow('stopped');
    await until(() => open.length === 1, { what: 'the first request arrives' });
    // Longer than the second one may take if its wait for the connection counted.
    await expect(client().request(get(url, { timeoutMs: 1_700 }))).rejects.toThrow('no complete answer within 1.7 s');
    open.shift()?.();
    expect((await first).status).toBe(200);
    await until(() => open.length === 2, { what: 'the second request arrives' });
    open.pop()?.();
    expect((await second).status).toBe(200);
  });

  test('a hundred requests on one signal share one listener, and none is left', async () => {
    const open: (() => void)[] = [];
    const url = await serve((_request, response) => void open.push(() => response.end('ok')));
    const made = client({ env: {}, connections: 100 });
    const { signal: one } = new AbortController();
    const all = Promise.all(Array.from({ length: 100 }, () => made.request(get(url, { signal: one }))));
    await until(() => open.length === 100, { what: 'all requests arrive' });
    expect(getEventListeners(one, 'abort')).toHaveLength(1);
    for (const answer of open) answer();
    await all;
    expect(getEventListeners(one, 'abort')).toHaveLength(0);
  });
});

describe('errors say what went wrong', () => {
  test.each([
    ['cut before the answer', '', 'the connection was closed'],
    ['cut in the headers', 'HTTP/1.1 200 OK\r\nContent-', 'the connection was closed'],
    ['cut in the body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', 'the connection was closed'],
    ['cut in a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab', 'the connection was closed'],
    ['something else than HTTP', 'SSH-2.0-x\r\n\r\n', 'the answer is not HTTP'],
  ])('%s', async (_what, text, reason) => {
    const url = await serveRaw((socket) => socket.end(text));
    const error = await failure(client().request(get(`${url}/p?secret=1`)));
    expect([error.code, error.message]).toEqual(['network/failed', `GET ${url}/p: ${reason}`]);
  });

  test('nothing listens', async () => {
    const port = await listen(net.createServer());
    await closers.pop()!();
    const error = await failure(client().request(get(`http://127.0.0.1:${port}/`)));
    expect(error.message).toContain('connection refused');
  });

  test('a slow body exceeds the time limit of the exchange', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(drip));
    });
    const error = await failure(client().request(get(url, { timeoutMs: 150 })));
    expect(error.message).toBe(`GET ${url}/: no complete answer within 0.15 s`);
  });

  test('an endless body exceeds the size limit, announced or not', async () => {
    let closed = 0;
    const url = await serve((request, response) => {
      response.on('close', () => closed++);
      if (request.url === '/announced') return response.writeHead(200, { 'content-length': '2000' }).flushHeaders();
      const pour = () => {
        while (response.write('x'.repeat(1000)));
      };
      response.on('drain', pour);
      pour();
    });
    for (const path of ['/poured', '/announced']) {
      const error = await failure(client().request(get(url + path, { maxBytes: 1999 })));
      expect([error.code, error.message]).toEqual([
        'network/too-large',
        `GET ${url}${path}: the response is larger than 1999 bytes`,
      ]);
    }
    await expect.poll(() => closed).toBe(2);
  });

  test('an abort rejects with its own reason', async () => {
    const controller = new AbortController();
    const url = await serve(() => controller.abort(new Error('stop')));
    await expect(client().request(get(url, { signal: controller.signal }))).rejects.toThrow('stop');
    await expect(client().request(get(url, { signal: controller.signal }))).rejects.toThrow('stop');
  });

  test.each(['ftp://ca.test/', 'not a url', ''])('%j is not an http(s) URL', async (url) => {
    expect((await failure(client().request(get(url)))).message).toContain('this is not an http(s) URL');
  });
});

describe('a kept connection that the server closes as it is used', () => {
  /** Answers a connection's first request and kills the connection at the second. */
  const killing = async () => {
    const texts: string[] = [];
    const url = await serveRaw((socket, nth, text) => {
      texts.push(text.split(' ')[0]!);
      if (nth === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      else socket.destroy();
    });
    return { url, texts };
  };

  test('a GET is sent again on another connection', async () => {
    const { url, texts } = await killing();
    const made = client();
    await made.request(get(url));
    expect((await made.request(get(url))).status).toBe(200);
    expect(texts).toEqual(['GET', 'GET', 'GET']);
  });

  test('a POST is not, because it may have arrived', async () => {
    const { url, texts } = await killing();
    const made = client();
    await made.request(get(url));
    const error = await failure(made.request({ ...get(url), method: 'POST', body: 'x' }));
    expect([error.code, error.message]).toEqual(['network/failed', `POST ${url}/: the connection was closed`]);
    expect(texts).toEqual(['GET', 'POST']);
  });

  test.each(['http', 'https'])(
    'but one that was closed before is noticed, also after the process stood still: %s',
    async (scheme) => {
      const methods: (string | undefined)[] = [];
      const closing: http.RequestListener = (request, response) => {
        methods.push(request.method);
        response.end('ok', () => request.socket.end());
      };
      const url = scheme === 'http' ? await serve(closing) : `https://localhost:${await serveTls(closing)}`;
      const made = client({ env: {}, caFile });
      await made.request(get(url));
      // The end of the connection reaches the kernel while nothing here runs, as after a SIGSTOP.
      const until = performance.now() + 50;
      while (performance.now() < until);
      expect((await made.request({ ...get(url), method: 'POST', body: 'x' })).status).toBe(200);
      expect(methods).toEqual(['GET', 'POST']);
    },
  );
});

describe('TLS', () => {
  test('the roots of caFile are trusted besides the others', async () => {
    const port = await serveTls((_request, response) => response.end('ok'));
    const url = `https://localhost:${port}/`;
    expect((await failure(client().request(get(url)))).message).toMatch(/self-signed certificate/);
    expect((await client({ env: {}, caFile }).request(get(url))).status).toBe(200);
  });

  test.each([
    ['2040-01-01T00:00:00Z', '2041-01-01T00:00:00Z', 'is not valid yet'],
    ['2020-01-01T00:00:00Z', '2021-01-01T00:00:00Z', 'has expired'],
  ])('a certificate of %s to %s: names this machine’s time, which may be wrong', async (notBefore, notAfter, what) => {
    const party = testParty('dates');
    const publicKey = createPublicKey(party.key);
    const identifiers = [{ type: 'dns', value: 'localhost' }] as const;
    const cert = testCertificate({
      ...{ subject: 'dates', issuer: party, publicKey, identifiers, notBefore, notAfter },
    });
    const root = join(folder, `${notBefore.slice(0, 4)}.pem`);
    writeFileSync(root, cert);
    const key = party.key.export({ type: 'pkcs8', format: 'pem' });
    const port = await listen(https.createServer({ key, cert }, (_request, response) => response.end('ok')));
    const failed = await failure(client({ env: {}, caFile: root }).request(get(`https://localhost:${port}/`)));
    expect(failed.message).toMatch(
      new RegExp(
        `: its certificate ${what} by this machine’s clock \\(${new Date().getUTCFullYear()}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC\\)$`,
      ),
    );
  });

  test('connectTo connects elsewhere with Host and SNI of the URL', async () => {
    let seen: unknown[] = [];
    const port = await serveTls((request, response) => {
      seen = [request.headers.host, (request.socket as import('node:tls').TLSSocket).servername];
      response.end('ok');
    });
    const made = client({ env: { HTTPS_PROXY: 'http://127.0.0.1:1' }, caFile });
    const connectTo = { address: '127.0.0.1', port };
    expect((await made.request(get('https://ca.test/', { connectTo }))).status).toBe(200);
    expect(seen).toEqual(['ca.test', 'ca.test']);
    const error = await failure(made.request(get('https://other.test/', { connectTo })));
    expect(error.message).toMatch(/other\.test/);
  });

  test('an invalid caFile is a mistake in the configuration', async () => {
    const empty = join(folder, 'empty.pem');
    writeFileSync(empty, 'hello');
    const broken = join(folder, 'broken.pem');
    writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    for (const [file, reason] of [
      [join(folder, 'nowhere.pem'), 'no such file or folder'],
      [empty, 'it contains no PEM certificate'],
      [broken, 'a certificate in it is damaged'],
    ] as const) {
      const error = await failure(client({ env: {}, caFile: file }).request(get('https://127.0.0.1:1/')));
      expect([error.code, error.message]).toEqual([
        'config/ca-file-unusable',
        `the CA file ${file} cannot be used: ${reason}`,
      ]);
    }
  });

  test('plain HTTP instead of TLS', async () => {
    const url = await serve((_request, response) => response.end());
    const error = await failure(client().request(get(url.replace('http:', 'https:'))));
    expect(error.message).toContain('no TLS connection could be made');
  });
});

test('idle connections do not keep a process alive', async () => {
  const url = await serve((_request, response) => response.end('ok'));
  const script = join(folder, 'idle.mts');
  const module = JSON.stringify(join(import.meta.dirname, '../../src/lib/http/http.ts'));
  writeFileSync(
    script,
    `import { createHttp } from ${module};
     const http = createHttp({ env: {} });
     const answer = await http.request({ method: 'GET', url: ${JSON.stringify(url)}, signal: new AbortController().signal });
     console.log(answer.status);`,
  );
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output] = await once(child.stdout, 'data');
  expect(String(output)).toBe('200\n');
  const answered = performance.now();
  expect(await once(child, 'exit')).toEqual([0, null]);
  // Less than the 4 s for which an idle connection is kept.
  expect(performance.now() - answered).toBeLessThan(3_500);
});
