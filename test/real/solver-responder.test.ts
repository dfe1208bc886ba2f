import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isFailure } from '../../src/core/errors/errors.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Solver, SolverChallenge } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import { healthPath } from '../../src/responder/server.ts';
import http01Responder from '../../src/solvers/http01-responder.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { solverContract } from '../../src/testing/solver-contract.ts';
import { itDrawn } from '../support/drawn.ts';
import { respondersOf } from '../support/responders.ts';
import { atEnd, freePort, nodeAs, portAccepts, type Service, startService, until } from '../support/service.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';
import { type Bench, ignore, makeBench, makeChallenge, signal, storeId } from './solver-bench.ts';

stopAllAfterwards();

const connect = (bench: Bench, port: number, options: object = {}, store = bench.store): Solver =>
  bench.keep(
    http01Responder.connect({
      name: 'web',
      options: http01Responder.options.parse({ listen: `127.0.0.1:${port}`, ...options }),
      world: bench.world,
      store,
      storeId,
      ...respondersOf(bench.world, store),
    }),
  );

async function ask(port: number, path: string): Promise<string | undefined> {
  if (!(await portAccepts(port))) return undefined;
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  return answer.status === 200 ? answer.text() : undefined;
}

const seen = (port: number, { token }: SolverChallenge) => ask(port, `/.well-known/acme-challenge/${token}`);

async function tokensIn(store: Store): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const page of store.scan('token', signal())) names.push(...page.map(({ key }) => key.name));
  return names;
}

for (const shared of [true, false]) {
  solverContract(
    (name, run) => test(`shared: ${shared}: ${name}`, run),
    async () => {
      const bench = await makeBench();
      const port = await freePort();
      let foreign: (() => Promise<void>) | undefined;
      return {
        connect: () => connect(bench, port, { shared }),
        challenge: () => makeChallenge(),
        // A document that is not answered any more counts as left behind.
        seen: async (challenge) =>
          (await seen(port, challenge)) ??
          ((await tokensIn(bench.store)).includes(challenge.token) ? 'a document' : undefined),
        expected: ({ keyAuthorization }) => keyAuthorization,
        plant: async () => {
          const name = `foreign${port}`;
          const document = JSON.stringify({
            keyAuthorization: 'foreign.answer',
            lineages: ['other'],
            expires: '2999-01-01T00:00:00Z',
          });
          const key = { kind: 'token', name } as const;
          await bench.store.put(key, new TextEncoder().encode(document), { ifRevision: null, signal: signal() });
          return async () => (await bench.store.get(key, signal())) !== undefined;
        },
        refused: async () => {
          const taken = await freePort();
          foreign = await occupy(taken, 'something else');
          return connect(bench, taken);
        },
        logged: () => bench.logged,
        stop: async () => {
          await bench.stop();
          await foreign?.();
        },
      };
    },
  );
}

/** A web server that answers everything with one text. */
async function occupy(port: number, text: string): Promise<() => Promise<void>> {
  const server = createServer((_request, response) => response.end(text));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  atEnd(stop);
  return stop;
}

const probeOf = async (solver: Solver) => (await solver.prepare?.('a', [], signal()))?.probe;

test('the probe asks any responder of the store for a proof, each time another one', async () => {
  const bench = await makeBench();
  const [port, other] = [await freePort(), await freePort()];
  const solver = connect(bench, port);
  const [probe, next] = [await probeOf(solver), await probeOf(solver)];
  expect(probe?.path).toMatch(new RegExp(`^${healthPath}-[A-Za-z0-9_-]{43}$`));
  expect(next?.path).not.toBe(probe?.path);
  // A load balancer may lead to another node, and another port.
  await connect(bench, other).prepare?.('a', [], signal());
  await connect(bench, await freePort(), {}, createMemoryStore()).prepare?.('a', [], signal());
  for (const at of [port, other]) {
    expect(await ask(at, probe?.path ?? '')).toBe(probe?.body);
    expect(await ask(at, healthPath)).not.toContain(storeId);
  }
  await bench.stop();
  expect(await portAccepts(port)).toBe(false);
});

test('the secret of the proof is made once, by the first process that needs it', async () => {
  const bench = await makeBench();
  const key = { kind: 'meta', name: 'responder' } as const;
  const solvers = await Promise.all([1, 2, 3, 4].map(async () => connect(bench, await freePort())));
  for (const solver of solvers) await solver.cleanup(makeChallenge(), undefined, signal());
  expect(await bench.store.get(key, signal())).toBeUndefined();
  const probes = await Promise.all(solvers.map((solver) => solver.prepare?.('a', [], signal())));
  const made = await bench.store.get(key, signal());
  const { secret } = JSON.parse(new TextDecoder().decode(made?.bytes)) as { secret: string };
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
  expect(JSON.stringify(probes) + bench.logged.join('\n')).not.toContain(secret);
});

test('a damaged secret is reported, not replaced', async () => {
  const bench = await makeBench();
  const bytes = new TextEncoder().encode('{"schema":1,"secret":""}');
  await bench.store.put({ kind: 'meta', name: 'responder' }, bytes, { ifRevision: null, signal: signal() });
  const solver = connect(bench, await freePort());
  await expect(solver.prepare?.('a', [], signal())).rejects.toMatchObject({ code: 'store/corrupt' });
});

/**
 * Another user's process that knows everything except the store's secret: it answers with the store's id, and asks a
 * real responder for everything else.
 */
async function impostor(port: number, real: number): Promise<Service> {
  const script = `const http = require('node:http');
  http.createServer((q, s) => {
    if (q.url.endsWith('_health')) return s.end('${storeId}');
    http.get({ host: '127.0.0.1', port: ${real}, path: q.url }, (a) => {
      s.writeHead(a.statusCode, a.headers);
      a.pipe(s);
    }).on('error', () => s.destroy());
  }).listen(${port}, '127.0.0.1')`;
  const isRoot = process.getuid?.() === 0;
  const [program, ...args] = isRoot ? nodeAs(65_534, ['-e', script]) : [process.execPath, '-e', script];
  return startService({
    ...{ name: 'impostor', program, args },
    ready: () => portAccepts(port),
  });
}

test('a process of another user is not taken for a responder of the store, though it asks one', async () => {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot) noteSkipped('not tested: an impostor of another user (that needs root); it is one of this user');
  const bench = await makeBench();
  const [port, real] = [await freePort(), await freePort()];
  await connect(bench, real).prepare?.('a', [], signal());
  const { pid } = await impostor(port, real);
  const solver = connect({ ...bench, world: { ...bench.world, clock: hasty(bench).clock } }, port);
  const owner = isRoot ? ' of uid 65534), or another program that only claims to be one,' : ')';
  await expect(solver.prepare?.('a', [], signal())).rejects.toMatchObject({
    code: 'solver/port-held',
    message: expect.stringContaining(
      `a certfleet process that uses another store or version (pid ${pid}${owner} is using the port`,
    ),
  });
  const challenge = makeChallenge();
  const receipt = await solver.present(challenge, ignore, signal());
  // It would give the right answer, but that is not known before the CA asks.
  expect(await seen(port, challenge)).toBe(challenge.keyAuthorization);
  expect(await solver.ready(challenge, receipt, signal())).toMatchObject({ ready: false });
});

test('the answer to another question is no proof', async () => {
  const bench = await makeBench();
  const [port, real] = [await freePort(), await freePort()];
  await connect(bench, real).prepare?.('a', [], signal());
  // It has asked a real responder before, at its own port and by the public path.
  const old = async (path: string) => (await ask(real, `/.well-known/acme-challenge/${path}-${'A'.repeat(43)}`)) ?? '';
  for (const answer of [await old('_port'), await old('_health'), '']) {
    const stop = await occupy(port, answer);
    await expect(connect(bench, port).prepare?.('a', [], signal())).rejects.toMatchObject({
      code: 'solver/port-taken',
    });
    await stop();
  }
});

test.each(['0.0.0.0', '[::]', '[::ffff:127.0.0.1]', '[0:0:0:0:0:0:0:1]'])(
  'finds the other responder on %s',
  async (host) => {
    const bench = await makeBench();
    const port = await freePort();
    const options = { listen: `${host}:${port}`, shared: false };
    await connect(bench, port, options).prepare?.('a', [], signal());
    expect(await connect(bench, port, options).present(makeChallenge(), ignore, signal())).toEqual({ published: true });
  },
);

test('without sharing, a process that has the port writes no document', async () => {
  const bench = await makeBench();
  const port = await freePort();
  const challenge = makeChallenge();
  const alone = connect(bench, port, { shared: false });
  expect(await alone.present(challenge, ignore, signal())).toEqual({ published: false });
  expect(await tokensIn(bench.store)).toEqual([]);
  const sharing = connect(bench, await freePort());
  expect(await sharing.present(challenge, ignore, signal())).toEqual({ published: true });
  expect(await tokensIn(bench.store)).toEqual([challenge.token]);
});

test('any process answers challenges of another one', async () => {
  const bench = await makeBench();
  const [one, two] = [await freePort(), await freePort()];
  const challenge = makeChallenge();
  await connect(bench, two).prepare?.('a', [], signal());
  const solver = connect(bench, one);
  const receipt = await solver.present(challenge, ignore, signal());
  expect(await seen(two, challenge)).toBe(challenge.keyAuthorization);
  await solver.cleanup(challenge, receipt, signal());
  expect(await seen(two, challenge)).toBeUndefined();
});

test('a port of another process of this store is used, and taken over when that one closes', async () => {
  const bench = await makeBench();
  const port = await freePort();
  const [mine, other] = [makeChallenge(), makeChallenge()];
  const first = connect(bench, port, { shared: false });
  await first.present(other, ignore, signal());
  const second = connect(bench, port, { shared: false });
  expect(await second.ready(mine, null, signal())).toMatchObject({ ready: false });
  const receipt = await second.present(mine, ignore, signal());
  expect(receipt).toEqual({ published: true });
  expect(await second.ready(mine, receipt, signal())).toEqual({ ready: true });
  // Without further calls of `ready`: the CA is about to ask.
  await first.close?.();
  await until(() => portAccepts(port), { what: 'the second process takes the port over' });
  expect(await seen(port, mine)).toBe(mine.keyAuthorization);
  expect(await second.ready(mine, receipt, signal())).toEqual({ ready: true });
  await second.cleanup(mine, receipt, signal());
  expect(await tokensIn(bench.store)).toEqual([]);
});

/** A process that has the port, and another one for which it answers. */
async function hostAndGuest() {
  const bench = await makeBench();
  const port = await freePort();
  const host = connect(bench, port, { shared: false });
  await host.prepare?.('a', [], signal());
  const guest = connect(bench, port, { shared: false });
  const challenge = makeChallenge();
  const receipt = await guest.present(challenge, ignore, signal());
  expect(await guest.ready(challenge, receipt, signal())).toEqual({ ready: true });
  return { bench, port, host, challenge, leave: () => guest.cleanup(challenge, receipt, signal()) };
}

test('a finished process stays until its guests are done', async () => {
  const { bench, port, host, challenge, leave } = await hostAndGuest();
  let isClosed = false;
  const closing = host.close?.(signal()).then(() => (isClosed = true));
  await until(() => bench.logged.some((line) => line.includes('still answering challenges')), { what: 'it says so' });
  expect(await seen(port, challenge)).toBe(challenge.keyAuthorization);
  expect(isClosed).toBe(false);
  await leave();
  await closing;
  expect(await portAccepts(port)).toBe(false);
});

test('a stopped process does not stay, and neither does one that gets a signal', async () => {
  const stopped = await hostAndGuest();
  const controller = new AbortController();
  const closing = stopped.host.close?.(controller.signal);
  expect(await seen(stopped.port, stopped.challenge)).toBe(stopped.challenge.keyAuthorization);
  controller.abort(new Error('SIGTERM'));
  await closing;
  // The process that waited for the port now answers itself.
  await until(() => portAccepts(stopped.port), { what: 'the guest has the port' });
  expect(await seen(stopped.port, stopped.challenge)).toBe(stopped.challenge.keyAuthorization);

  const ended = await hostAndGuest();
  await ended.host.close?.();
  await until(() => portAccepts(ended.port), { what: 'the guest has the port' });
});

test('the other process is killed: ready notices and listens itself', async () => {
  const bench = await makeBench();
  const port = await freePort();
  const challenge = makeChallenge();
  // Decision 0021 fixes what is proved, since versions of certfleet must agree on it.
  const secret = Buffer.alloc(32, 7).toString('base64url');
  const document = new TextEncoder().encode(JSON.stringify({ schema: 1, secret }));
  await bench.store.put({ kind: 'meta', name: 'responder' }, document, { ifRevision: null, signal: signal() });
  const script = `const hmac = (t) => require('node:crypto').createHmac('sha256', Buffer.alloc(32, 7)).update(t);
  require('node:http').createServer((q, s) => {
    const [, asked] = q.url.split('/_port-');
    const text = 'certfleet-responder\\nport 127.0.0.1 ${port}\\n' + asked;
    s.end(asked ? hmac(text).digest('base64url') : '${challenge.keyAuthorization}');
  }).listen(${port}, '127.0.0.1')`;
  const twin = await startService({
    name: 'twin',
    program: process.execPath,
    args: ['-e', script],
    ready: () => portAccepts(port),
  });
  const solver = connect(bench, port);
  const receipt = await solver.present(challenge, ignore, signal());
  expect(await solver.ready(challenge, receipt, signal())).toEqual({ ready: true });
  twin.signal('SIGKILL');
  await until(async () => (await solver.ready(challenge, receipt, signal())).ready, { what: 'ready again' });
  await until(async () => (await seen(port, challenge)) === challenge.keyAuthorization, { what: 'its own answer' });
});

test('a port in use: the error names the port and the process', async () => {
  const bench = await makeBench();
  const port = await freePort();
  const stop = await occupy(port, 'hello');
  const solver = connect(bench, port);
  const error: unknown = await solver.present(makeChallenge(), ignore, signal()).catch((thrown) => thrown);
  expect(isFailure(error, 'solver/port-taken')).toBe(true);
  expect(String(error)).toContain(`127.0.0.1:${port}`);
  expect(String(error)).toContain(String(process.pid));
  // It continues as soon as that process is gone.
  await stop();
  expect(await solver.present(makeChallenge(), ignore, signal())).toEqual({ published: true });
});

itDrawn('waits for a responder of another store, which releases the port when its orders are done', async () => {
  const bench = await makeBench();
  const port = await freePort();
  const other = connect(bench, port, {}, createMemoryStore());
  await other.prepare?.('a', [], signal());
  const solver = connect(bench, port);
  const probing = solver.prepare?.('a', [], signal());
  const waiting = `a certfleet process that uses another store or version (pid ${process.pid}) is using the port`;
  await until(() => bench.logged.some((line) => line.includes(waiting)), { what: 'the line about the wait' });
  await other.close?.();
  expect(await probing).toMatchObject({ probe: { path: expect.stringMatching(healthPath) } });
});

/** A clock whose first pause takes all of the budget. */
function hasty({ world: { clock } }: Bench) {
  let slept = 0;
  const changed: Clock = {
    ...clock,
    monotonicMs: () => clock.monotonicMs() + slept,
    sleep: async (ms, s) => {
      slept += 60_000;
      await clock.sleep(Math.min(ms, 1), s);
    },
  };
  return { clock: changed, slept: () => slept };
}

itDrawn('names a stopped certfleet process, and waits for it once per run', async () => {
  const bench = await makeBench();
  const port = await freePort();
  const program = join(bench.folder, 'certfleet');
  await writeFile(program, `require('node:http').createServer(() => {}).listen(${port}, '127.0.0.1')`);
  const holder = await startService({
    ...{ name: 'holder', program: process.execPath, args: [program, 'renew'] },
    ready: () => portAccepts(port),
  });
  holder.signal('SIGSTOP');
  const { clock, slept } = hasty(bench);
  const solver = connect({ ...bench, world: { ...bench.world, clock } }, port);
  const held = {
    code: 'solver/port-held',
    message: expect.stringContaining(`a stopped certfleet process (pid ${holder.pid})`),
  };
  await expect(solver.prepare?.('a', [], signal())).rejects.toMatchObject(held);
  expect(slept()).toBe(60_000);
  await expect(solver.prepare?.('b', [], signal())).rejects.toMatchObject(held);
  expect(slept()).toBe(60_000);
  // An existing order is kept until the port is free.
  const challenge = makeChallenge();
  const receipt = await solver.present(challenge, ignore, signal());
  expect(await solver.ready(challenge, receipt, signal())).toMatchObject({ ready: false, reason: held.message });
  holder.signal('SIGKILL');
  await until(async () => (await solver.ready(challenge, receipt, signal())).ready, { what: 'ready' });
});

test('an address that this machine does not have', async () => {
  const bench = await makeBench();
  const solver = connect(bench, 1, { listen: '192.0.2.1:8080' });
  await expect(solver.prepare?.('a', [], signal())).rejects.toMatchObject({ code: 'solver/cannot-listen' });
});

itDrawn('a stopped holder does not block it, and an abort is obeyed meanwhile', async () => {
  const bench = await makeBench();
  const port = await freePort();
  const script = `require('node:http').createServer(() => {}).listen(${port}, '127.0.0.1')`;
  await startService({
    name: 'silent',
    program: process.execPath,
    args: ['-e', script],
    ready: () => portAccepts(port),
  });
  const solver = connect(bench, port);
  const controller = new AbortController();
  const reason = new Error('stop');
  const probing = solver.prepare?.('a', [], controller.signal);
  controller.abort(reason);
  await expect(probing).rejects.toBe(reason);
  await expect(solver.prepare?.('a', [], signal())).rejects.toMatchObject({ code: 'solver/port-taken' });
});

test('two lineages with one token: the answer stays until the second one is done', async () => {
  const bench = await makeBench();
  const port = await freePort();
  const solver = connect(bench, port);
  const one = makeChallenge();
  const two = { ...one, lineage: 'other' };
  const receipt = await solver.present(one, ignore, signal());
  await solver.present(two, ignore, signal());
  await solver.cleanup(one, receipt, signal());
  expect(await seen(port, one)).toBe(one.keyAuthorization);
  await solver.cleanup(two, receipt, signal());
  expect(await seen(port, one)).toBeUndefined();
  expect(await tokensIn(bench.store)).toEqual([]);
});
