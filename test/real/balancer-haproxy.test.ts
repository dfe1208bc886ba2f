import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import haproxy from '../../src/balancers/haproxy.ts';
import { watched, watchedFiles } from '../../src/balancers/test-world.ts';
import type { Balancer, WantedRule, WantedRules } from '../../src/ports/balancer.ts';
import type { World } from '../../src/ports/world.ts';
import { balancerContract, type EffectWatch } from '../../src/testing/balancer-contract.ts';
import { createDeployWorld } from '../support/deploy-world.ts';
import { type Haproxy, startHaproxy } from '../support/haproxy.ts';
import { temporaryFolder } from '../support/service.ts';
import { adapterRequests, getOnce, startTraffic } from '../support/steady-traffic.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { startWebNodes, webAnswer } from '../support/web-nodes.ts';

const signal = new AbortController().signal;
const owner = '0123456789ab';
const foreignText = '# of others\n/.well-known/acme-challenge/theirs theirs.x\nno line end';

const ruleOf = (id: number): WantedRule => ({
  name: `cf-${owner}-0ab12-${`${id}`.padStart(12, '0')}`,
  lineage: 'www',
  host: 'www.example.test',
  path: `/.well-known/acme-challenge/token-${id}`,
  answer: `token-${id}.thumbprint`,
});
const wantedOf = (...rules: readonly WantedRule[]): WantedRules => ({ owner, rules });

/** The lines that the reference tells users to write, with another path. */
function linesOfReference(map: string): readonly string[] {
  const snippet = /```haproxy\n([^`]+)```/.exec(haproxy.notes ?? '')?.[1] ?? '';
  expect(snippet).toContain('http-request return');
  return snippet.trim().replaceAll('/etc/haproxy/certfleet-acme.map', map).split('\n');
}

describeWith(['haproxy'], 'the haproxy balancer', () => {
  stopAllAfterwards();

  async function start(backends: readonly string[] = []) {
    const folder = await temporaryFolder('balancer');
    const map = join(folder, 'acme.map');
    await writeFile(map, foreignText);
    await chmod(map, 0o640);
    const server = await startHaproxy({
      certificates: join(folder, 'certs'),
      frontend: linesOfReference(map),
      ...(backends.length > 0 ? { backends } : {}),
    });
    const { world, lines } = createDeployWorld();
    const connect = (watch?: EffectWatch, options: Record<string, unknown> = {}): Balancer => {
      const { streams } = world;
      const guarded: World = {
        ...world,
        files: watchedFiles(world.files, watch),
        streams: {
          converse: (socket, text, options) => {
            const ask = () => streams.converse(socket, text, options);
            return text.startsWith('show') ? ask() : watched(watch, ask);
          },
        },
      };
      return haproxy.connect({
        name: 'edge',
        world: guarded,
        options: haproxy.options.parse({ sockets: [server.socket], map, ...options }),
      });
    };
    const memory = async () => {
      const lines = (await admin(server, `show map ${map}\n`)).split('\n').filter(Boolean);
      return lines.map((line) => line.replace(/^0x\S+ /, '')).sort();
    };
    return {
      map,
      server,
      connect,
      memory,
      lines,
      get: (path: string) => getOnce(server.httpPort, 'www.example.test', path),
    };
  }

  balancerContract(test, async () => {
    const edge = await start();
    return {
      connect: edge.connect,
      connectRefused: () => edge.connect(undefined, { sockets: [edge.server.socket, `${edge.server.socket}.gone`] }),
      objects: async () => ({
        text: await readFile(edge.map, 'utf8'),
        mode: (await stat(edge.map)).mode,
        memory: await edge.memory(),
      }),
      isInEffect: async ({ path, answer }) => (await edge.get(path)).body === answer,
      pass: async () => {},
      secrets: [],
      logged: () => edge.lines,
      stop: () => edge.server.stop(),
    };
  });

  test('three nodes: wrong without the rule, right with it, and no other request notices', async () => {
    const nodes = await startWebNodes(3);
    const edge = await start(nodes.map(({ address }) => address));
    const balancer = edge.connect();
    const traffic = startTraffic({
      port: edge.server.httpPort,
      hosts: ['www.example.test', 'other.example.test', 'third.example.test'],
      path: (nth) => (nth % 5 === 0 ? '/.well-known/other' : `/page/${nth}`),
      expected: webAnswer,
      perSecond: 250,
      total: adapterRequests,
    });
    let cycles = 0;
    while (!traffic.isOver) {
      const [rule, next] = [ruleOf(2 * cycles), ruleOf(2 * cycles + 1)];
      expect(await edge.get(rule.path)).toEqual({ status: 404, body: 'no such challenge' });
      const receipt = await balancer.apply(wantedOf(rule, next), undefined, signal);
      expect(await balancer.state(wantedOf(rule, next), receipt, signal)).toEqual({ ready: true });
      for (const { path, answer } of [rule, next]) {
        expect(await edge.get(path)).toEqual({ status: 200, body: answer });
        expect(await edge.get(`${path}?x=1`)).toEqual({ status: 200, body: answer });
      }
      // Those of another ACME client behind the same frontend.
      expect((await edge.get('/.well-known/acme-challenge/other-client')).body).toBe('no such challenge');
      await balancer.apply(wantedOf(), receipt, signal);
      expect((await edge.get(rule.path)).status).toBe(404);
      cycles += 1;
    }
    const result = await traffic.done;
    expect(result.wrong).toEqual([]);
    expect(result.kept + result.fresh).toBe(adapterRequests);
    expect(result.kept).toBeGreaterThan(0.3 * adapterRequests);
    expect(result.fresh).toBeGreaterThan(0.3 * adapterRequests);
    expect(cycles).toBeGreaterThan(1);
    expect(await readFile(edge.map, 'utf8')).toBe(foreignText);
  });

  test('a restart keeps the rule, and the file its owner and rights', async () => {
    const edge = await start();
    const balancer = edge.connect();
    const rule = ruleOf(1);
    const receipt = await balancer.apply(wantedOf(rule), undefined, signal);
    await edge.server.restart();
    expect(await balancer.state(wantedOf(rule), receipt, signal)).toEqual({ ready: true });
    expect((await edge.get(rule.path)).body).toBe(rule.answer);
    expect((await stat(edge.map)).mode & 0o7777).toBe(0o640);
    await balancer.apply(wantedOf(), receipt, signal);
    expect((await edge.get(rule.path)).body).not.toBe(rule.answer);
    expect(await readFile(edge.map, 'utf8')).toBe(foreignText);
  });

  test('a hundred answers come and go in a few commands', async () => {
    const edge = await start();
    const rules = Array.from({ length: 100 }, (_, at) => ruleOf(at));
    let changes = 0;
    const balancer = edge.connect((when) => {
      if (when === 'before') changes += 1;
    });
    const receipt = await balancer.apply(wantedOf(...rules), undefined, signal);
    for (const { path, answer } of [rules[0]!, rules[99]!]) expect((await edge.get(path)).body).toBe(answer);
    await balancer.apply(wantedOf(), receipt, signal);
    expect(await edge.memory()).toEqual(foreignText.split('\n').slice(1).sort());
    expect(changes).toBe(8);
  });

  test.each([
    ['no HAProxy', 'gone', /admin\.sock\.gone: no such file or folder/, /HAProxy is running/],
    ['a folder as socket', 'folder', /connection refused|permission denied/, /HAProxy is running/],
    ['no such map there', 'other', /has no map .*other\.map/, /http-request return/],
    ['no such file', 'missing', /there is no .*missing\.map/, /touch/],
  ] as const)('%s is one sentence', async (_title, what, message, hint) => {
    const edge = await start();
    const other = join(edge.map, `../${what}.map`);
    if (what === 'other') await writeFile(other, '');
    const options = {
      gone: { sockets: [`${edge.server.socket}.gone`] },
      folder: { sockets: [join(edge.map, '..')] },
      other: { map: other },
      missing: { map: other },
    }[what];
    const calls = edge.connect(undefined, options);
    for (const call of [calls.inspect(signal), calls.apply(wantedOf(ruleOf(1)), undefined, signal)])
      await expect(call).rejects.toThrow(
        expect.objectContaining({
          code: 'balancer/refused',
          message: expect.stringMatching(message),
          hint: expect.stringMatching(hint),
        }),
      );
    expect(await readFile(edge.map, 'utf8')).toBe(foreignText);
  });
});

/** One command on the admin socket, without certfleet's code. */
const admin = (server: Haproxy, text: string): Promise<string> =>
  new Promise((answer, reject) => {
    let all = '';
    const socket = connect(server.socket, () => socket.write(text));
    socket.on('data', (chunk) => (all += chunk));
    socket.on('end', () => answer(all));
    socket.on('error', reject);
  });
