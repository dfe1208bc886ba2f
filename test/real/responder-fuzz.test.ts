import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isToken } from '../../src/core/text/encoding.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { Log } from '../../src/ports/log.ts';
import { createChallengeServer } from '../../src/responder/server.ts';
import { readStoreProof } from '../../src/responder/store-proof.ts';
import { createTokenLookup } from '../../src/responder/token-lookup.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { codePoint } from '../support/any-text.ts';
import { atEnd, until } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';
import '../support/seeded-setup.ts';

// Everything that a challenge request can be: methods, targets, headers, sizes, pieces, half requests, and many
// connections at once. The responder goes on, answers nothing but tokens and proofs, and prints nothing of it.

stopAllAfterwards();

const numRuns = process.env['CERTFLEET_LONG'] ? 1_500 : 150;

const token = 'LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0';
const keyAuthorization = `${token}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI`;
const folder = '/.well-known/acme-challenge/';
const proof = () => readStoreProof(createMemoryStore(), systemRandom, new AbortController().signal);

const methods = fc.oneof(
  { weight: 5, arbitrary: fc.constant('GET') },
  fc.constantFrom('HEAD', 'POST', 'PUT', 'OPTIONS', 'CONNECT', 'TRACE', 'get', 'G\0T', ''),
  fc.string({ unit: codePoint, maxLength: 12 }),
);
const targets = fc.oneof(
  { weight: 3, arbitrary: fc.constant(folder + token) },
  fc.constantFrom(`${folder}_health`, `${folder}${token}?x`, `http://a.test${folder}${token}`, folder, '*', '/', ''),
  fc.constantFrom(`${folder}_port-${token}`, `${folder}_health-${token}`, `${folder}_port-${token}\0`),
  fc.constantFrom(
    `${folder}../../../../etc/passwd`,
    `${folder}%2e%2e%2f`,
    `${folder}${token}\x1b[2J`,
    `${folder}\u202e`,
  ),
  fc.string({ unit: codePoint, maxLength: 60 }).map((text) => folder + text),
  fc.nat(20_000).map((length) => folder + 'a'.repeat(length)),
);
const headers = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('Accept: */*', 'User-Agent: x', 'X-Forwarded-Proto: http') },
  fc.constantFrom('Connection: keep-alive', 'Connection: upgrade\r\nUpgrade: h2c', 'Expect: 100-continue'),
  fc.constantFrom('Content-Length: 5', 'Content-Length: 99999999999999999999', 'Transfer-Encoding: chunked', 'Host: b'),
  fc.constantFrom('X-Forwarded-For: \x1b]0;owned\x07', 'Referer: \u202e', ': ', 'X', ' folded'),
  fc
    .tuple(fc.string({ unit: codePoint, maxLength: 15 }), fc.string({ unit: codePoint, maxLength: 40 }))
    .map(([name, value]) => `${name}: ${value}`),
  fc.nat(12_000).map((length) => `Cookie: ${'c'.repeat(length)}`),
);
const request = fc
  .record({
    method: methods,
    target: targets,
    version: fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9', ''),
    host: fc.constantFrom('Host: a.test\r\n', 'Host: a.test\r\n', 'Host: \x1b[2J\r\n', ''),
    headers: fc.array(headers, { maxLength: 3 }),
    body: fc.oneof(
      fc.constant(''),
      fc.string({ unit: codePoint, maxLength: 50 }),
      fc.constant('5\r\nhello\r\n0\r\n\r\n'),
    ),
  })
  .map(({ method, target, version, host, headers: more, body }) =>
    Buffer.from(`${method} ${target} ${version}\r\n${host}${more.map((one) => `${one}\r\n`).join('')}\r\n${body}`),
  );

const good = Buffer.from(`GET ${folder}${token} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`);

const client = fc.record({
  requests: fc.oneof(fc.constant([good]), { weight: 3, arbitrary: fc.array(request, { minLength: 1, maxLength: 4 }) }),
  /** Where the bytes are cut into pieces that are sent one by one. */
  cuts: fc.array(fc.nat(3_000), { maxLength: 6 }),
  /** How much is sent; the rest never comes. */
  part: fc.constantFrom(1, 1, 1, 1, 1, 0.9, 0.5, 0.1, 0),
  /** Whether it waits for an answer first, if there is one soon. */
  waits: fc.constantFrom(true, true, false),
  /** How the client goes: half closed, at once, or with a reset. */
  leaves: fc.constantFrom('ends', 'ends', 'goes', 'resets'),
});
type Client = typeof client extends fc.Arbitrary<infer C> ? C : never;

/** Sends what the client sends and returns what it got. */
async function visit(port: number, { requests, cuts, part, waits, leaves }: Client): Promise<string> {
  const whole = Buffer.concat(requests);
  const bytes = whole.subarray(0, Math.ceil(whole.length * part));
  const socket = connect({ port, host: '127.0.0.1' });
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  let from = 0;
  for (const end of [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]) {
    socket.write(bytes.subarray(from, end));
    from = end;
    await new Promise((next) => setImmediate(next));
  }
  if (waits) await until(() => text !== '' || socket.closed, { what: 'an answer', deadlineMs: 50 }).catch(() => {});
  if (leaves === 'ends') socket.end();
  else if (leaves === 'goes') socket.destroy();
  else socket.resetAndDestroy();
  await closed;
  return text;
}

const statuses = [200, 400, 404, 405, 408, 413, 417, 431, 503];
const openDescriptors = () => readdirSync('/proc/self/fd').length;

test('whatever clients send, many at once', async () => {
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const log: Log = { debug: say, info: say, warn: say };
  const looked: string[] = [];
  const store = {
    get: async ({ name }: { readonly name: string }) => {
      looked.push(name);
      if (name !== token) return undefined;
      const document = { keyAuthorization, lineages: ['x'], expires: '2999-01-01T00:00:00Z' };
      return { bytes: new TextEncoder().encode(JSON.stringify(document)), revision: '1' };
    },
  };
  const tokens = createTokenLookup(store as never, systemClock);
  const lookup = (name: string) => tokens.find(name);
  const server = await createChallengeServer({ lookup, proof, log }).listen({ host: '127.0.0.1', port: 0 });
  atEnd(() => server.close());

  const isHealthy = async () => {
    const honest: Client = { requests: [good], cuts: [], part: 1, waits: true, leaves: 'ends' };
    const answer = await visit(server.port, honest);
    return answer.startsWith('HTTP/1.1 200 ') && answer.endsWith(keyAuthorization);
  };
  expect(await isHealthy()).toBe(true);
  const [descriptors, memory] = [openDescriptors(), process.memoryUsage().rss];
  let served = 0;
  let refused = 0;

  await fc.assert(
    fc.asyncProperty(fc.array(client, { minLength: 1, maxLength: 12 }), async (clients) => {
      const answers = await Promise.all(clients.map((one) => visit(server.port, one)));
      for (const answer of answers) {
        expect(answer).toMatch(/^[\r\n\x20-\x7e]*$/);
        const codes = [...answer.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, code]) => Number(code));
        for (const code of codes) expect(statuses).toContain(code);
        if (codes.includes(200)) served += 1;
        else if (codes.length > 0) refused += 1;
      }
      // Only tokens reach the store.
      for (const name of looked.splice(0)) expect(isToken(name)).toBe(true);
      for (const line of said.splice(0)) expect(line).toMatch(/^[\x20-\x7e]*$/);
    }),
    { numRuns },
  );

  expect(await isHealthy()).toBe(true);
  // Both kinds of answer were seen, so the requests were not all nonsense.
  expect(Math.min(served, refused)).toBeGreaterThan(20);
  await until(() => openDescriptors() <= descriptors + 5, { what: 'all connections are closed', deadlineMs: 20_000 });
  expect(process.memoryUsage().rss - memory).toBeLessThan(200 * 1024 * 1024);
});

test('eight hundred clients at once, for tokens that do not exist, on a store that hangs', async () => {
  let asked = 0;
  const hangs = () =>
    new Promise<never>(() => {
      asked += 1;
    });
  const tokens = createTokenLookup({ get: hangs } as never, systemClock);
  const responder = createChallengeServer({ lookup: (name) => tokens.find(name), proof });
  const server = await responder.listen({ host: '127.0.0.1', port: 0 });
  atEnd(() => server.close());
  let refused = 0;
  const sockets = Array.from({ length: 800 }, (_, at) => {
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      if (chunk.toString('latin1').startsWith('HTTP/1.1 503 ')) refused += 1;
    });
    socket.write(`GET ${folder}${String(at).padStart(43, 'A')} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    return socket;
  });
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
  });
  // 16 look-ups at once, and 512 that wait.
  await until(() => refused >= 800 - 16 - 512, { what: 'all others are refused', deadlineMs: 4_500 });
  expect(asked).toBe(16);
});
