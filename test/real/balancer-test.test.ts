import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import {
  accessKey,
  type Cluster,
  type ClusterConfiguration,
  type ClusterOptions,
  startCluster,
} from '../support/alibaba-cluster.ts';
import { get } from '../support/alibaba-world.ts';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, documents, stderrOf, succeeded } from '../support/e2e.ts';
import { sampled } from '../support/seeded.ts';
import { temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// `certfleet balancer test` on the fake of Alibaba's load balancer: a rule comes, answers and goes.

stopAllAfterwards();

describeWith(['pebble', ...bindPrograms], 'certfleet balancer test', () => {
  let certfleet: Certfleet;
  beforeAll(async () => {
    certfleet = await buildCertfleet();
  });

  async function home(options: ClusterOptions = {}, configuration: ClusterConfiguration = {}) {
    const cluster = await startCluster(options);
    onTestFinished(() => cluster.clb.stop());
    const folder = await temporaryFolder('balancer-test');
    const [store, config] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
    await writeFile(config, JSON.stringify(cluster.configuration(store, configuration)));
    const run: Certfleet = (args, how) => certfleet([...args, '--config', config], how);
    return { cluster, store, run };
  }

  const site = (cluster: Cluster) => get(cluster.clb.port(80), 'abc.example.test', '/').then(({ status }) => status);

  it.each(
    sampled<[string, ClusterOptions]>(
      [
        ['a host without rules', {}],
        ['a host with rules of its own', { rules: [{ name: 'shop', domain: 'abc.example.test', url: '/shop' }] }],
      ],
      1,
      'hosts',
    ),
  )('adds a rule, sees it answer, and removes it: %s', async (_what, options) => {
    const { cluster, run, store } = await home(options);
    const before = cluster.clb.snapshot();
    const status = await site(cluster);
    const tried = await run(['balancer', 'test', 'slb', 'abc.example.test']);
    succeeded(tried);
    for (const step of ['listener', 'responder', 'added', 'healthy', 'answered', 'removed'])
      expect(tried.stdout).toMatch(new RegExp(`✓ ${step} `));
    expect(tried.stdout).toMatch(/every address gives certfleet’s answer/);
    await cluster.clb.settled();
    expect([cluster.clb.snapshot(), await site(cluster)]).toEqual([before, status]);
    const [{ parameters } = { parameters: {} as Record<string, string> }] = cluster.clb.records.filter(
      ({ action }) => action === 'CreateRules',
    );
    const [made] = JSON.parse(parameters['RuleList'] ?? '[]') as { Url: string; Domain?: string }[];
    // The first rule of a host would take the host over.
    expect(made?.Domain).toBe(options.rules ? 'abc.example.test' : undefined);
    expect(made?.Url).toMatch(/^\/\.well-known\/acme-challenge\/test-[0-9a-f]+$/);
    expect(await readdir(store).catch(() => [])).toEqual([]);
  });

  itDrawn('reports that an order would be refused because of a rule made by hand', async () => {
    const { cluster, run } = await home({ byHand: true });
    const before = cluster.clb.snapshot();
    for (const args of [['balancer', 'test', 'slb', 'abc.example.test'], ['issue']]) {
      const refused = await run(args);
      expect(refused.status).toBe(5);
      expect(stderrOf(refused).replaceAll(/\s+/g, ' ')).toMatch(
        /its rule acme already forwards to rsp-.* already leads to this node \(i-node1:\d+\), so set `byHand: true`.*`http01-responder`/,
      );
      expect(refused.stdout).not.toMatch(/✓ (responder|added|removed)/);
    }
    expect(cluster.clb.snapshot()).toEqual(before);
  });

  it('uses a rule made by hand as an order does, with a key that may only read', async () => {
    const reader = { id: 'LTAIreader', secret: 'reader-secret' };
    const policy = [{ Effect: 'Allow', Action: 'slb:Describe*', Resource: '*' }] as const;
    const { cluster, run, store } = await home(
      { byHand: true, checkPath: '/', clb: { secondMs: 500, keys: [accessKey, { ...reader, policy }] } },
      { solver: { byHand: true }, balancer: { accessKeyId: reader.id, accessKeySecret: reader.secret } },
    );
    const before = cluster.clb.snapshot();
    const nameless = await run(['balancer', 'test', 'slb']);
    expect(nameless.status).toBe(2);
    expect(stderrOf(nameless)).toMatch(/name a host that the rule is for.*`certfleet balancer test slb HOST/s);
    const tried = await run(['balancer', 'test', 'slb', 'abc.example.test']);
    succeeded(tried);
    expect(tried.stdout.match(/✓ \w+/g)).toEqual(['✓ listener', '✓ responder', '✓ healthy', '✓ answered']);
    expect(Object.keys(cluster.clb.calls()).filter((action) => !action.startsWith('Describe'))).toEqual([]);
    expect(cluster.clb.snapshot()).toEqual(before);
    expect(await readdir(store).catch(() => [])).toEqual([]);
  });

  itDrawn('names the server that does not exist, and removes nothing that it did not add', async () => {
    const { run } = await home({}, { balancer: { backend: { serverId: 'i-nope' } } });
    const tried = await run(['balancer', 'test', 'slb', 'abc.example.test']);
    expect(tried.status).toBe(5);
    expect(stderrOf(tried).replaceAll(/\s+/g, ' ')).toMatch(
      /a running server i-nope for lb-bp1example in cn-hangzhou does not exist: .*Check `backend\.serverId`/,
    );
    expect(tried.stdout).not.toContain('✓ removed');
  });

  itDrawn('leaves nothing that a sweep does not find if it is killed', async () => {
    const { cluster, run, store } = await home();
    succeeded(await run(['issue']));
    const before = cluster.clb.snapshot();
    cluster.clb.inject({ action: 'SetRule', hang: true });
    let added = () => {};
    const killWhen = new Promise<void>((resolve) => {
      added = resolve;
    });
    const watching = setInterval(() => {
      if (cluster.clb.records.filter(({ action }) => action === 'SetRule').length > 1) added();
    }, 20);
    await run(['balancer', 'test', 'slb', 'abc.example.test'], { killWhen });
    clearInterval(watching);
    expect(cluster.clb.snapshot()).not.toEqual(before);
    const swept = await run(['sweep']);
    succeeded(swept);
    expect(swept.stdout).toMatch(/removed: .*the forward rule/);
    await cluster.clb.settled();
    expect(cluster.clb.snapshot()).toEqual(before);
    expect([...(await documents(store, 'lock')).keys()]).toEqual([]);
  });

  itDrawn('says what a key may not do, and leaves nothing', async () => {
    const limited = { id: 'LTAIlimited', secret: 'limited-secret' };
    const key = { ...limited, policy: [{ Effect: 'Allow', Action: 'slb:Describe*', Resource: '*' }] } as const;
    const balancer = { accessKeyId: limited.id, accessKeySecret: limited.secret };
    const { cluster, run } = await home({ clb: { keys: [accessKey, key] } }, { balancer });
    const before = cluster.clb.snapshot();
    const tried = await run(['balancer', 'test', 'slb']);
    expect(tried.status).toBe(5);
    expect(stderrOf(tried)).toMatch(/lacks slb:CreateVServerGroup/);
    expect(cluster.clb.snapshot()).toEqual(before);

    const drawn = await run(['doctor', 'abc']);
    expect(drawn.status).toBe(5);
    expect(drawn.stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /✗ rights the credentials do not allow slb:CreateVServerGroup, slb:CreateRules/,
    );
    expect(cluster.clb.snapshot()).toEqual(before);
  });
});
