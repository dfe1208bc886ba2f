import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import nginx from '../../src/balancers/nginx.ts';
import { watched, watchedFiles } from '../../src/balancers/test-world.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createVantage } from '../../src/lib/vantage.ts';
import type { Balancer, WantedRule, WantedRules } from '../../src/ports/balancer.ts';
import type { World } from '../../src/ports/world.ts';
import { balancerContract, type EffectWatch } from '../../src/testing/balancer-contract.ts';
import { createDeployWorld } from '../support/deploy-world.ts';
import { drawnExcept, itDrawn } from '../support/drawn.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { freePort, portAccepts, temporaryFolder, until } from '../support/service.ts';
import { adapterRequests, getOnce, startTraffic } from '../support/steady-traffic.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { startWebNodes, webAnswer } from '../support/web-nodes.ts';

const signal = new AbortController().signal;
const owner = '0123456789ab';
const host = 'www.example.test';
const foreignText = '# of others\nlocation = /status { return 204; }\n# no line end';

const ruleOf = (id: number): WantedRule => ({
  name: `cf-${owner}-0ab12-${`${id}`.padStart(12, '0')}`,
  lineage: 'www',
  host,
  path: `/.well-known/acme-challenge/token-${id}`,
  answer: `token-${id}.thumbprint`,
});
const wantedOf = (...rules: readonly WantedRule[]): WantedRules => ({ owner, rules });

/** Another ACME client of the same server block. */
const otherClient = 'location ^~ /.well-known/acme-challenge/ { return 200 "of another client"; }';

describeWith(['nginx'], 'the nginx balancer', () => {
  stopAllAfterwards();

  async function start(
    options: { backends?: readonly string[]; server?: string; workers?: number; outside?: string } = {},
  ) {
    const folder = await temporaryFolder('balancer');
    const file = join(folder, 'acme.conf');
    await writeFile(file, foreignText);
    await chmod(file, 0o640);
    const port = await freePort();
    const server = await startNginx({ workers: options.workers ?? 1 });
    const { backends = [] } = options;
    const upstream = backends.length > 0 ? `upstream web { ${backends.map((one) => `server ${one};`).join(' ')} }` : '';
    const proxy = 'proxy_pass http://web; proxy_set_header Host $http_host;';
    const site = (content: string) =>
      server.configure(
        [],
        `${upstream}
        server {
          listen 127.0.0.1:${port} default_server;
          server_name ${host};
          ${content}
          location / { ${backends.length > 0 ? proxy : 'try_files /nothing =404;'} }
        }
        ${options.outside ?? ''}`,
      );
    await site(`include ${file}; ${options.server ?? ''}`);
    const reload = () => run(server, server.reloadCommand);
    await reload();
    await until(() => portAccepts(port), { what: 'the server block listens' });
    const { world, lines } = createDeployWorld();
    const connect = (watch?: EffectWatch, more: Record<string, unknown> = {}): Balancer => {
      const guarded: World = {
        ...world,
        vantage: createVantage({ clock: systemClock }),
        files: watchedFiles(world.files, watch),
        processes: { ...world.processes, run: (request) => watched(watch, () => world.processes.run(request)) },
      };
      const { testCommand, reloadCommand } = server;
      return nginx.connect({
        name: 'edge',
        world: guarded,
        options: nginx.options.parse({
          file,
          address: `127.0.0.1:${port}`,
          test: testCommand,
          reload: reloadCommand,
          ...more,
        }),
      });
    };
    return { file, port, server, site, reload, connect, lines, get: (path: string) => getOnce(port, host, path) };
  }

  async function untilReady(balancer: Balancer, wanted: WantedRules): Promise<void> {
    await until(async () => (await balancer.state(wanted, null, signal)).ready, { what: 'ready', everyMs: 50 });
  }

  balancerContract(drawnExcept(/come into effect/), async () => {
    const edge = await start({ workers: 2 });
    return {
      connect: edge.connect,
      connectRefused: () => edge.connect(undefined, { file: `${edge.file}.gone` }),
      objects: async () => ({
        text: await readFile(edge.file, 'utf8'),
        mode: (await stat(edge.file)).mode,
        other: (await edge.get('/status')).status,
      }),
      isInEffect: async ({ path, answer }) => (await edge.get(path)).body === answer,
      pass: (ms) => wait(ms),
      secrets: [],
      logged: () => edge.lines,
      stop: () => edge.server.stop(),
    };
  });

  test('three nodes: wrong without the rule, right with it, and no other request notices', async () => {
    const nodes = await startWebNodes(3);
    const edge = await start({ backends: nodes.map(({ address }) => address), server: otherClient, workers: 2 });
    const balancer = edge.connect();
    const traffic = startTraffic({
      port: edge.port,
      hosts: [host, 'other.example.test', 'third.example.test'],
      path: (nth) => (nth % 5 === 0 ? '/.well-known/other' : `/page/${nth}`),
      expected: webAnswer,
      perSecond: 250,
      total: adapterRequests,
    });
    let cycles = 0;
    while (!traffic.isOver) {
      const wanted = wantedOf(ruleOf(2 * cycles), ruleOf(2 * cycles + 1));
      const [rule] = wanted.rules as [WantedRule];
      expect(await edge.get(rule.path)).toEqual({ status: 200, body: 'of another client' });
      await balancer.apply(wanted, undefined, signal);
      await untilReady(balancer, wanted);
      // On a new connection each, and no worker from before the reload takes one.
      const answers = await Promise.all(Array.from({ length: 20 }, () => edge.get(rule.path)));
      expect(new Set(answers.map(({ body }) => body))).toEqual(new Set([rule.answer]));
      expect((await edge.get('/.well-known/acme-challenge/of-the-other')).body).toBe('of another client');
      await balancer.apply(wantedOf(), undefined, signal);
      await until(async () => (await edge.get(rule.path)).body === 'of another client', { what: 'the rule is gone' });
      cycles += 1;
    }
    const result = await traffic.done;
    expect(result.wrong).toEqual([]);
    expect(result.kept + result.fresh).toBe(adapterRequests);
    expect(result.kept).toBeGreaterThan(0.3 * adapterRequests);
    expect(result.fresh).toBeGreaterThan(0.3 * adapterRequests);
    expect(cycles).toBeGreaterThan(1);
    expect(await readFile(edge.file, 'utf8')).toBe(foreignText);
    expect((await stat(edge.file)).mode & 0o7777).toBe(0o640);
  });

  itDrawn('access rules and passwords of the server block do not stop the answer; its redirect is named', async () => {
    const edge = await start({ server: 'deny all;' });
    const balancer = edge.connect();
    const wanted = wantedOf(ruleOf(1));
    await balancer.apply(wanted, undefined, signal);
    await untilReady(balancer, wanted);
    expect((await edge.get('/')).status).toBe(403);
    await edge.site(`include ${edge.file}; return 301 https://$host$request_uri;`);
    await edge.reload();
    await until(async () => (await edge.get('/')).status === 301, { what: 'it redirects' });
    await edge.server.settled();
    expect(await edge.connect().state(wanted, null, signal)).toMatchObject({
      ready: false,
      reason: expect.stringMatching(/redirects .* to https:\/\/www.example.test.*put the redirect/),
    });
    await edge.site('');
    await edge.reload();
    await until(async () => (await edge.get('/')).status === 404, { what: 'the include is gone' });
    await edge.server.settled();
    expect(await edge.connect().state(wanted, null, signal)).toMatchObject({
      ready: false,
      reason: expect.stringMatching(/HTTP 404 .*lacks `include /),
    });
  });

  test.each([
    [
      'the include twice in one server block',
      /duplicate location/,
      /only once/,
      (file: string) => `include ${file};`,
      '',
    ],
    ['the include outside of it', /not allowed here/, /into server blocks/, () => '', 'outside'],
    ['a mistake of others', /unknown directive/, /Mend nginx/, () => 'sevrer_name x;', ''],
  ])('%s: nginx keeps what it had, and the file too', async (_title, message, hint, serverOf, outside) => {
    const edge = await start();
    const include = `include ${edge.file};`;
    // The foreign line itself would be a duplicate.
    await writeFile(edge.file, '');
    await edge.site(outside ? '' : `${include} ${serverOf(edge.file)}`);
    if (outside)
      await writeFile(
        edge.server.configFile,
        (await readFile(edge.server.configFile, 'utf8')).replace('access_log off;', `access_log off; ${include}`),
      );
    const call = edge.connect().apply(wantedOf(ruleOf(1)), undefined, signal);
    await expect(call).rejects.toThrow(
      expect.objectContaining({
        code: 'balancer/refused',
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      }),
    );
    await expect(call).rejects.not.toThrow(/thumbprint/);
    expect(await readFile(edge.file, 'utf8')).toBe('');
    expect((await edge.get('/')).status).toBe(404);
  });

  test('while nginx is stopped nothing changes', async () => {
    const edge = await start();
    const balancer = edge.connect();
    const wanted = wantedOf(ruleOf(1));
    await balancer.apply(wanted, undefined, signal);
    const text = await readFile(edge.file, 'utf8');
    await edge.server.stop();
    await expect(balancer.apply(wantedOf(), undefined, signal)).rejects.toThrow(
      expect.objectContaining({ code: 'balancer/refused', hint: expect.stringMatching(/nginx is running/) }),
    );
    expect(await readFile(edge.file, 'utf8')).toBe(text);
    expect(await edge.connect().state(wanted, null, signal)).toMatchObject({
      ready: false,
      reason: expect.stringMatching(/does not answer .* connection refused/),
    });
  });
});

async function run(server: Nginx, command: readonly [string, ...string[]]): Promise<void> {
  const { world } = createDeployWorld();
  const result = await world.processes.run({ command, env: {}, signal });
  if (result.status !== 0) throw new Error(`${result.stderr}\n${server.log()}`);
}
