import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../test/support/memory-files.ts';
import { fail } from '../core/errors/errors.ts';
import type { WantedRules } from '../ports/balancer.ts';
import type { Streams } from '../ports/streams.ts';
import type { World } from '../ports/world.ts';
import { balancerContract, type EffectWatch } from '../testing/balancer-contract.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import haproxy from './haproxy.ts';
import { watched, watchedFiles } from './test-world.ts';

const map = '/etc/haproxy/acme.map';
const signal = new AbortController().signal;

/** HAProxy's maps over its socket, as the management guide describes them. */
function fakeHaproxy(entries: [string, string][]) {
  const run = (line: string, payload: string): string => {
    const [verb, , file, key, value = ''] = line.split(' ');
    if (file !== map) return 'Unknown map identifier. Please use #<id> or <file>.\n';
    if (verb === 'show') return entries.map(([k, v], at) => `0x7fbc${at} ${k} ${v}\n`).join('');
    if (verb === 'add')
      for (const one of payload.split('\n').filter(Boolean)) entries.push(one.split(' ') as [string, string]);
    const found = entries.filter(([k]) => k === key);
    if (verb === 'set') for (const one of found) one[1] = value;
    if (verb === 'del') for (const one of found) entries.splice(entries.indexOf(one), 1);
    return verb !== 'add' && found.length === 0 ? `${verb === 'del' ? 'Key not found.' : 'entry not found.'}\n` : '';
  };
  return {
    entries,
    answer(text: string): string {
      expect(text.length).toBeLessThan(16_000);
      const [command = '', payload = ''] = text.split(' <<\n');
      return `${command
        .trim()
        .split('; ')
        .map((line) => run(line, payload))
        .join('\n')}\n`;
    },
  };
}

const foreignText =
  '# a comment of others\nforeign entry\n# certfleet\n/.well-known/acme-challenge/theirs theirs.x\nno end';

function makeBench(sockets = ['/run/a.sock', '/run/b.sock']) {
  const clock = fakeClock(undefined, { auto: true });
  const files = memoryFiles(() => clock.now());
  const loaded = foreignText.split('\n').filter((line) => !line.startsWith('#'));
  const processes = Object.fromEntries(
    sockets.map((place) => [place, fakeHaproxy(loaded.map((line) => line.split(' ') as [string, string]))]),
  );
  const effects: string[] = [];
  const lines: string[] = [];
  const down = new Set<string>();
  const ready = files.makeFolders('/etc/haproxy', 0o755).then(() => files.replace(map, foreignText, { mode: 0o640 }));
  const connect = (watch?: EffectWatch, options: Record<string, unknown> = {}) => {
    const streams: Streams = {
      async converse(socket, text, { effect, signal }) {
        signal.throwIfAborted();
        const place = 'path' in socket ? socket.path : `${socket.host}:${socket.port}`;
        effects.push(`${place} ${effect}`);
        const process = down.has(place) ? undefined : processes[place];
        if (!process) {
          const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
          throw fail('network/failed', { method: effect, url: place, reason: 'connection refused' }, { cause });
        }
        const answer = async () => process.answer(text);
        return text.startsWith('show') ? answer() : watched(watch, answer);
      },
    };
    const log = { debug: (line: string) => lines.push(line), info: () => {}, warn: () => {} };
    const world = { clock, files: watchedFiles(files, watch), streams, log } as unknown as World;
    return haproxy.connect({ name: 'edge', world, options: haproxy.options.parse({ sockets, map, ...options }) });
  };
  const text = async () => Buffer.from((await files.read(map)) ?? '').toString();
  return { ready, connect, processes, effects, lines, down, text, files };
}

balancerContract(it, async () => {
  const bench = makeBench();
  await bench.ready;
  return {
    connect: bench.connect,
    connectRefused: () => bench.connect(undefined, { sockets: ['/run/a.sock', '/run/gone.sock'] }),
    objects: async () => ({
      text: await bench.text(),
      mode: (await bench.files.stat(map))?.mode,
      memory: Object.values(bench.processes).map(({ entries }) => entries.map((entry) => entry.join(' ')).sort()),
    }),
    isInEffect: async ({ path, answer }) =>
      (await bench.text()).includes(`\n${path} ${answer}\n`) &&
      Object.values(bench.processes).every(({ entries }) => entries.find(([key]) => key === path)?.[1] === answer),
    pass: async () => {},
    secrets: [],
    logged: () => [...bench.lines, ...bench.effects],
    stop: async () => {},
  };
});

describe('the haproxy balancer', () => {
  const owner = '0123456789ab';
  const rule = (id: string, token: string, answer = `${token}.thumb`) => ({
    name: `cf-${owner}-0ab12-${id.repeat(12)}`,
    lineage: 'www',
    host: 'www.example.com',
    path: `/.well-known/acme-challenge/${token}`,
    answer,
  });
  const wanted = (...rules: WantedRules['rules']): WantedRules => ({ owner, rules });

  it('writes an entry below its mark, and sends one command for many', async () => {
    const { ready, connect, text, effects } = makeBench(['/run/a.sock']);
    await ready;
    await connect().apply(wanted(rule('a', 'tokenA'), rule('b', 'tokenB')), undefined, signal);
    expect(await text()).toBe(
      `# certfleet cf-${owner}-0ab12-aaaaaaaaaaaa\n/.well-known/acme-challenge/tokenA tokenA.thumb\n` +
        `# certfleet cf-${owner}-0ab12-bbbbbbbbbbbb\n/.well-known/acme-challenge/tokenB tokenB.thumb\n${foreignText}`,
    );
    expect(effects).toEqual([`/run/a.sock show map ${map}`, `/run/a.sock add map ${map}`]);
  });

  it('a key that another rule needs too stays until the last of them goes', async () => {
    const { ready, connect, processes } = makeBench(['/run/a.sock']);
    await ready;
    const balancer = connect();
    const has = () => processes['/run/a.sock']!.entries.filter(([key]) => key.endsWith('/tokenA')).length;
    const receipt = await balancer.apply(wanted(rule('a', 'tokenA'), rule('b', 'tokenA')), undefined, signal);
    expect(has()).toBe(1);
    await balancer.apply(wanted(rule('b', 'tokenA')), receipt, signal);
    expect(has()).toBe(1);
    await balancer.apply(wanted(), receipt, signal);
    expect(has()).toBe(0);
  });

  it('what somebody wrote over is found by the receipt, and an entry that a reload lost is not ready', async () => {
    const { ready, connect, processes, files, text, down } = makeBench();
    await ready;
    const balancer = connect();
    const one = wanted(rule('a', 'tokenA'));
    const receipt = await balancer.apply(one, undefined, signal);
    processes['/run/b.sock']!.entries.pop();
    expect(await balancer.state(one, receipt, signal)).toMatchObject({
      ready: false,
      reason: 'the HAProxy at /run/b.sock lacks 1 of 1 answers',
    });
    down.add('/run/b.sock');
    expect(await balancer.state(one, receipt, signal)).toMatchObject({
      ready: false,
      reason: expect.stringContaining('/run/b.sock: connection refused'),
    });
    down.clear();
    await files.replace(map, foreignText, { mode: 0o640 });
    expect(await balancer.state(one, receipt, signal)).toMatchObject({
      ready: false,
      reason: `${map} has lost its entry cf-${owner}-0ab12-aaaaaaaaaaaa`,
    });
    await balancer.apply(wanted(), receipt, signal);
    expect(await text()).toBe(foreignText);
    expect(processes['/run/a.sock']!.entries.flat()).not.toContain('/.well-known/acme-challenge/tokenA');
  });

  it.each([
    ['one of two sockets', { down: ['/run/b.sock'] }, /\/run\/b\.sock: connection refused/, /HAProxy is running/],
    ['no such file', { options: { map: '/etc/haproxy/none.map' } }, /there is no \/etc\/haproxy\/none\.map/, /touch/],
    [
      'another map',
      { options: { map: '/etc/haproxy/other.map' } },
      /has no map \/etc\/haproxy\/other\.map/,
      /frontend/,
    ],
  ])('%s: one sentence, and nothing is changed', async (_title, { down = [], options = {} }: Case, message, hint) => {
    const bench = makeBench();
    await bench.ready;
    await bench.files.replace('/etc/haproxy/other.map', '', { mode: 0o644 });
    for (const place of down) bench.down.add(place);
    await expect(
      bench.connect(undefined, options).apply(wanted(rule('a', 'tokenA')), undefined, signal),
    ).rejects.toThrow(
      expect.objectContaining({
        code: 'balancer/refused',
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      }),
    );
    expect(await bench.text()).toBe(foreignText);
    expect(bench.effects.filter((effect) => !effect.includes(' show map'))).toEqual([]);
  });

  it.each([
    ['/.well-known/acme-challenge/a b', 'x.y'],
    ['/.well-known/acme-challenge/a\nb', 'x.y'],
    ['/.well-known/acme-challenge/', 'x.y'],
    ['/other/abc', 'x.y'],
    ['/.well-known/acme-challenge/abc', 'x.y\nmore'],
    ['/.well-known/acme-challenge/abc', '%[env(HOME)]'],
    ['/.well-known/acme-challenge/abc', ''],
  ])('no text of a CA gets into the configuration: %j %j', async (path, answer) => {
    const bench = makeBench();
    await bench.ready;
    const hostile = { ...rule('a', 'tokenA', answer), path };
    await expect(bench.connect().apply(wanted(hostile), undefined, signal)).rejects.toThrow(
      expect.objectContaining({ code: 'balancer/refused' }),
    );
    expect(await bench.text()).toBe(foreignText);
  });
});

interface Case {
  readonly down?: readonly string[];
  readonly options?: Readonly<Record<string, unknown>>;
}
