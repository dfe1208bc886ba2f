import { describe, expect, it } from 'vitest';
import { fakeProcesses } from '../../test/support/fake-processes.ts';
import { memoryFiles } from '../../test/support/memory-files.ts';
import { fail } from '../core/errors/errors.ts';
import type { WantedRules } from '../ports/balancer.ts';
import type { ProcessResult } from '../ports/processes.ts';
import type { World } from '../ports/world.ts';
import { balancerContract, type EffectWatch } from '../testing/balancer-contract.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import nginx from './nginx.ts';
import { watched, watchedFiles } from './test-world.ts';

const file = '/etc/nginx/acme.conf';
const signal = new AbortController().signal;
const foreignText =
  '# of others\r\nlocation = /status { return 204; }\n# certfleet\nlocation = /x { return 200 "no"; }';

/** One nginx whose server block for `*.test` includes the file: its locations since the last reload. */
function fakeNginx(read: () => Promise<string>) {
  const locations = (text: string) =>
    [...text.matchAll(/^location = (\S+) \{.* return (\d+) ?(?:"([^"]*)")?; \}\r?$/gm)].map(
      ([, path, status, body]) => ({ path, status: Number(status), body: body ?? '' }),
    );
  const fake = {
    running: true,
    loaded: [] as ReturnType<typeof locations>,
    /** What workers from before the reload have, and how many requests they still take. */
    old: { locations: [] as ReturnType<typeof locations>, requests: 0 },
    reloads: 0,
    /** Requests that old workers take after each reload. */
    slow: 0,
    broken: undefined as string | undefined,
    async run(command: readonly string[]): Promise<Partial<ProcessResult>> {
      const text = await read();
      const paths = locations(text).map(({ path }) => path);
      const twice = paths.find((path, at) => paths.indexOf(path) !== at);
      const error = twice === undefined ? fake.broken : `duplicate location "${twice}" in ${file}:7`;
      if (error !== undefined) return { status: 1, stderr: `nginx: [emerg] ${error}\nconfiguration test failed` };
      if (command[1] === '-t') return { status: 0 };
      if (!fake.running) return { status: 1, stderr: 'nginx: [error] invalid PID number "" in "/run/nginx.pid"' };
      fake.reloads += 1;
      fake.old = { locations: fake.loaded, requests: fake.slow };
      fake.loaded = locations(text);
      return { status: 0 };
    },
    get(path: string) {
      const isOld = fake.old.requests > 0;
      if (isOld) fake.old.requests -= 1;
      const found = (isOld ? fake.old.locations : fake.loaded).find((one) => one.path === path);
      return { status: found?.status ?? 404, body: found?.body ?? 'not found', location: undefined };
    },
  };
  return fake;
}

function makeBench() {
  const clock = fakeClock();
  const files = memoryFiles(() => clock.now());
  const text = async () => Buffer.from((await files.read(file)) ?? '').toString('latin1');
  const server = fakeNginx(text);
  const lines: string[] = [];
  const ready = files
    .makeFolders('/etc/nginx', 0o755)
    .then(() => files.replace(file, foreignText, { mode: 0o640 }))
    .then(() => server.run(['nginx', '-s', 'reload']))
    .then(() => {
      server.reloads = 0;
    });
  const connect = (watch?: EffectWatch, options: Record<string, unknown> = {}) => {
    const world = {
      clock,
      files: watchedFiles(files, watch),
      processes: fakeProcesses({
        async program({ command, signal }) {
          if (command[0] === 'nowhere') throw fail('process/failed', { command: 'nowhere', reason: 'no such program' });
          const result = await watched(watch, () => server.run(command));
          signal.throwIfAborted();
          return result;
        },
      }),
      vantage: {
        async get(url: string, at: { address: string; port: number }, signal: AbortSignal) {
          signal.throwIfAborted();
          expect(at).toEqual({ address: '127.0.0.1', port: 80 });
          if (!server.running) throw fail('network/failed', { method: 'GET', url, reason: 'connection refused' });
          return server.get(new URL(url).pathname);
        },
      },
      log: { debug: (line: string) => lines.push(line), info: () => {}, warn: () => {} },
    } as unknown as World;
    return nginx.connect({ name: 'edge', world, options: nginx.options.parse({ file, ...options }) });
  };
  return { ready, clock, connect, server, lines, text, files };
}

balancerContract(it, async () => {
  const bench = makeBench();
  await bench.ready;
  bench.server.slow = 3;
  return {
    connect: bench.connect,
    connectRefused: () => bench.connect(undefined, { file: '/etc/nginx/none.conf' }),
    objects: async () => ({
      text: await bench.text(),
      mode: (await bench.files.stat(file))?.mode,
      loaded: [...bench.server.loaded].sort((a, b) => (`${a.path}` < `${b.path}` ? -1 : 1)),
    }),
    isInEffect: async ({ path, answer }) => bench.server.get(path).body === answer,
    pass: (ms) => bench.clock.advance(ms),
    secrets: [],
    logged: () => bench.lines,
    stop: async () => {},
  };
});

describe('the nginx balancer', () => {
  const owner = '0123456789ab';
  const rule = (id: string, token: string) => ({
    name: `cf-${owner}-0ab12-${id.repeat(12)}`,
    lineage: 'www',
    host: 'www.example.test',
    path: `/.well-known/acme-challenge/${token}`,
    answer: `${token}.thumb`,
  });
  const location = (token: string) =>
    `location = /.well-known/acme-challenge/${token} { default_type text/plain; return 200 "${token}.thumb"; }\n`;
  const wanted = (...rules: WantedRules['rules']): WantedRules => ({ owner, rules });

  it('writes a location below its mark, before what others wrote, and reloads once for any number', async () => {
    const { ready, connect, text, server } = makeBench();
    await ready;
    const both = wanted(rule('a', 'tokenA'), rule('b', 'tokenB'));
    await connect().apply(both, undefined, signal);
    expect(await text()).toBe(
      `# certfleet cf-${owner}-0ab12-aaaaaaaaaaaa\n${location('tokenA')}` +
        `# certfleet cf-${owner}-0ab12-bbbbbbbbbbbb\n${location('tokenB')}${foreignText}`,
    );
    expect(server.reloads).toBe(1);
    await connect().apply(both, undefined, signal);
    expect(server.reloads).toBe(1);
  });

  it('of two rules with one token one is a comment, until the other goes', async () => {
    const { ready, connect, text, server } = makeBench();
    await ready;
    const balancer = connect();
    await balancer.apply(wanted(rule('a', 'tokenA'), rule('b', 'tokenA')), undefined, signal);
    expect(await text()).toContain(`bbbbbbbbbbbb\n# ${location('tokenA')}`);
    await balancer.apply(wanted(rule('b', 'tokenA')), undefined, signal);
    expect(server.get(rule('b', 'tokenA').path).body).toBe('tokenA.thumb');
    expect((await balancer.inspect(signal)).rules.map(({ name }) => name)).toEqual([rule('b', '').name]);
    await balancer.apply(wanted(), undefined, signal);
    expect(await text()).toBe(foreignText);
  });

  it('is ready after half a second of right answers, which a wrong one begins anew', async () => {
    const { ready, connect, server, clock } = makeBench();
    await ready;
    const balancer = connect();
    const one = wanted(rule('a', 'tokenA'));
    await balancer.apply(one, undefined, signal);
    const stateAfter = async (ms: number) => {
      await clock.advance(ms);
      return balancer.state(one, null, signal);
    };
    const oldWorkers = { ready: false, reason: 'workers from before the reload may still answer', retryAfterMs: 100 };
    expect(await stateAfter(0)).toEqual(oldWorkers);
    server.old = { locations: [], requests: 1 };
    expect(await stateAfter(400)).toMatchObject({ ready: false, reason: expect.stringContaining('HTTP 404') });
    expect(await stateAfter(100)).toEqual(oldWorkers);
    expect(await stateAfter(499)).toEqual(oldWorkers);
    expect(await stateAfter(1)).toEqual({ ready: true });
    expect(await stateAfter(0)).toEqual({ ready: true });
  });

  it.each([
    ['nginx is not running', { running: false }, /ended with 1: .*invalid PID/, /nginx is running/],
    ['a mistake of others', { broken: 'unknown directive "sevrer"' }, /unknown directive/, /Mend nginx/],
    [
      'the include outside',
      { broken: `"location" directive is not allowed here in ${file}:2` },
      /allowed/,
      /server blocks/,
    ],
    ['included twice', { broken: `duplicate location "/x" in ${file}:2` }, /duplicate/, /only once/],
    ['a wrong command', { options: { reload: ['nowhere'] } }, /no such program/, /`reload`/],
  ])('%s: the file goes back, and nginx stays as it is', async (_title, { options, ...fault }: Case, message, hint) => {
    const bench = makeBench();
    await bench.ready;
    Object.assign(bench.server, fault);
    const call = bench.connect(undefined, options).apply(wanted(rule('a', 'tokenA')), undefined, signal);
    await expect(call).rejects.toThrow(
      expect.objectContaining({
        code: 'balancer/refused',
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      }),
    );
    expect(await bench.text()).toBe(foreignText);
    expect(bench.server.reloads).toBe(0);
  });

  it('says why nginx does not answer', async () => {
    const { ready, connect, server } = makeBench();
    await ready;
    const balancer = connect();
    const one = wanted(rule('a', 'tokenA'));
    await balancer.apply(one, undefined, signal);
    const reason = async () => {
      const state = await balancer.state(one, null, signal);
      return state.ready ? 'ready' : state.reason;
    };
    server.loaded = [];
    expect(await reason()).toBe(
      `nginx answers HTTP 404 at 127.0.0.1:80 for www.example.test; it has not reloaded yet, or that server block lacks \`include ${file};\``,
    );
    server.loaded = [{ path: one.rules[0]!.path, status: 301, body: '' }];
    expect(await reason()).toMatch(/^nginx redirects .* put the redirect of its server block into `location/);
    server.running = false;
    expect(await reason()).toMatch(/^nginx does not answer .* connection refused.*`address`/);
  });
});

interface Case {
  readonly running?: boolean;
  readonly broken?: string;
  readonly options?: Readonly<Record<string, unknown>>;
}
