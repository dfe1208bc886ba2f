import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import definition from '../../src/balancers/alibaba-clb.ts';
import { CertfleetError } from '../../src/core/errors/errors.ts';
import { nameWithMark } from '../../src/core/request-path/own-mark.ts';
import type { Json } from '../../src/core/text/json.ts';
import type { Balancer, WantedRules } from '../../src/ports/balancer.ts';
import { balancerContract, type EffectWatch } from '../../src/testing/balancer-contract.ts';
import { prefix, root } from '../support/alibaba-account.ts';
import { type AlibabaClb, type AlibabaClbOptions, startAlibabaClb } from '../support/alibaba-clb.ts';
import { connectBalancer, keysOf, policyIn, speed } from '../support/alibaba-edge.ts';
import { get, type Node, startNode, startNodes } from '../support/alibaba-world.ts';
import { drawnExcept, itDrawn } from '../support/drawn.ts';
import { seed } from '../support/seeded.ts';
import { freePort, until } from '../support/service.ts';
import { adapterRequests, startTraffic } from '../support/steady-traffic.ts';
import { stopAllAfterwards } from '../support/vitest.ts';
import { startWebNodes, webAnswer } from '../support/web-nodes.ts';

// Against the fake that was written from Alibaba's documents by someone who had not seen the adapter.

const signal = new AbortController().signal;
const lb = 'lb-bp1example';
const owner = 'aaaaaaaaaaaa';
let drawn = 0;
const named = (of = owner) =>
  nameWithMark({ owner: of, expires: new Date(Date.now() + 3_600_000), id: (++drawn).toString(16).padStart(12, '0') });

stopAllAfterwards();

interface Edge {
  readonly clb: AlibabaClb;
  /** The web servers, and what answers challenges beside them. */
  readonly nodes: readonly Node[];
  readonly responders: readonly Node[];
  connect(options?: Record<string, unknown>, watch?: EffectWatch, factor?: number): Balancer;
  readonly lines: string[];
}

/** Three nodes behind a listener whose own rules are those of others. */
async function start(changes: Partial<AlibabaClbOptions> & { readonly redirects?: true } = {}): Promise<Edge> {
  const [nodes, responders] = [await startNodes(3), await startNodes(3)];
  const [a] = nodes;
  const { redirects, ...options } = changes;
  const web = nodes.map((_, index) => ({ server: `i-${'abc'[index]}`, port: a!.port }));
  const clb = await startAlibabaClb({
    keys: [root],
    servers: {
      'i-a': a!.address,
      'i-b': nodes[1]!.address,
      'i-c': nodes[2]!.address,
      'i-off': { addresses: { '192.168.0.99': '127.0.0.14' }, stopped: true },
    },
    secondMs: 3000 / speed,
    loadBalancers: [
      {
        id: lb,
        groups: [
          { name: 'web', servers: web },
          { name: 'shop', servers: [web[2]!] },
        ],
        listeners: [
          {
            protocol: 'http',
            port: 80,
            group: 'web',
            check: { enabled: false },
            ...(redirects ? { forwardPort: 443 } : {}),
          },
          { protocol: 'https', port: 443, group: 'web', check: { enabled: false } },
        ],
        rules: [{ port: 80, name: 'shop', domain: 'shop.example.test', group: 'shop' }],
      },
    ],
    ...options,
  });
  const lines: string[] = [];
  return {
    clb,
    nodes,
    responders,
    lines,
    connect: (more = {}, watch = undefined, factor = speed) =>
      connectBalancer(clb, {
        loadBalancer: lb,
        watch,
        lines,
        factor,
        options: { backend: { serverId: 'i-a', port: responders[0]!.port }, ...more },
      }),
  };
}

const backendOf = ({ responders }: Edge, server = 'i-a') => ({ server, port: responders[0]!.port, kind: 'ecs' });
const wanting = (edge: Edge, hosts: readonly (string | undefined)[] = [undefined]): WantedRules => ({
  owner,
  group: { name: named(), lineage: 'www', backends: [backendOf(edge)] },
  rules: hosts.map((host) => ({
    name: named(),
    lineage: 'www',
    path: prefix,
    ...(host === undefined ? {} : { host }),
  })),
});
const nothing: WantedRules = { owner, rules: [] };

async function untilReady(balancer: Balancer, wanted: WantedRules, receipt: Json): Promise<number> {
  for (let polls = 1; ; polls++) {
    const state = await balancer.state(wanted, receipt, signal);
    if (state.ready) return polls;
    if (polls > 500) throw new Error(`never ready: ${state.reason}`);
    await wait((state.retryAfterMs ?? 1_000) / speed);
  }
}
const failure = async (promise: Promise<unknown>): Promise<CertfleetError> => {
  const error = await promise.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CertfleetError);
  return error as CertfleetError;
};

describe('the balancer alibaba-clb', () => {
  for (const [name, changes] of Object.entries({
    'at once': {},
    'busy after each change': { changeMs: 3, behaviour: { emptyFields: 'empty' } },
  } satisfies Record<string, Partial<AlibabaClbOptions>>))
    balancerContract(
      (title, run) => drawnExcept(/^at once|come into effect/)(`${name}: ${title}`, run),
      async () => {
        const edge = await start(changes);
        const { clb, nodes, responders } = edge;
        return {
          connect: (watch) => edge.connect({}, watch),
          connectRefused: () => edge.connect(keysOf({ id: root.id, secret: 'another-secret' })),
          backends: [backendOf(edge), backendOf(edge, 'i-b')],
          async objects() {
            await clb.settled();
            return clb.snapshot();
          },
          async isInEffect({ host = '' }, { group }) {
            await clb.settled();
            const { status, text } = await get(clb.port(80), host, `${prefix}token`);
            const answering = (group?.backends ?? []).map(({ server }) => server.slice(-1));
            return (
              status === 200 && answering.includes(text[0]!) && clb.snapshot().rules.some((r) => r['domain'] === host)
            );
          },
          pass: async (ms) => void (await wait(ms / speed)),
          secrets: [root.secret, 'another-secret'],
          logged: () => edge.lines,
          async stop() {
            await clb.stop();
            for (const { server } of [...nodes, ...responders]) server.close();
          },
        };
      },
    );

  it('leads the challenge path to one node, in at most 14 calls for an order, and leaves nothing', async () => {
    const edge = await start({ changeMs: 2 });
    const { clb } = edge;
    const before = clb.snapshot();
    const balancer = edge.connect();
    expect(await balancer.inspect(signal)).toEqual({
      matching: 'host-first',
      rules: [{ name: 'shop', host: 'shop.example.test', action: expect.stringMatching(/^forwards to rsp-/) }],
      rulesLeft: 39,
      addresses: ['203.0.113.10'],
    });
    const wanted = wanting(edge, [undefined, 'shop.example.test']);
    const receipt = await balancer.apply(wanted, undefined, signal);
    await untilReady(balancer, wanted, receipt);
    for (let asked = 0; asked < 6; asked++)
      for (const host of ['www.example.test', 'shop.example.test']) {
        expect((await get(clb.port(80), host, `${prefix}token`)).text[0]).toBe('a');
        expect((await get(clb.port(80), host, '/index.html')).text[0]).toMatch(host.startsWith('shop') ? /c/ : /[abc]/);
      }
    expect(edge.responders[0]!.checks.every(({ url }) => url === `${prefix}health`)).toBe(true);
    await balancer.inspect(signal);
    await balancer.apply(nothing, receipt, signal);
    await clb.settled();
    expect(clb.snapshot()).toEqual(before);
    // One rule takes one SetRule less. The health is asked for about four times.
    const useful = clb.records.filter(({ code, action }) => code === undefined && action !== 'DescribeHealthStatus');
    expect(useful.length - 1).toBe(10);
  });

  it('other requests see nothing while rules come and go', async () => {
    const [nodes, responder] = [await startWebNodes(3), await startNode('r', '127.0.0.1', await freePort())];
    const web = nodes.map(({ address }, index) => ({ server: `i-${index + 1}`, port: Number(address.split(':')[1]) }));
    const clb = await startAlibabaClb({
      keys: [root],
      servers: Object.fromEntries(web.map(({ server }) => [server, '127.0.0.1'])),
      changeMs: 3,
      // On a busy machine a check may take a while: its timeout is three of these.
      secondMs: 80,
      loadBalancers: [
        {
          id: lb,
          groups: [{ name: 'web', servers: web }],
          listeners: [{ protocol: 'http', port: 80, group: 'web', check: { enabled: false } }],
          rules: [{ port: 80, name: 'shop', domain: 'shop.example.test', group: 'web' }],
        },
      ],
    });
    const backend = { server: 'i-1', port: responder.port, kind: 'ecs' };
    const options = { backend: { serverId: backend.server, port: backend.port } };
    const balancer = connectBalancer(clb, { loadBalancer: lb, options });
    const before = clb.snapshot();
    const hosts = ['www.example.test', 'shop.example.test'];
    const traffic = startTraffic({
      port: clb.port(80),
      hosts: [...hosts, 'third.example.test'],
      path: (nth) => (nth % 5 === 0 ? '/.well-known/other' : `/page/${nth}`),
      expected: webAnswer,
      perSecond: 250,
      total: adapterRequests,
    });
    const ask = async (host: string) => (await get(clb.port(80), host, `${prefix}token`)).text;
    let cycles = 0;
    while (!traffic.isOver) {
      // The host without rules of its own is answered by the rule for every host.
      const rules = [undefined, 'shop.example.test'].map((host) => ({
        name: named(),
        lineage: 'www',
        path: prefix,
        ...(host === undefined ? {} : { host }),
      }));
      const wanted: WantedRules = { owner, group: { name: named(), lineage: 'www', backends: [backend] }, rules };
      for (const host of hosts) expect(await ask(host)).toBe('no such challenge');
      const receipt = await balancer.apply(wanted, undefined, signal);
      await untilReady(balancer, wanted, receipt);
      await clb.settled();
      for (const host of hosts) expect(await ask(host)).toMatch(/^r GET/);
      await balancer.apply(nothing, receipt, signal);
      await clb.settled();
      cycles += 1;
    }
    const result = await traffic.done;
    expect(result.wrong).toEqual([]);
    expect(result.kept + result.fresh).toBe(adapterRequests);
    expect(cycles).toBeGreaterThan(1);
    expect(clb.snapshot()).toEqual(before);
  });

  it.each(process.env.CERTFLEET_LONG ? [1, 2, 3, 4] : [1 + (seed % 4)])(
    'a fifth of the answers is lost, it is busy and throttled: no duplicate, nothing left (seed %i)',
    async (seed) => {
      const edge = await start({ seed, loseAnswers: 0.2, changeMs: 4, callsPerSecond: 60 });
      const { clb } = edge;
      // The cloud counts calls in real seconds.
      const connect = () => edge.connect({}, undefined, 20);
      const before = clb.snapshot();
      for (let round = 0; round < 6; round++) {
        const wanted = wanting(
          edge,
          Array.from({ length: 12 }, (_, at) => `www${at}.example.test`),
        );
        const receipt = await connect().apply(wanted, undefined, signal);
        await clb.settled();
        const { groups, rules } = clb.snapshot();
        expect([groups.length, rules.length]).toEqual([before.groups.length + 1, before.rules.length + 12]);
        await untilReady(connect(), wanted, receipt);
        await connect().apply(nothing, receipt, signal);
      }
      await clb.settled();
      expect(clb.snapshot()).toEqual(before);
      expect(clb.records.filter(({ lost }) => lost).length).toBeGreaterThan(5);
    },
  );

  itDrawn('uses the HTTPS listener behind a redirect', async () => {
    const edge = await start({ redirects: true });
    const balancer = edge.connect();
    expect(await balancer.inspect(signal)).toMatchObject({
      listener: 'the port 80 redirects to the HTTPS listener 443, so the rules are there',
      addresses: ['203.0.113.10'],
    });
    const wanted = wanting(edge);
    const receipt = await balancer.apply(wanted, undefined, signal);
    await untilReady(balancer, wanted, receipt);
    expect(edge.clb.snapshot().rules.find(({ name }) => name === wanted.rules[0]!.name)).toMatchObject({
      listener: expect.stringContaining('443'),
    });
    await balancer.apply(nothing, receipt, signal);
    expect(edge.clb.snapshot().groups).toHaveLength(2);
  });

  itDrawn('says why a server is not healthy', async () => {
    const edge = await start();
    edge.responders[0]!.health = 500;
    const balancer = edge.connect();
    const wanted = wanting(edge);
    const receipt = await balancer.apply(wanted, undefined, signal);
    const reason = await until(
      async () => {
        const state = await balancer.state(wanted, receipt, signal);
        return !state.ready && state.reason.includes('abnormal') && state.reason;
      },
      { what: 'the server is called abnormal' },
    );
    expect(reason).toContain(`the health check of i-a:${edge.responders[0]!.port} is abnormal`);
    edge.responders[0]!.health = 200;
    await untilReady(balancer, wanted, receipt);
  });

  it('lets the public answer decide where the health of a rule’s servers is not listed', async () => {
    const edge = await start({ behaviour: { healthListsRuleServers: false } });
    const balancer = edge.connect();
    const wanted = wanting(edge);
    const receipt = (await balancer.apply(wanted, undefined, signal)) as Record<string, Json>;
    expect(await balancer.state(wanted, receipt, signal)).toMatchObject({ ready: false });
    const old = { ...receipt, at: new Date(Date.now() - 31_000).toISOString() };
    expect(await balancer.state(wanted, old, signal)).toEqual({ ready: true });
    await balancer.apply(nothing, receipt, signal);
    expect(await balancer.state(wanted, old, signal)).toMatchObject({ ready: false });
  });

  itDrawn('takes a group whose other nodes were stopped', async () => {
    const edge = await start();
    const balancer = edge.connect();
    const wanted = wanting(edge);
    const others = { ...wanted, group: { ...wanted.group!, backends: [backendOf(edge, 'i-off'), backendOf(edge)] } };
    const receipt = await balancer.apply(others, undefined, signal);
    await untilReady(balancer, others, receipt);
    edge.clb.setServerStopped('i-a', true);
    await balancer.apply(nothing, receipt, signal);
    expect(edge.clb.snapshot().groups).toHaveLength(2);
  });

  describe('says in one sentence what is wrong, with the request id, and changes nothing', () => {
    const policy = policyIn(definition.notes);
    const actions = policy.flatMap(({ Action }) => Action);
    const limited = { id: 'LTAIlimited', secret: 'limited-secret' };

    it('needs exactly the policy that the reference shows', async () => {
      const edge = await start({ keys: [root, { ...limited, policy }] });
      const balancer = edge.connect(keysOf(limited));
      const wanted = wanting(edge);
      const two = { ...wanted, group: { ...wanted.group!, backends: [backendOf(edge), backendOf(edge, 'i-b')] } };
      let receipt: Json | undefined;
      await balancer.inspect(signal);
      for (const step of [wanted, two, wanted]) receipt = await balancer.apply(step, receipt, signal);
      await untilReady(balancer, wanted, receipt!);
      await balancer.owned(signal);
      await balancer.apply(nothing, receipt, signal);
      const used = new Set(edge.clb.records.map(({ action }) => `slb:${action}`));
      // TagResources is for the tags of a new group; the first one is for listeners that do not say where they redirect.
      const others = ['slb:TagResources', 'slb:DescribeLoadBalancerHTTPListenerAttribute'];
      expect([...used, ...others].sort()).toEqual([...new Set(actions)].sort());
    });

    it.each(actions.filter((action) => !/TagResources|HTTPListener|Remove|Attribute$|Add/.test(action)))(
      'without %s',
      async (missing) => {
        const without = policy.map((one) => ({ ...one, Action: actions.filter((action) => action !== missing) }));
        const edge = await start({ keys: [root, { ...limited, policy: without }] });
        const balancer = edge.connect(keysOf(limited));
        const wanted = wanting(edge);
        const error = await failure(
          (async () => {
            await balancer.inspect(signal);
            const receipt = await balancer.apply(wanted, undefined, signal);
            await balancer.state(wanted, receipt, signal);
            await balancer.apply(nothing, receipt, signal);
          })(),
        );
        expect(error.code).toBe('balancer/refused');
        expect(error.message).toMatch(/Forbidden\.RAM.*\(request [0-9A-F-]{36}\)/);
        expect(error.hint).toContain(`lacks ${missing}`);
        // What it advises is enough for the call that failed.
        const advised = JSON.parse(/(\{"Effect".*\})/.exec(error.hint)![1]!);
        const mended = await start({ keys: [root, { ...limited, policy: [...without, advised] }] });
        const again = mended.connect(keysOf(limited));
        const receipt = await again.apply(wanting(mended), undefined, signal);
        await again.apply(nothing, receipt, signal);
      },
    );

    it.each([
      [
        'wrong secret',
        keysOf({ id: root.id, secret: 'wrong-secret' }),
        'balancer/refused',
        /SignatureDoesNotMatch.*request/,
        /AccessKey secret/,
      ],
      [
        'unknown key',
        keysOf({ id: 'LTAInone', secret: 'x' }),
        'balancer/refused',
        /InvalidAccessKeyId.*request/,
        /AccessKey ID/,
      ],
      [
        'unknown id',
        { loadBalancer: 'lb-none' },
        'balancer/not-found',
        /lb-none in cn-hangzhou does not exist.*request/,
        /load balancer’s ID/,
      ],
      [
        'wrong region',
        { region: 'cn-shanghai' },
        'balancer/not-found',
        /lb-bp1example in cn-shanghai.*request/,
        /region/,
      ],
      ['no region', { region: 'cn-nowhere' }, 'balancer/not-found', /the region cn-nowhere.*request/, /region/],
      [
        'missing listener',
        { listenerPort: 8080 },
        'balancer/not-found',
        /port 8080 of lb-bp1example.*80 \(http\)/,
        /listener/,
      ],
    ] as const)('%s', async (_name, options, code, message, hint) => {
      const edge = await start();
      const before = edge.clb.snapshot();
      for (const call of [
        (balancer: Balancer) => balancer.inspect(signal),
        (balancer: Balancer) => balancer.apply(wanting(edge), undefined, signal),
      ]) {
        const error = await failure(call(edge.connect(options)));
        expect(error).toMatchObject({
          code,
          message: expect.stringMatching(message),
          hint: expect.stringMatching(hint),
        });
      }
      expect(edge.clb.snapshot()).toEqual(before);
    });

    it('a clock that is wrong', async () => {
      const edge = await start();
      edge.clb.setClockOffset(20 * 60_000);
      const error = await failure(edge.connect().inspect(signal));
      expect(error).toMatchObject({ code: 'balancer/refused', hint: expect.stringContaining('clock') });
    });
  });
});
