import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import {
  accessKey,
  type Cluster,
  type ClusterConfiguration,
  type ClusterOptions,
  startCluster,
} from '../support/alibaba-cluster.ts';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, documents, stderrOf, succeeded } from '../support/e2e.ts';
import { sampled } from '../support/seeded.ts';
import { temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// The whole circle behind a load balancer: rule and group come, the CA's request reaches the one node that answers, and
// both go. Alibaba's load balancer is the fake that was written from its documents; the CA is Pebble.

stopAllAfterwards();

describeWith(['pebble', ...bindPrograms], 'three nodes behind Alibaba’s load balancer', () => {
  let certfleet: Certfleet;
  beforeAll(async () => {
    certfleet = await buildCertfleet();
  });

  /** Its health checks end with the test. */
  async function clusterOfTest(options?: ClusterOptions): Promise<Cluster> {
    const cluster = await startCluster(options);
    onTestFinished(() => cluster.clb.stop());
    return cluster;
  }

  const callsOf = (cluster: Cluster) => cluster.clb.records.length;

  /** A home with a configuration for one of the nodes; the store may be that of another one. */
  async function home(cluster: Cluster, options: ClusterConfiguration = {}, store?: string) {
    const folder = await temporaryFolder('forward');
    const [path, config] = [store ?? join(folder, 'store'), join(folder, 'certfleet.yaml')];
    await writeFile(config, JSON.stringify(cluster.configuration(path, options)));
    const run: Certfleet = (args, how) => certfleet([...args, '--config', config], how);
    return { store: path, run };
  }

  it('fails without the rule, and succeeds with it; nothing is left', async () => {
    const cluster = await clusterOfTest();
    const before = cluster.clb.snapshot();
    const plain = await home(cluster, { solver: { type: 'http01-responder', balancer: undefined } });
    const without = await plain.run(['issue', '--ignore-preflight']);
    expect(without.stderr + without.stdout).toMatch(/abc\.example\.test/);
    expect(without.status).not.toBe(0);

    const { run, store } = await home(cluster);
    const issued = await run(['issue']);
    succeeded(issued);
    expect(issued.stdout).toMatch(/^abc: issued, valid until /m);
    expect(cluster.clb.snapshot()).toEqual(before);
    expect([...(await documents(store, 'lock')).keys()]).toEqual([]);
    expect(callsOf(cluster)).toBeLessThanOrEqual(16);
  });

  const reader = {
    ...{ id: 'LTAIreader', secret: 'reader-secret' },
    policy: [{ Effect: 'Allow', Action: 'slb:Describe*', Resource: '*' }],
  } as const;

  itDrawn(
    'a rule and a group made by hand work: the responder answers the health check, and is waited for',
    async () => {
      const cluster = await clusterOfTest({
        byHand: true,
        checkPath: '/',
        clb: { secondMs: 500, keys: [accessKey, reader] },
      });
      const before = cluster.clb.snapshot();
      const solver = { type: 'http01-responder', balancer: undefined };
      const balancer = { accessKeyId: reader.id, accessKeySecret: reader.secret };
      // First those that the health check does not find, because a healthy server stays so for a while.
      const wrong = await home(cluster, { solver: { ...solver, healthCheck: '/elsewhere', timeout: '1s' } });
      const failed = await wrong.run(['issue']);
      expect(failed.status).toBe(3);
      const said = stderrOf(failed).replaceAll(/\s+/g, ' ');
      expect(said).toContain('503 (no healthy backend: health check of the load balancer)');
      expect(said).toMatch(
        /Let the health check of the load balancer ask GET or HEAD \/elsewhere on the port \d+ of the node/,
      );
      const sick = await home(cluster, {
        solver: { byHand: true, healthCheck: '/elsewhere', timeout: '5s' },
        balancer,
      });
      const unready = await sick.run(['issue']);
      expect(unready.status).toBe(5);
      expect(stderrOf(unready).replaceAll(/\s+/g, ' ')).toContain('no healthy backend: health check of i-node1');

      const calls = callsOf(cluster);
      succeeded(await (await home(cluster, { solver })).run(['issue']));
      expect(callsOf(cluster)).toBe(calls);
      const asking = await home(cluster, { solver: { byHand: true }, balancer });
      succeeded(await asking.run(['issue']));
      const drawn = await asking.run(['doctor', 'abc']);
      expect(drawn.stdout).toMatch(/✓ health .*\n.*✓ answer/);
      expect(drawn.status).toBe(0);
      expect(Object.keys(cluster.clb.calls()).filter((action) => !action.startsWith('Describe'))).toEqual([]);
      expect(cluster.clb.snapshot()).toEqual(before);
    },
  );

  const clusters = [
    ['the host has rules of its own', { rules: [{ name: 'shop', domain: 'abc.example.test', url: '/shop' }] }],
    ['a wildcard captures the host', { rules: [{ name: 'all', domain: '*.example.test' }] }],
    ['rules of a host leave the rest to the default group', { clb: { behaviour: { hostWithoutPath: 'default' } } }],
    ['health checks are slow', { clb: { secondMs: 200 } }],
    [
      'every answer to a change may be lost, and each change takes a while',
      { clb: { loseAnswers: 0.2, changeMs: 150, callsPerSecond: 20, seed: 7 } },
    ],
  ] satisfies [string, ClusterOptions][];
  it.each(sampled(clusters, 1, 'clusters'))(
    'the certificate is issued, and all is as before: %s',
    async (_what, options) => {
      const cluster = await clusterOfTest(options);
      const before = cluster.clb.snapshot();
      const { run } = await home(cluster);
      succeeded(await run(['issue']));
      await cluster.clb.settled();
      expect(cluster.clb.snapshot()).toEqual(before);
    },
  );

  itDrawn('fifty names in two processes at once need a handful of rules', async () => {
    const cluster = await clusterOfTest({ clb: { changeMs: 20 } });
    const before = cluster.clb.snapshot();
    const identifiers = (from: number) =>
      Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`c${from + i}`, [`c${from + i}.example.test`]]));
    const first = await home(cluster, { identifiers: identifiers(0) });
    const second = await home(cluster, { node: 1, identifiers: identifiers(25) }, first.store);
    const both = await Promise.all([first.run(['issue']), second.run(['issue'])]);
    for (const one of both) succeeded(one);
    await cluster.clb.settled();
    expect(cluster.clb.snapshot()).toEqual(before);
    const made = cluster.clb.records.filter(({ action }) => action === 'CreateRules').length;
    expect(made).toBeLessThanOrEqual(4);
    // Alibaba allows 5,000 calls a day.
    expect(callsOf(cluster) / 50).toBeLessThan(4);
  });

  itDrawn('two installations on one balancer never touch each other’s rules', async () => {
    const cluster = await clusterOfTest({ clb: { changeMs: 20 } });
    const before = cluster.clb.snapshot();
    const homes = [
      await home(cluster),
      await home(cluster, { node: 1, identifiers: { other: ['other.example.test'] } }),
    ];
    const both = await Promise.all(homes.map(({ run }) => run(['issue'])));
    for (const one of both) succeeded(one);
    expect(cluster.clb.snapshot()).toEqual(before);
  });

  itDrawn('a balancer without room is waited for', async () => {
    const rules = Array.from({ length: 40 }, (_, i) => ({ name: `r${i}`, domain: `r${i}.example.test` }));
    const cluster = await clusterOfTest({ rules });
    const { run } = await home(cluster, { solver: { timeout: '3s' } });
    const full = await run(['issue']);
    expect(full.status).not.toBe(0);
    expect(stderrOf(full)).toContain('no room for another rule (40 are there)');
    expect(cluster.clb.calls()).not.toHaveProperty('CreateRules');
  });

  itDrawn('a rule that may not be removed is said by every run, also with --quiet, until it is gone', async () => {
    const policy: { Effect: 'Allow' | 'Deny'; Action: string; Resource: string }[] = [
      { Effect: 'Allow', Action: 'slb:*', Resource: '*' },
      { Effect: 'Deny', Action: 'slb:Delete*', Resource: '*' },
    ];
    const key = { id: 'LTAIkeeper', secret: 'keeper-secret', policy };
    const cluster = await clusterOfTest({ clb: { keys: [accessKey, key] } });
    const before = cluster.clb.snapshot();
    const keeping = await home(cluster, { balancer: { accessKeyId: key.id, accessKeySecret: key.secret } });
    await keeping.run(['issue']);
    for (const argv of [
      ['renew', '--force', '--quiet'],
      ['renew', '--quiet'],
      ['renew', '--quiet'],
    ]) {
      const ran = await keeping.run(argv);
      expect(ran.status, argv.join(' ')).toBe(5);
      expect(stderrOf(ran)).toMatch(/abc: could not remove the forward rule: .*Forbidden/);
    }
    expect((await keeping.run(['status'])).stdout).toMatch(/^abc: could not remove the forward rule: .*Forbidden/m);
    policy.pop();
    const swept = await keeping.run(['sweep']);
    succeeded(swept);
    expect(swept.stdout).toContain('removed: abc: the forward rule');
    expect(await keeping.run(['renew', '--quiet'])).toMatchObject({ status: 0, stdout: '', stderr: '' });
    await cluster.clb.settled();
    expect(cluster.clb.snapshot()).toEqual(before);
  });

  itDrawn('a rule of a lost store is named at once, and removed with the configuration alone', async () => {
    const policy: { Effect: 'Allow' | 'Deny'; Action: string; Resource: string }[] = [
      { Effect: 'Allow', Action: 'slb:*', Resource: '*' },
      { Effect: 'Deny', Action: 'slb:Delete*', Resource: '*' },
    ];
    const key = { id: 'LTAIkeeper', secret: 'keeper-secret', policy };
    const cluster = await clusterOfTest({ clb: { keys: [accessKey, key] } });
    const before = cluster.clb.snapshot();
    const balancer = { accessKeyId: key.id, accessKeySecret: key.secret };
    for (const [solver, status, says] of [
      [
        { timeout: '8s' },
        5,
        /waiting for http01-forward-rule: another installation of certfleet .*less than an hour ago/,
      ],
      [{ keep: true, timeout: '1h' }, 5, /another installation of certfleet .* was made less than an hour ago/],
    ] as const) {
      const lost = await home(cluster, { balancer, solver });
      await lost.run(['issue']);
      await rm(lost.store, { recursive: true });
      const again = await lost.run(['issue']);
      expect(again.status).toBe(status);
      const said = stderrOf(again).replaceAll(/\s+/g, ' ');
      expect(said).toMatch(says);
      const [, owner] = /`certfleet sweep --lost --owner (\w{12}) --gone/.exec(said) ?? [];
      await rm(lost.store, { recursive: true });
      policy.splice(1);
      const listed = await lost.run(['sweep', '--lost']);
      succeeded(listed);
      expect(listed.stdout).toContain(owner);
      expect(listed.stderr).toContain('There is no store at');
      const swept = await lost.run(['sweep', '--lost', '--owner', owner!, '--gone']);
      succeeded(swept);
      await cluster.clb.settled();
      expect(cluster.clb.snapshot()).toEqual(before);
      succeeded(await lost.run(['issue']));
      if ('keep' in solver) await lost.run(['delete', 'abc', '--force']);
      policy.push({ Effect: 'Deny', Action: 'slb:Delete*', Resource: '*' });
    }
  });

  const limited = { id: 'LTAIlimited', secret: 'limited-secret' };
  const readOnly = { ...limited, policy: [{ Effect: 'Allow', Action: 'slb:Describe*', Resource: '*' }] } as const;
  const request = String.raw`\(request [0-9A-F-]{36}\)`;
  /** For all that change nothing. */
  let unchanged: Promise<Cluster> | undefined;
  it.each(
    sampled<[string, object, string, ClusterOptions?]>(
      [
        ['a wrong key', { accessKeySecret: 'wrong' }, `balancer "slb".*SignatureDoesNotMatch.*${request}`],
        ['an unknown key', { accessKeyId: 'LTAInobody' }, `InvalidAccessKeyId.*${request}`],
        [
          'a key that may not change anything',
          { accessKeyId: limited.id, accessKeySecret: limited.secret },
          `Forbidden\\.RAM.*${request}.*lacks slb:CreateVServerGroup.*"Action":"slb:CreateVServerGroup"`,
        ],
        ['an unknown balancer', { loadBalancer: 'lb-nowhere' }, `lb-nowhere in cn-hangzhou.*${request}`],
        ['a missing listener', { listenerPort: 8080 }, 'HTTP listener on port 8080'],
        ['a redirect that leads nowhere', {}, 'redirects to port \\d+ .*has no HTTPS listener', { redirect: true }],
        ['another region', { region: 'cn-shanghai' }, `cn-shanghai.*${request}`],
      ],
      2,
      'mistakes',
    ),
  )('%s is one sentence, and nothing is changed', async (_what, balancer, message, options) => {
    unchanged ??= startCluster({ clb: { keys: [accessKey, readOnly] } });
    const cluster = await (options ? clusterOfTest(options) : unchanged);
    const before = cluster.clb.snapshot();
    const { run, store } = await home(cluster, { balancer });
    const ran = await run(['issue']);
    expect(ran.status).not.toBe(0);
    expect(stderrOf(ran)).toMatch(new RegExp(message));
    expect(ran.stdout + ran.stderr).not.toMatch(/certfleet-secret|limited-secret/);
    expect(cluster.clb.snapshot()).toEqual(before);
    for (const kind of ['key', 'lock'] as const) expect([...(await documents(store, kind)).keys()]).toEqual([]);
  });
});
