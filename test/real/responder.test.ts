import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { Listening } from '../../src/lib/http/guarded-server.ts';
import type { StoreProof } from '../../src/ports/responder.ts';
import { type ChallengeServerOptions, createChallengeServer, type FallbackAnswer } from '../../src/responder/server.ts';
import { codePoint } from '../support/any-text.ts';
import '../support/seeded-setup.ts';

// Sends raw bytes to the challenge server; most of them no HTTP client would send.

const token = 'LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0';
const keyAuthorization = `${token}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI`;
const path = `/.well-known/acme-challenge/${token}`;

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Shows what it was asked. */
const proof = async (): Promise<StoreProof> => ({
  atPort: (challenge, { address, port }) => `at ${address} ${port} ${challenge}`,
  byPath: (challenge) => `by path ${challenge}`,
  byName: (serverName) => `by name ${serverName}`,
});

async function start(options: Partial<ChallengeServerOptions> = {}, host = '127.0.0.1'): Promise<Listening> {
  const responder = createChallengeServer({
    lookup: (name) => (name === token ? keyAuthorization : undefined),
    proof,
    ...options,
  });
  const listening = await responder.listen({ host, port: 0 });
  undo.push(() => listening.close());
  return listening;
}

function open({ port, host = '127.0.0.1' }: { port: number; host?: string }): Socket {
  const socket = connect({ port, host });
  socket.on('error', () => {});
  // A socket must be read to notice its end.
  socket.resume();
  undo.push(() => {
    socket.destroy();
  });
  return socket;
}

/** Sends bytes and returns everything that comes back until the server closes, or until `enough` returns true. */
function send(
  target: { port: number; host?: string },
  bytes: string | Uint8Array,
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = open(target);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (enough(text)) socket.destroy();
    });
    socket.on('close', () => resolve(text));
    socket.write(bytes);
  });
}

const get = (target: string, more = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n${more}\r\n`;
const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0);
const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4);
const countOf = (answer: string): number => answer.split('HTTP/1.1 ').length - 1;

describe('what it answers', () => {
  test('a token: exactly the key authorization, and nothing about the server', async () => {
    const answer = await send(await start(), get(path));
    expect(statusOf(answer)).toBe(200);
    expect(bodyOf(answer)).toBe(keyAuthorization);
    expect(answer).toMatch(/\r\ncontent-type: application\/octet-stream\r\n/i);
    expect(answer).toMatch(new RegExp(`\r\ncontent-length: ${keyAuthorization.length}\r\n`, 'i'));
    expect(answer).toMatch(/\r\ncache-control: no-store\r\n/i);
    expect(answer).not.toMatch(/\r\n(server|x-powered-by):/i);
  });

  test('HEAD: the same headers, no body', async () => {
    const answer = await send(await start(), get(path).replace('GET', 'HEAD'));
    expect(statusOf(answer)).toBe(200);
    expect(bodyOf(answer)).toBe('');
    expect(answer).toMatch(new RegExp(`\r\ncontent-length: ${keyAuthorization.length}\r\n`, 'i'));
  });

  test('_health: always the same text, which says nothing about the store', async () => {
    const answer = await send(await start(), get('/.well-known/acme-challenge/_health'));
    expect([statusOf(answer), bodyOf(answer)]).toEqual([200, 'certfleet-health']);
    expect(answer).toMatch(/\r\ncontent-type: text\/plain/i);
  });

  test.each([
    ['GET', '/up', 200],
    ['HEAD', '/up', 200],
    ['GET', '/up?from=slb', 200],
    ['GET', 'http://a.example/up', 200],
    ['POST', '/up', 405],
    ['GET', '/', 404],
    ['GET', '/upward', 404],
    ['GET', '//up', 404],
    ['GET', '/.well-known/acme-challenge/up', 404],
  ])('a health check that was set up by hand: %s %s is %i', async (method, target, status) => {
    const answer = await send(await start({ healthCheck: '/up' }), get(target).replace('GET', method));
    expect(statusOf(answer)).toBe(status);
  });

  test('a challenge: the proof for its purpose and for the address and port of the connection', async () => {
    const server = await start();
    const challenge = `${'Ab-_'.repeat(10)}xyz`;
    const asked = async (name: string) => {
      const answer = await send(server, get(`/.well-known/acme-challenge/${name}`));
      return [statusOf(answer), bodyOf(answer)];
    };
    expect(await asked(`_health-${challenge}`)).toEqual([200, `by path ${challenge}`]);
    expect(await asked(`_port-${challenge}`)).toEqual([200, `at 127.0.0.1 ${server.port} ${challenge}`]);
    for (const name of [`_port-${challenge}x`, `_port-${challenge.slice(1)}`, '_port-', '_port', `_other-${challenge}`])
      expect((await asked(name))[0]).toBe(404);
    for (const name of [`_health-${challenge.slice(1)}.`, `_port-${challenge.slice(1)}%0a`])
      expect((await asked(name))[0]).toBe(404);
  });

  test('no proof while the store does not answer: 503', async () => {
    const server = await start({ proof: () => Promise.reject(new Error('gone')) });
    const asked = get(`/.well-known/acme-challenge/_port-${'A'.repeat(43)}`);
    expect(statusOf(await send(server, asked))).toBe(503);
  });

  test.each([
    ['the absolute form of a proxy', get(`http://a.example${path}`)],
    ['a query', get(`${path}?from=redirect`)],
    ['HTTP/1.0 without Host', `GET ${path} HTTP/1.0\r\n\r\n`],
    ['the headers of a balancer', get(path, `X-Forwarded-For: ${'192.0.2.1, '.repeat(80)}192.0.2.1\r\n`)],
  ])('%s is answered', async (_name, bytes) => {
    const answer = await send(await start(), bytes);
    expect([statusOf(answer), bodyOf(answer)]).toEqual([200, keyAuthorization]);
  });

  test('a later answer from the store', async () => {
    const lookup = (name: string) => Promise.resolve(name === token ? keyAuthorization : undefined);
    const server = await start({ lookup });
    expect(bodyOf(await send(server, get(path)))).toBe(keyAuthorization);
    expect(statusOf(await send(server, get(`${path}x`)))).toBe(404);
  });

  test('a store that fails: 503, and the next request is served', async () => {
    let calls = 0;
    const lookup = async () => {
      if (++calls === 1) throw new Error('gone');
      return keyAuthorization;
    };
    const lines: string[] = [];
    const add = (line: string) => void lines.push(line);
    const server = await start({ lookup, log: { debug: add, info: add, warn: add } });
    expect(statusOf(await send(server, get(path)))).toBe(503);
    expect(statusOf(await send(server, get(path)))).toBe(200);
    expect(lines.join('\n')).toContain('gone');
    expect(lines.join('\n')).not.toContain(token);
  });

  test('many requests on one connection, in order', async () => {
    const one = `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const answer = await send(await start(), one.repeat(49) + get('/.well-known/acme-challenge/_health'));
    expect(countOf(answer)).toBe(50);
    expect(bodyOf(answer.slice(answer.lastIndexOf('HTTP/1.1')))).toBe('certfleet-health');
  });
});

describe('tokens of other ACME clients', () => {
  const other = '/.well-known/acme-challenge/other';

  /** A fallback that shows what it was asked. */
  async function withFallback(answer: () => Promise<FallbackAnswer | undefined>) {
    const asked: string[] = [];
    const fallback = (host: string, at: string) => {
      asked.push(host + at);
      return answer();
    };
    return { asked, listening: await start({ fallback }) };
  }

  test.each<[string, FallbackAnswer | undefined, number, string]>([
    ['its answer', { status: 200, body: 'theirs' }, 200, 'theirs'],
    ['its refusal', { status: 404, body: 'no such challenge' }, 404, 'no such challenge'],
    ['its redirect', { status: 302, body: '', location: 'https://a.example/x' }, 302, ''],
    ['no body with a status that has none', { status: 204, body: 'a body' }, 204, ''],
    ['404 where it is not asked', undefined, 404, 'not found'],
  ])('are passed on to the fallback: %s', async (_what, answer, status, body) => {
    const { asked, listening } = await withFallback(async () => answer);
    const got = await send(listening, get(`${other}?x=1`));
    expect([statusOf(got), bodyOf(got)]).toEqual([status, body]);
    if (answer?.location) expect(got).toMatch(/\r\nlocation: https:\/\/a\.example\/x\r\n/i);
    expect(asked).toEqual([`a.example${other}`]);
  });

  test('HEAD gets the length and no body', async () => {
    const { listening } = await withFallback(async () => ({ status: 200, body: 'theirs' }));
    const got = await send(listening, get(other).replace('GET', 'HEAD'));
    expect(statusOf(got)).toBe(200);
    expect(got).toMatch(/\r\ncontent-length: 6\r\n/i);
    expect(bodyOf(got)).toBe('');
  });

  test('502 if the fallback does not answer, and the next request is as good', async () => {
    let fails = true;
    const { listening } = await withFallback(() =>
      fails ? Promise.reject(new Error('connection refused')) : Promise.resolve({ status: 200, body: 'theirs' }),
    );
    const first = await send(listening, get(other));
    expect(statusOf(first)).toBe(502);
    expect(bodyOf(first)).not.toContain('refused');
    fails = false;
    expect(statusOf(await send(listening, get(other)))).toBe(200);
  });

  test.each([
    ['a token of this store', get(path), 200],
    ['a health check', get('/.well-known/acme-challenge/health'), 200],
    ['another path', get('/'), 404],
    ['what is no token', get('/.well-known/acme-challenge/a.b'), 404],
    ['another method', get(other).replace('GET', 'POST'), 405],
    ['a body', get(other, 'Content-Length: 1\r\n'), 400],
    ['no host', `GET ${other} HTTP/1.0\r\n\r\n`, 404],
  ])('the fallback is not asked for %s', async (_what, bytes, status) => {
    const { asked, listening } = await withFallback(async () => ({ status: 200, body: 'theirs' }));
    expect(statusOf(await send(listening, bytes))).toBe(status);
    expect(asked).toEqual([]);
  });

  test('without a fallback they do not exist', async () => {
    const got = await send(await start(), get(other));
    expect([statusOf(got), bodyOf(got)]).toEqual([404, 'not found']);
  });
});

describe('what it refuses', () => {
  test.each([
    '/',
    '/favicon.ico',
    '/.well-known/acme-challenge/',
    '/.well-known/acme-challenge/..%2f..%2fetc%2fpasswd',
    '/.well-known/acme-challenge/%2e%2e/%2e%2e/etc/passwd',
    '/.well-known/acme-challenge/../../etc/passwd',
    `/.well-known/acme-challenge/../acme-challenge/${token}`,
    `/.well-known/acme-challenge/${token}/`,
    `/.well-known/acme-challenge/${token}%00`,
    `/.well-known/acme-challenge/${token.replace('L', '%4C')}`,
    `/.well-known/acme-challenge/${'a'.repeat(257)}`,
    `//.well-known/acme-challenge/${token}`,
    `https://a.example${path}`,
    '*',
  ])('GET %s: 404, without a look-up', async (target) => {
    const asked: string[] = [];
    const server = await start({ lookup: (name) => void asked.push(name) });
    const answer = await send(server, get(target));
    expect(statusOf(answer)).toBe(404);
    expect(bodyOf(answer)).toBe('not found');
    expect(asked).toEqual([]);
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'PROPFIND'])('%s: 405', async (method) => {
    const answer = await send(await start(), get(path).replace('GET', method));
    expect(statusOf(answer)).toBe(405);
    expect(answer).toMatch(/\r\nallow: GET, HEAD\r\n/i);
    expect(answer).not.toContain(keyAuthorization);
  });

  test.each([
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['an unknown method', `BREW ${path} HTTP/1.1\r\nHost: a\r\n\r\n`],
    ['HTTP/1.1 without Host', `GET ${path} HTTP/1.1\r\n\r\n`],
    ['a bare line feed before a header', `GET ${path} HTTP/1.1\r\nHost: a\nX: y\r\n\r\n`],
    ['a space before the colon', `GET ${path} HTTP/1.1\r\nHost : a\r\n\r\n`],
    ['a folded header', `GET ${path} HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n`],
    ['two lengths', get(path, 'Content-Length: 0\r\nContent-Length: 5\r\n')],
    ['a length and chunks', get(path, 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')],
    ['a strange transfer coding', get(path, 'Transfer-Encoding: xchunked\r\n')],
    ['a negative length', get(path, 'Content-Length: -1\r\n')],
    ['a NUL in the target', get(`${path}\0`)],
    ['CONNECT', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n'],
  ])('%s: only 4xx, and the connection ends', async (_name, bytes) => {
    const answer = await send(await start(), bytes);
    // CONNECT is closed without an answer.
    expect(answer === '' || (statusOf(answer) >= 400 && statusOf(answer) < 500)).toBe(true);
    expect(answer).not.toContain(keyAuthorization);
  });

  test.each([
    ['a body by length', 'Content-Length: 52\r\n', ''],
    ['a chunked body', 'Transfer-Encoding: chunked\r\n', '34\r\n'],
    ['an announced body', 'Expect: 100-continue\r\nContent-Length: 52\r\n', ''],
  ])('%s hides no second request', async (_name, header, before) => {
    // Keep-alive on purpose: the smuggled request must not be read.
    const outer = `GET ${path} HTTP/1.1\r\nHost: a\r\n${header}\r\n${before}`;
    const answer = await send(await start(), `${outer}GET ${path} HTTP/1.1\r\nHost: b\r\n\r\n`);
    expect(countOf(answer)).toBe(1);
    expect(statusOf(answer)).toBe(400);
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  });

  test('the body of a POST is not a request either', async () => {
    const bytes = `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nGET ${path} HTTP/1.1\r\nHost: b\r\n\r\n`;
    const answer = await send(await start(), bytes);
    expect([countOf(answer), statusOf(answer)]).toEqual([1, 405]);
  });

  test.each([
    ['a URL', get(`${path}?${'a'.repeat(20_000)}`)],
    ['a header', get(path, `X: ${'a'.repeat(20_000)}\r\n`)],
    ['many headers', get(path, 'X: y\r\n'.repeat(5_000))],
  ])('%s without end: 431', async (_name, bytes) => {
    expect(statusOf(await send(await start(), bytes))).toBe(431);
  });

  test('random bytes get no other answer', async () => {
    const server = await start();
    const piece = fc.oneof(
      fc.constantFrom('GET ', path, ' HTTP/1.1', '\r\n', 'Host: a', '\r\n\r\n', 'Content-Length: 9', '\0', '%', ': '),
      fc.string({ unit: codePoint, maxLength: 20 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
        const bytes = Buffer.from(`${pieces.join('')}\r\n\r\n`, 'latin1');
        const answer = await new Promise<string>((resolve) => {
          const socket = open(server);
          let text = '';
          socket.on('data', (chunk) => {
            text += chunk.toString('latin1');
          });
          socket.on('close', () => resolve(text));
          socket.end(bytes);
        });
        expect(answer === '' || [200, 400, 404, 405, 431].includes(statusOf(answer))).toBe(true);
      }),
      { numRuns: 300 },
    );
    expect(statusOf(await send(server, get(path)))).toBe(200);
  });
});

describe('slow clients', () => {
  test('half a request is dropped after a few seconds', async () => {
    const server = await start();
    const began = performance.now();
    const answer = await send(server, `GET ${path} HTTP/1.1\r\nHost: a\r\n`);
    expect([0, 408]).toContain(statusOf(answer));
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  test('more idle connections than it keeps do not lock the CA out', async () => {
    const server = await start();
    let alive = 0;
    // In batches, so that the kernel's queue of new connections does not overflow.
    for (let batch = 0; batch < 15; batch++) {
      const sockets = Array.from({ length: 100 }, () => {
        const socket = open(server);
        socket.on('connect', () => alive++);
        socket.on('close', () => alive--);
        return new Promise((resolve) => socket.once('connect', resolve));
      });
      await Promise.all(sockets);
    }
    expect(statusOf(await send(server, get(path)))).toBe(200);
    await expect.poll(() => alive, { timeout: 10_000 }).toBeLessThanOrEqual(1_024);
    expect(alive).toBeGreaterThan(1_000);
  });

  test('close finishes a running look-up, drops idle connections, and frees the port at once', async () => {
    let release: (value: string) => void = () => {};
    const lookup = () =>
      new Promise<string>((resolve) => {
        release = resolve;
      });
    let asked = () => {};
    const began = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const server = await start({
      lookup: () => {
        asked();
        return lookup();
      },
    });
    const idle = open(server);
    await new Promise((resolve) => idle.once('connect', resolve));
    const running = send(server, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await began;
    let closed = false;
    const closing = server.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => idle.once('close', resolve));
    const next = await createChallengeServer({ lookup, proof }).listen({ host: '127.0.0.1', port: server.port });
    undo.push(() => next.close());
    expect(closed).toBe(false);
    release(keyAuthorization);
    expect(bodyOf(await running)).toBe(keyAuthorization);
    await closing;
  });
});

describe('addresses', () => {
  const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ family }) => family === 'IPv6'));

  test('0.0.0.0 is IPv4', async () => {
    const { port } = await start({}, '0.0.0.0');
    expect(statusOf(await send({ port }, get(path)))).toBe(200);
  });

  test.skipIf(!hasIpv6)(':: is both families', async () => {
    const { port } = await start({}, '::');
    expect(statusOf(await send({ port, host: '127.0.0.1' }, get(path)))).toBe(200);
    expect(statusOf(await send({ port, host: '::1' }, get(path)))).toBe(200);
  });

  test('a taken port is the system’s error', async () => {
    const { port } = await start();
    const responder = createChallengeServer({ lookup: () => undefined, proof });
    await expect(responder.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
