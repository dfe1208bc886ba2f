import { createHash, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { createConnections } from '../../src/compose/connections.ts';
import type { Solver, SolverChallenge } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import tlsAlpn01 from '../../src/solvers/tls-alpn01.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { solverContract } from '../../src/testing/solver-contract.ts';
import { declaredOf } from '../support/declared.ts';
import { drawnExcept, itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, documents, readLineage, stderrOf, succeeded } from '../support/e2e.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { respondersOf } from '../support/responders.ts';
import { sampled } from '../support/seeded.ts';
import { findProgram, freePort, portAccepts, startService, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { type Bench, ignore, makeBench, makeChallenge, signal, storeId } from './solver-bench.ts';

stopAllAfterwards();

const connect = (bench: Bench, port: number, options: object = {}, store = bench.store): Solver =>
  bench.keep(
    tlsAlpn01.connect({
      name: 'tls',
      options: tlsAlpn01.options.parse({ listen: `127.0.0.1:${port}`, ...options }),
      world: bench.world,
      store,
      storeId,
      ...respondersOf(bench.world, store),
    }),
  );

let counter = 0;
const challengeFor = (more: Partial<SolverChallenge> = {}) =>
  makeChallenge({ type: 'tls-alpn-01', token: `tls${String(++counter).padStart(40, '0')}`, ...more });

/** What a handshake shows: the protocol and the certificate. Rejects with the alert of the server. */
function shakeHands(port: number, options: ConnectionOptions) {
  return new Promise<{ readonly protocol: string | false | null; readonly raw: Buffer }>((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
    socket.once('secureConnect', () => {
      resolve({ protocol: socket.alpnProtocol, raw: socket.getPeerX509Certificate()!.raw });
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}

const ALPNProtocols = ['acme-tls/1'];

/** The key authorization if the answer is for this challenge. */
async function seen(port: number, { identifier, keyAuthorization }: SolverChallenge): Promise<string | undefined> {
  if (!(await portAccepts(port))) return undefined;
  const { raw } = await shakeHands(port, { servername: identifier.value, ALPNProtocols });
  const digest = createHash('sha256').update(keyAuthorization).digest('hex');
  const isIt = raw.toString('hex').includes(`06082b0601050507011f0101ff04220420${digest}`);
  return isIt && new X509Certificate(raw).subjectAltName === `DNS:${identifier.value}` ? keyAuthorization : undefined;
}

async function documentsIn(store: Store): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const page of store.scan('token', signal())) names.push(...page.map(({ key }) => key.name));
  return names;
}

it('listens again for the next order after its port was freed for a post-hook', async () => {
  const bench = await makeBench();
  const port = await freePort();
  const { world, store } = bench;
  const connections = createConnections({
    ...{
      world,
      store,
      node: 'here',
      storeId: () => storeId,
      env: {},
      balancers: () => ({}),
      alarms: () => ({}),
      reporter: { report() {} },
      onFile: async () => undefined,
      roots: () => '',
    },
    locks: {} as never, // for zones and balancers only
  });
  const part = {
    ...{ name: 'abc', preflight: { resolvers: [], http01Port: 80 } },
    solver: { name: 'tls', settings: { type: 'tls-alpn01', listen: `127.0.0.1:${port}` } },
  };
  const pass = connections.open();
  for (let order = 0; order < 2; order += 1) {
    const solver = await pass.solver(part);
    await solver.prepare?.('abc', [], signal());
    expect(await portAccepts(port)).toBe(true);
    await pass.hooks.freePorts(signal());
    expect(await portAccepts(port)).toBe(false);
  }
});

for (const shared of [true, false]) {
  solverContract(
    (name, run) => drawnExcept(/is visible after present/)(`tls-alpn01, shared: ${shared}: ${name}`, run),
    async () => {
      const bench = await makeBench();
      const port = await freePort();
      return {
        connect: () => connect(bench, port, { shared }),
        challenge: () => challengeFor(),
        seen: async (challenge) =>
          (await seen(port, challenge)) ??
          ((await documentsIn(bench.store)).some((name) => name.includes(challenge.identifier.value))
            ? 'a document'
            : undefined),
        expected: ({ keyAuthorization }) => keyAuthorization,
        plant: async () => {
          const key = { kind: 'token', name: `foreign${port}` } as const;
          await bench.store.put(key, new TextEncoder().encode('{}'), { ifRevision: null, signal: signal() });
          return async () => (await bench.store.get(key, signal())) !== undefined;
        },
        refused: async () => {
          const taken = createServer();
          await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
          taken.unref();
          return connect(bench, (taken.address() as { port: number }).port);
        },
        logged: () => bench.logged,
        stop: () => bench.stop(),
      };
    },
  );
}

test('only acme-tls/1 is spoken, and only with a name', async () => {
  const bench = await makeBench();
  const port = await freePort();
  const challenge = challengeFor();
  await connect(bench, port).present(challenge, ignore, signal());
  const servername = challenge.identifier.value;
  expect((await shakeHands(port, { servername, ALPNProtocols })).protocol).toBe('acme-tls/1');
  expect((await shakeHands(port, { servername, ALPNProtocols: ['h2', 'acme-tls/1'] })).protocol).toBe('acme-tls/1');
  for (const odd of [
    { servername, ALPNProtocols: ['h2', 'http/1.1'] },
    { ALPNProtocols },
    { servername: 'no host name', ALPNProtocols },
    { servername: `${'a'.repeat(70)}.test`, ALPNProtocols },
    { servername, ALPNProtocols, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' },
  ] as const)
    await expect(shakeHands(port, odd)).rejects.toThrow();
  expect(await seen(port, challenge)).toBe(challenge.keyAuthorization);
});

test('any process answers challenges of another one, and proves that it reads the store', async () => {
  const bench = await makeBench();
  const [one, two, other] = [await freePort(), await freePort(), await freePort()];
  const challenge = challengeFor();
  await connect(bench, two).prepare?.('a', [], signal());
  const solver = connect(bench, one);
  const { handshake } = (await solver.prepare!('a', [], signal()))!;
  await connect(bench, other, {}, createMemoryStore()).prepare?.('a', [], signal());
  const { identifier } = challenge;
  const asked = { ...challenge, keyAuthorization: handshake!(identifier) };
  expect([await seen(one, asked), await seen(two, asked), await seen(other, asked)]).toEqual([
    asked.keyAuthorization,
    asked.keyAuthorization,
    undefined,
  ]);
  const receipt = await solver.present(challenge, ignore, signal());
  expect(await seen(two, challenge)).toBe(challenge.keyAuthorization);
  await solver.cleanup(challenge, receipt, signal());
  expect(await seen(two, challenge)).toBeUndefined();
});

test('a port of another process of this store is used, and taken over when that one closes', async () => {
  const bench = await makeBench();
  const port = await freePort();
  const first = connect(bench, port, { shared: false });
  await first.present(challengeFor(), ignore, signal());
  const second = connect(bench, port, { shared: false });
  const mine = challengeFor();
  const receipt = await second.present(mine, ignore, signal());
  expect(receipt).toEqual({ published: true });
  expect(await second.ready(mine, receipt, signal())).toEqual({ ready: true });
  await first.close?.();
  await until(() => portAccepts(port), { what: 'the second process takes the port over' });
  expect(await seen(port, mine)).toBe(mine.keyAuthorization);
  await second.cleanup(mine, receipt, signal());
  expect(await documentsIn(bench.store)).toEqual([]);
});

test.each([true, false])('two orders with one name are answered one after the other (shared: %s)', async (shared) => {
  const bench = await makeBench();
  const port = await freePort();
  const one = challengeFor();
  const two = challengeFor({ identifier: one.identifier, lineage: 'other' });
  const first = connect(bench, port, { shared });
  // In one process, or in two with the same port.
  for (const second of [first, connect(bench, port, { shared })]) {
    await first.present(one, ignore, signal());
    await second.present(two, ignore, signal());
    expect(await first.ready(one, null, signal())).toEqual({ ready: true });
    expect(await second.ready(two, null, signal())).toMatchObject({
      ready: false,
      reason: expect.stringContaining(one.identifier.value),
    });
    expect(await seen(port, one)).toBe(one.keyAuthorization);
    await first.cleanup(one, undefined, signal());
    expect(await second.ready(two, null, signal())).toEqual({ ready: true });
    expect(await seen(port, two)).toBe(two.keyAuthorization);
    await second.cleanup(two, undefined, signal());
    expect(await documentsIn(bench.store)).toEqual([]);
  }
});

describeWith(['pebble'], 'tls-alpn-01 with Pebble', () => {
  let certfleet: Certfleet;
  let pebble: Pebble;
  const listen = () => `127.0.0.1:${pebble.tlsPort}`;
  const flags = (...more: readonly string[]) => [
    ...['--issuer', pebble.directoryUrl, '--ca-file', pebble.caFile, '--agree-tos'],
    ...['--resolver', pebble.dnsServer, '--tls-alpn01-port', String(pebble.tlsPort), ...more],
  ];
  const newStore = async () => join(await temporaryFolder('alpn'), 'store');
  beforeAll(async () => {
    [certfleet, pebble] = await Promise.all([buildCertfleet(), startPebble()]);
  });

  it('issues for names, and again with the stored settings', async () => {
    const store = await newStore();
    const names = ['-d', 'a.example.test,b.example.test'];
    succeeded(await certfleet(['issue', ...names, ...flags('--tls-alpn', listen()), '--store', store]));
    succeeded(await certfleet(['renew', '--force', '--store', store]));
    const { spec, current } = await readLineage(store, 'a.example.test');
    expect(declaredOf(spec).solver).toEqual({ type: 'tls-alpn01', shared: false, listen: listen() });
    expect(current?.facts.identifiers).toHaveLength(2);
    expect((await documents(store, 'token')).size).toBe(0);
    const drawn = await certfleet(['doctor', 'a.example.test', '--store', store]);
    succeeded(drawn);
    expect(drawn.stdout).toContain('a.example.test by tls-alpn-01');
    expect(drawn.stdout).toContain('every address gives the right answer');
  });

  // Point 13 of the conformance list, with RFC 8738 §6: the CA asks for the name of the reverse record.
  it.each(sampled(['127.0.0.1', '::1'], 1, 'addresses'))(
    'conformance 13: issues for the IP address %s',
    async (address) => {
      const store = await newStore();
      const at = address === '::1' ? `[::1]:${pebble.tlsPort}` : listen();
      succeeded(await certfleet(['issue', '-d', address, ...flags('--tls-alpn', at), '--store', store]));
      const [lineage] = (await documents(store, 'lineage')).values();
      expect(lineage).toContain(`"identifiers":[{"type":"ip","value":"${address}"}]`);
    },
  );

  itDrawn('says before the order that another server has the port, and refuses wildcards', async () => {
    const store = await newStore();
    const elsewhere = `127.0.0.1:${await freePort()}`;
    const other = await (async () => {
      const bench = await makeBench();
      await connect(bench, pebble.tlsPort, {}, createMemoryStore()).prepare?.('a', [], signal());
      return bench;
    })();
    const refused = await certfleet([
      ...['issue', '-d', 'taken.example.test', ...flags('--tls-alpn', elsewhere), '--store', store],
    ]);
    expect([refused.status, stderrOf(refused)]).toEqual([
      3,
      expect.stringContaining(`port ${pebble.tlsPort} of 127.0.0.1 speaks acme-tls/1 with another certificate`),
    ]);
    await other.stop();
    const wildcard = await certfleet(['issue', '-d', '*.example.test', ...flags('--tls-alpn'), '--store', store]);
    expect([wildcard.status, stderrOf(wildcard)]).toEqual([
      2,
      expect.stringContaining('can be validated only over DNS, but tls-alpn answers tls-alpn-01'),
    ]);
  });

  itDrawn('leaves no answer in the store after a kill', async () => {
    const [folder, store] = [await temporaryFolder('alpn-kill'), await newStore()];
    const config = join(folder, 'certfleet.yaml');
    const issuer = { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true };
    // JSON is YAML.
    await writeFile(
      config,
      JSON.stringify({
        store: { type: 'file', path: store },
        issuers: { pebble: issuer },
        solvers: { tls: { type: 'tls-alpn01', listen: listen() } },
        certificates: [{ name: 'shared', identifiers: ['shared.example.test'], issuer: 'pebble', solver: 'tls' }],
        preflight: { resolvers: [pebble.dnsServer], tlsAlpn01Port: pebble.tlsPort },
      }),
    );
    const answers = async () => (await documents(store, 'token').catch(() => new Map())).size;
    const isThere = until(async () => (await answers()) > 0, { what: 'the answer is in the store', everyMs: 1 });
    // It may have got its certificate before that was seen, or before the signal arrived.
    const killWhen = isThere.catch(() => undefined);
    await certfleet(['issue', '--config', config], { killWhen });
    succeeded(await certfleet(['sweep', '--config', config]));
    expect(await answers()).toBe(0);
    succeeded(await certfleet(['renew', '--force', '--config', config]));
    expect([await answers(), (await readLineage(store, 'shared')).current !== undefined]).toEqual([0, true]);
  });

  const haproxy = findProgram('haproxy');
  it.skipIf(haproxy === undefined)('works behind HAProxy, which keeps port 443 for the web', async () => {
    const [folder, store] = [await temporaryFolder('haproxy'), await newStore()];
    const [own, web] = [await freePort(), await freePort()];
    const config = join(folder, 'haproxy.cfg');
    // As in docs/guides/answer-on-port-443.md.
    await writeFile(
      config,
      `defaults
  mode tcp
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend https
  bind 127.0.0.1:${pebble.tlsPort}
  tcp-request inspect-delay 5s
  tcp-request content accept if { req.ssl_hello_type 1 }
  use_backend certfleet if { req.ssl_alpn acme-tls/1 }
  default_backend web
backend certfleet
  server node 127.0.0.1:${own}
backend web
  server web 127.0.0.1:${web}
`,
    );
    const service = await startService({
      ...{ name: 'haproxy', program: haproxy!, args: ['-db', '-f', config] },
      ready: () => portAccepts(pebble.tlsPort),
    });
    const issue = ['issue', '-d', 'proxied.example.test', ...flags('--tls-alpn', `127.0.0.1:${own}`)];
    succeeded(await certfleet([...issue, '--store', store]));
    await service.stop();
  });
});

describe('what a store keeps', () => {
  it('has no document of a name that no order needs', async () => {
    const bench = await makeBench();
    const solver = connect(bench, await freePort());
    await solver.cleanup(challengeFor(), { published: true }, signal());
    expect(await documentsIn(bench.store)).toEqual([]);
  });
});
