import { rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createStreams } from '../../src/lib/streams.ts';
import { createVantage } from '../../src/lib/vantage.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { freePort, temporaryFolder, until } from '../support/service.ts';
import { createVersionMaker } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();
const signal = new AbortController().signal;
const clock = systemClock;
/** Time-outs of many seconds end soon, but not before a busy machine has connected. */
const hasty: Clock = { ...clock, deadline: (_ms, parent) => clock.deadline(1_000, parent) };

const opened: { server: Server; sockets: Set<Socket> }[] = [];
async function listen(server: Server, at: { path: string } | { port: 0; host: string }): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  opened.push({ server, sockets });
  await new Promise<void>((done) => server.listen(at, done));
  const address = server.address() as AddressInfo | string;
  return typeof address === 'string' ? 0 : address.port;
}
afterEach(async () => {
  for (const { server, sockets } of opened.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => server.close(done));
  }
});
const local = { port: 0, host: '127.0.0.1' } as const;

test('has at most 128 connections at once, whatever it is asked for', async () => {
  const server = createServer();
  const port = await listen(server, local);
  let most = 0;
  server.on('connection', () => {
    most = Math.max(most, opened[0]?.sockets.size ?? 0);
  });
  const stopping = new AbortController();
  const vantage = createVantage({ clock });
  const at = { address: '127.0.0.1', port };
  const asking = Array.from({ length: 300 }, (_, index) =>
    (index % 2 === 0
      ? vantage.get('http://a.test/', at, stopping.signal)
      : vantage.handshake({ ...at, serverName: 'a.test' }, stopping.signal)
    ).catch(() => 'stopped'),
  );
  await until(() => most >= 128, { what: 'all places are taken' });
  stopping.abort(new Error('enough'));
  expect(new Set(await Promise.all(asking))).toEqual(new Set(['stopped']));
  expect(most).toBe(128);
});

describe('streams', () => {
  const options = { effect: 'show info', timeoutMs: 5_000, signal };

  test('a UNIX socket: writes, reads until the peer closes, keeps its own side open', async () => {
    const path = join(await temporaryFolder('streams'), 'sock');
    let ended = false;
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.once('end', () => (ended = true));
      socket.once('data', (text) => {
        socket.write('you said ');
        setImmediate(() => socket.end(`${text}${ended ? ' and left' : ''}`));
      });
    });
    await listen(server, { path });
    expect(await createStreams(clock).converse({ path }, 'hello', options)).toBe('you said hello');
    await rm(path, { force: true });
  });

  test('TCP, an answer of many pieces, and a multi-byte character across two of them', async () => {
    const bytes = Buffer.from('ü'.repeat(100_000));
    const server = createServer((socket) => {
      socket.write(bytes.subarray(0, 99_999));
      setImmediate(() => socket.end(bytes.subarray(99_999)));
    });
    const port = await listen(server, local);
    const answer = await createStreams(clock).converse({ host: '127.0.0.1', port }, 'x', options);
    expect(answer).toBe('ü'.repeat(100_000));
  });

  test('waits for a UNIX socket whose queue is full', async () => {
    const path = join(await temporaryFolder('streams'), 'sock');
    const server = createServer((socket) => void socket.once('data', () => socket.end('at last')));
    // Only another process could keep the queue full; here the first two connections find it full.
    await listen(server, { path });
    const { connect } = net;
    let refusals = 0;
    net.connect = ((...args: Parameters<typeof connect>) => {
      if (refusals++ >= 2) return connect(...args);
      const socket = new net.Socket();
      setImmediate(() => socket.destroy(Object.assign(new Error('connect EAGAIN'), { code: 'EAGAIN' })));
      return socket;
    }) as typeof connect;
    try {
      expect(await createStreams(clock).converse({ path }, 'x', options)).toBe('at last');
    } finally {
      net.connect = connect;
    }
    expect(refusals).toBe(3);
  });

  test('no socket, a silent peer, an endless answer, an abort: an error without what was written', async () => {
    const streams = createStreams(clock);
    const secret = 'MIGHAgEAMBMGByqG';
    await expect(streams.converse({ path: '/nowhere/sock' }, secret, options)).rejects.toMatchObject({
      code: 'network/failed',
      message: 'show info /nowhere/sock: no such file or folder',
    });
    const silent = await listen(createServer(), local);
    const at = { host: '127.0.0.1', port: silent };
    await expect(streams.converse(at, secret, { ...options, timeoutMs: 40 })).rejects.toMatchObject({
      message: expect.stringContaining('no answer within 40 ms'),
    });
    const stop = new AbortController();
    const stopped = new Error('stopped');
    const waiting = streams.converse(at, secret, { ...options, signal: stop.signal });
    stop.abort(stopped);
    await expect(waiting).rejects.toBe(stopped);
    await expect(streams.converse(at, secret, { ...options, signal: stop.signal })).rejects.toBe(stopped);
    const endless = createServer((socket) => {
      const more = (): void => void (socket.writable && socket.write(Buffer.alloc(65_536), () => setImmediate(more)));
      more();
    });
    const port = await listen(endless, local);
    await expect(streams.converse({ host: '127.0.0.1', port }, secret, options)).rejects.toMatchObject({
      code: 'network/too-large',
    });
  });
});

describe('vantage: get', () => {
  test('connects to the address with the URL’s Host header, and follows no redirect', async () => {
    const server = createHttpServer((request, response) => {
      response.writeHead(301, { location: 'https://elsewhere.example/' });
      response.end(`${request.method} ${request.url} ${request.headers.host}`);
    });
    const port = await listen(server, local);
    const vantage = createVantage({ clock, name: 'here' });
    expect(vantage.name).toBe('here');
    expect(
      await vantage.get('http://www.example.com/.well-known/x?y=1', { address: '127.0.0.1', port }, signal),
    ).toEqual({
      status: 301,
      location: 'https://elsewhere.example/',
      body: 'GET /.well-known/x?y=1 www.example.com',
    });
    const other = await vantage.get('http://www.example.com:8080/', { address: '127.0.0.1', port }, signal);
    expect(other.body).toBe('GET / www.example.com:8080');
  });

  test('over https, it names the host and takes any certificate, as a CA does that follows a redirect', async () => {
    const version = await (await createVersionMaker()).make('www', ['other.example.test']);
    const server = https.createServer(
      { cert: version.fullchainPem, key: version.keyPem.reveal() },
      (request, response) => {
        const { servername } = request.socket as tls.TLSSocket & { servername: string | false };
        response.end(`${request.url} ${request.headers.host} ${servername}`);
      },
    );
    const at = { address: '127.0.0.1', port: await listen(server, local) };
    const vantage = createVantage({ clock });
    expect(await vantage.get('https://www.example.test/x?y', at, signal)).toMatchObject({
      status: 200,
      body: '/x?y www.example.test www.example.test',
    });
    expect((await vantage.get('https://192.0.2.1/', at, signal)).body).toBe('/ 192.0.2.1 false');
  });

  test('an endless body is cut at 64 KiB', async () => {
    const server = createHttpServer((_request, response) => {
      const more = (): void => void (response.writable && response.write('x'.repeat(65_536), () => setImmediate(more)));
      more();
    });
    const port = await listen(server, local);
    const answer = await createVantage({ clock }).get('http://a/', { address: '127.0.0.1', port }, signal);
    expect(answer.body).toBe('x'.repeat(65_536));
  });

  test('refused, cut, slow, not HTTP, aborted', async () => {
    const at = (port: number) => ({ address: '127.0.0.1', port });
    const vantage = createVantage({ clock });
    const refused = await freePort();
    await expect(vantage.get('http://a/b', at(refused), signal)).rejects.toMatchObject({
      code: 'network/failed',
      message: `GET http://a/b at 127.0.0.1:${refused}: connection refused`,
      cause: { phase: 'connect', code: 'ECONNREFUSED' },
    });
    const cut = await listen(
      createServer((socket) => socket.once('data', () => socket.destroy())),
      local,
    );
    await expect(vantage.get('http://a/', at(cut), signal)).rejects.toMatchObject({ cause: { phase: 'exchange' } });
    const half = await listen(
      createServer((socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab')),
      local,
    );
    await expect(createVantage({ clock: hasty }).get('http://a/', at(half), signal)).rejects.toMatchObject({
      message: expect.stringContaining('no answer within 10 s'),
    });
    const garbage = await listen(
      createServer((socket) => void socket.end('220 mail.example.com ESMTP\r\n')),
      local,
    );
    await expect(vantage.get('http://a/', at(garbage), signal)).rejects.toMatchObject({ code: 'network/failed' });
    const stopped = new Error('stopped');
    await expect(vantage.get('http://a/', at(half), AbortSignal.abort(stopped))).rejects.toBe(stopped);
    const stop = new AbortController();
    const waiting = vantage.get('http://a/', at(half), stop.signal);
    setImmediate(() => stop.abort(stopped));
    await expect(waiting).rejects.toBe(stopped);
  });
});

describe('vantage: handshake', () => {
  test('returns the certificate for the name, trusted or not; no SNI for an address', async () => {
    const version = await (await createVersionMaker()).make('www', ['www.example.test']);
    const names: (string | false | null)[] = [];
    const server = tls.createServer({ cert: version.fullchainPem, key: version.keyPem.reveal() }, (socket) => {
      names.push((socket as tls.TLSSocket & { servername: string | false | null }).servername);
      socket.on('error', () => {});
    });
    const port = await listen(server, local);
    const vantage = createVantage({ clock });
    for (const serverName of ['www.example.test', '192.0.2.1', '']) {
      const { certificateDer } = await vantage.handshake({ address: '127.0.0.1', port, serverName }, signal);
      const pem = Buffer.from(certificateDer).toString('base64');
      expect(version.certPem.replace(/\s/g, '')).toContain(pem);
    }
    // The server sees a completed handshake, a moment later: a check must not fill its error log.
    await until(() => names.length === 3, { what: 'the server has completed all three' });
    expect(names).toEqual(['www.example.test', false, false]);
  });

  test('distinguishes a broken handshake from no connection', async () => {
    const vantage = createVantage({ clock });
    const look = (port: number, using = vantage) =>
      using.handshake({ address: '127.0.0.1', port, serverName: 'a.example' }, signal);
    await expect(look(await freePort())).rejects.toMatchObject({
      message: expect.stringContaining('connection refused'),
      cause: { phase: 'connect', code: 'ECONNREFUSED' },
    });
    const plain = await listen(
      createServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      local,
    );
    await expect(look(plain)).rejects.toMatchObject({ cause: { phase: 'exchange' } });
    const closing = await listen(
      createServer((socket) => socket.once('data', () => socket.destroy())),
      local,
    );
    await expect(look(closing)).rejects.toMatchObject({ cause: { phase: 'exchange' } });
    const refusing = await listen(
      tls.createServer({ SNICallback: (_name, done) => done(new Error('no such name')) }),
      local,
    );
    await expect(look(refusing)).rejects.toMatchObject({ cause: { phase: 'exchange' } });
    const silent = await listen(createServer(), local);
    await expect(look(silent, createVantage({ clock: hasty }))).rejects.toMatchObject({
      message: expect.stringContaining('no answer within 10 s'),
      cause: { phase: 'exchange' },
    });
    await expect(
      vantage.handshake({ address: '127.0.0.1', port: silent, serverName: 'a' }, AbortSignal.abort(new Error('stop'))),
    ).rejects.toThrow('stop');
  });
});
