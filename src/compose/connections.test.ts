import { createHash } from 'node:crypto';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { StoredSpec } from '../core/spec/spec.ts';
import type { PartSpec } from '../core/spec/spec-parts.ts';
import { testLocks } from '../engine/locks/test-locks.ts';
import type { HttpRequest, HttpResponse } from '../ports/http.ts';
import type { SolverChallenge } from '../ports/solver.ts';
import type { World } from '../ports/world.ts';
import { createMemoryStore } from '../stores/memory.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { createConnections } from './connections.ts';

const { signal } = new AbortController();
const secretFile = '/etc/secret';

/** A world of one file with a secret, and a DNS service that answers when the test says so. */
function bench() {
  const clock = fakeClock();
  const memory = createMemoryStore();
  const happened: string[] = [];
  let [secret, clients] = ['first', 0];
  const held: (() => void)[] = [];
  const noted = new Set<string>();
  let rootsRead = 0;
  const world = {
    clock,
    random: { bytes: (n: number) => new Uint8Array(n), number: () => 0 },
    log: { debug() {}, info() {}, warn() {} },
    dns: { systemResolvers: () => [] },
    files: {
      read: async () => new TextEncoder().encode(secret),
      stat: async () => ({ kind: 'file', mode: 0o600, untrusted: undefined }),
      list: async () => undefined,
    },
    http() {
      clients += 1;
      const id = clients;
      return {
        async request({ headers }: HttpRequest): Promise<HttpResponse> {
          const [, basic = ''] = (headers?.['authorization'] ?? '').split(' ');
          happened.push(`${id} ${Buffer.from(basic, 'base64').toString()}`);
          await new Promise<void>((answer) => held.push(answer));
          return { status: 200, headers: {}, body: new Uint8Array() };
        },
        async close() {
          happened.push(`close ${id}`);
        },
      };
    },
    async close() {
      happened.push('close the world');
    },
  } as unknown as World;
  const store = {
    ...memory,
    async close() {
      happened.push('close the store');
    },
  };
  const connections = createConnections({
    ...{ world, store, node: 'here', storeId: () => 'id', env: {}, reporter: { report() {} } },
    ...{ balancers: () => ({}), alarms: () => ({}), roots: () => String(rootsRead) },
    onFile: async (file) => void noted.add(file),
    locks: testLocks(clock, memory),
  });
  return {
    clock,
    connections,
    /** What happened since the last look, without the second close of a client. */
    since: () => [...new Set(happened.splice(0))],
    change: (to: string) => (secret = to),
    readRootsAgain: () => (rootsRead += 1),
    noted: () => [...noted],
    answer: () => held.shift()?.(),
    waiting: () => held.length,
  };
}

const partWith = (options: object = {}): PartSpec => ({
  name: 'abc',
  identifiers: [{ type: 'dns', value: 'a.test' }],
  solver: {
    name: 'dns',
    settings: {
      ...{ type: 'dns01', provider: 'http-request' },
      options: { endpoint: 'https://dns.test', username: 'u', password: `file:${secretFile}`, ...options },
    },
  },
  preflight: { resolvers: ['192.0.2.1'], http01Port: 80 },
});
const { preflight, ...part } = partWith();
const stored: StoredSpec = {
  ...{ name: 'abc', identifiers: part.identifiers, endpoints: [], preflight, parts: [part], targets: [] },
  issuer: { name: 'ca', settings: { directory: 'https://ca.test', email: [], agreeToTerms: true, test: true } },
};

const keyAuthorization = 'token.thumbprint';
const value = createHash('sha256').update(keyAuthorization).digest('base64url');
const receipt = { zone: 'a.test', name: '_acme-challenge.a.test', value };
const challenge = {
  type: 'dns-01',
  identifier: { type: 'dns', value: 'a.test' },
  ...{ token: 'token', keyAuthorization, lineage: 'abc', allIdentifiers: [], remaining: 0 },
} as const satisfies SolverChallenge;

describe('connections', () => {
  it('tells which files they read, and read roots again when asked to', async () => {
    const { connections, readRootsAgain, noted } = bench();
    const ca = { ...stored.issuer.settings, caFile: '/etc/ca.pem' };
    const open = connections.open();
    const issuers = () => [open.issuer('ca', ca), open.issuer('ca', stored.issuer.settings)] as const;
    const [own, other] = issuers();
    await open.solver(partWith());
    expect([issuers()[0] === own, noted()]).toEqual([true, ['/etc/ca.pem', secretFile]]);
    readRootsAgain();
    expect(issuers().map((one, at) => one === [own, other][at])).toEqual([false, true]);
    open.end();
    await connections.close();
  });

  it('with a file of credentials that changes during a call: the next pass gets a new one, the old one ends with its last', async () => {
    const { connections, since, change, answer, waiting } = bench();
    const [first, sharing] = [connections.open(), connections.open()];
    const old = await first.solver(partWith());
    expect(await sharing.solver(partWith())).toBe(old);
    const call = old.cleanup(challenge, receipt, signal);
    while (waiting() === 0) await new Promise((turn) => setImmediate(turn));
    expect(since()).toEqual(['1 u:first']);

    change('second');
    expect(await first.solver(partWith()), 'a pass reads secrets once').toBe(old);
    const next = connections.open();
    expect(await next.credentialsOf(stored)).not.toBe(await first.credentialsOf(stored));
    const fresh = await next.solver(partWith());
    expect(fresh).not.toBe(old);
    first.end();
    await settled();
    expect(since(), 'it is still in use').toEqual([]);
    answer();
    await call;
    sharing.end();
    await settled();
    expect(since()).toEqual(['close 1']);

    const second = fresh.cleanup(challenge, receipt, signal);
    while (waiting() === 0) await new Promise((turn) => setImmediate(turn));
    answer();
    await second;
    expect(since()).toEqual(['2 u:second']);
    next.end();
    await connections.close();
    expect(since()).toEqual(['close 2', 'close the store', 'close the world']);
  });

  it('with other settings are others, and one that no pass has used for ten minutes is closed', async () => {
    const { clock, connections, since } = bench();
    const passes = [connections.open(), connections.open()] as const;
    const one = await passes[0].solver(partWith());
    expect(await passes[1].solver(partWith({ mode: 'RAW' }))).not.toBe(one);
    for (const pass of passes) pass.end();
    await settled();
    expect(since()).toEqual([]);
    await clock.advance(5 * 60_000);
    const later = connections.open();
    expect(await later.solver(partWith())).toBe(one);
    await clock.advance(5 * 60_000);
    later.end();
    await settled();
    expect(since(), 'of the settings that are gone').toEqual(['close 2']);
    await connections.close();
    expect(since()).toEqual(['close 1', 'close the store', 'close the world']);
  });

  it('to a responder give its port back ten seconds after the last pass that used it, and take it for the next', async () => {
    const { clock, connections } = bench();
    const port = await freePort();
    const solver = { name: 'web', settings: { type: 'http01-responder', listen: `127.0.0.1:${port}` } };
    const pass = async () => {
      const open = connections.open();
      await (await open.solver({ ...partWith(), solver })).prepare?.('abc', part.identifiers, signal);
      return open;
    };
    const [first, second] = [await pass(), await pass()];
    first.end();
    await clock.advance(60_000);
    expect(await listens(port), 'a pass still uses it').toBe(true);
    second.end();
    await settled();
    await clock.advance(9_000);
    (await pass()).end();
    await settled();
    await clock.advance(9_999);
    expect(await listens(port)).toBe(true);
    await clock.advance(1);
    await expect.poll(() => listens(port)).toBe(false);
    (await pass()).end();
    expect(await listens(port)).toBe(true);
    await connections.close();
    expect(await listens(port)).toBe(false);
  });

  it('that could not be made are tried again in the same pass', async () => {
    const { connections, change } = bench();
    change('');
    const pass = connections.open();
    await expect(pass.solver(partWith())).rejects.toMatchObject({ code: expect.stringMatching(/^config\//) });
    change('there now');
    expect(await pass.solver(partWith())).toMatchObject({ type: 'dns01' });
    await connections.close();
  });
});

/** What an ended pass does without being waited for. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((next) => setImmediate(next));
}

const listens = (port: number): Promise<boolean> =>
  new Promise((answer) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      answer(true);
    });
    socket.on('error', () => answer(false));
  });

/** Returns a free port. */
const freePort = (): Promise<number> =>
  new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => found(port));
    });
  });
