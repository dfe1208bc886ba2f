import { connect, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { type Listening, listenLimited } from './guarded-server.ts';

const [headersMs, requestMs, keepAliveMs] = [10_000, 30_000, 75_000];

/** A server that keeps five connections, and answers at once, but never for `/events`. */
async function serve(): Promise<Listening> {
  const server = await listenLimited(
    {
      handle: ({ url, method }, response) => {
        if (url === '/events') response.write('begun');
        else if (method === 'GET') response.end('here');
      },
      limits: { headerBytes: 16_384, headersMs, requestMs, keepAliveMs, connections: 5 },
      warn: () => {},
    },
    { host: '127.0.0.1', port: 0 },
  );
  onTestFinished(() => server.close());
  return server;
}

/** Sends something, and returns the answer so far. */
async function send(
  { port }: Listening,
  text: string,
): Promise<{ readonly socket: Socket; answer(): Promise<string> }> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => socket.once('connect', resolve));
  const came = new Promise<string>((resolve) => {
    socket.once('data', (bytes) => resolve(String(bytes)));
    socket.once('close', () => resolve('closed'));
  });
  socket.write(text);
  return { socket, answer: () => came };
}

const head = (line: string, more = '') => `${line} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;

it.each([
  ['send half a form', head('POST /login', 'Content-Length: 9\r\n'), ['closed']],
  ['follow events', head('GET /events'), ['200']],
])('answers others while more than it keeps %s', async (_, text, expected) => {
  const server = await serve();
  const all: Awaited<ReturnType<typeof send>>[] = [];
  for (let count = 0; count < 5; count++) {
    const one = await send(server, text);
    if (expected[0] === '200') expect(await one.answer()).toContain('200');
    all.push(one);
  }
  // Whoever was first has had it longest.
  const gone = new Promise((resolve) => all[0]!.socket.once('close', resolve));
  const other = await send(server, head('GET /'));
  expect(await other.answer()).toContain('200');
  await gone;
  expect(all.slice(1).every(({ socket }) => !socket.closed)).toBe(true);
});
