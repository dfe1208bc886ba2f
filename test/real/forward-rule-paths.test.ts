import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import {
  accessKey,
  type Cluster,
  type ClusterConfiguration,
  type ClusterOptions,
  startCluster,
} from '../support/alibaba-cluster.ts';
import { startMetadata } from '../support/alibaba-metadata.ts';
import { createOracle } from '../support/alibaba-oracle.ts';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, documents, readLineage, stderrOf, succeeded } from '../support/e2e.ts';
import { startChallengeServer } from '../support/pebble.ts';
import { sampled } from '../support/seeded.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// What stands between a node and the balancer in real clusters, and how little certfleet has to be told.

stopAllAfterwards();

const needed = ['pebble', 'pebble-challtestsrv', 'openssl', ...bindPrograms];
describeWith(needed, 'a cluster behind Alibaba’s load balancer', () => {
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

  async function home(cluster: Cluster, options: ClusterConfiguration = {}, more: object = {}) {
    const folder = await temporaryFolder('paths');
    const [store, config] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
    await writeFile(config, JSON.stringify({ ...cluster.configuration(store, options), ...more }));
    const run: Certfleet = (args, how) => certfleet([...args, '--config', config], how);
    return { folder, store, run };
  }

  it.each(
    sampled(
      [
        ['the name has an IPv6 address without a route', ['* A 127.0.0.1', '* AAAA 100::1'], '100::1'],
        ['no node reaches the public address (hairpin)', ['* A 192.0.2.10'], '192.0.2.10'],
        ['only the IPv6 address is known here', ['* AAAA 100::1'], '100::1'],
      ],
      1,
      'ways to a name',
    ),
  )('the certificate is issued although %s', async (_what, records, unreachable) => {
    // The CA sees the balancer.
    const { dnsServer } = await startChallengeServer();
    const cluster = await clusterOfTest({ records, pebble: { dnsServer } });
    const before = cluster.clb.snapshot();
    const { run } = await home(cluster);
    const issued = await run(['issue']);
    succeeded(issued);
    expect(issued.stdout).toMatch(/^abc: issued, valid until /m);
    expect(stderrOf(issued) + issued.stdout).toContain(unreachable);
    expect(cluster.clb.snapshot()).toEqual(before);
  });

  itDrawn('where port 80 redirects to HTTPS, the rule goes on the HTTPS listener', async () => {
    const cluster = await clusterOfTest({ https: ['*.example.test'], redirect: true });
    const before = cluster.clb.snapshot();
    const { run } = await home(cluster);
    const issued = await run(['issue']);
    succeeded(issued);
    expect(issued.stdout).toMatch(/^abc: issued, valid until /m);
    const made = cluster.clb.records.find(({ action }) => action === 'CreateRules');
    expect(made?.parameters).toMatchObject({ ListenerPort: String(cluster.httpsPort), ListenerProtocol: 'https' });
    expect(cluster.clb.snapshot()).toEqual(before);
  });

  it('keep: the rule stays, and later orders make no call to the balancer', async () => {
    const cluster = await clusterOfTest();
    const { run, store } = await home(cluster, { solver: { keep: true } });
    succeeded(await run(['issue']));
    const kept = cluster.clb.snapshot();
    expect(kept.rules).toHaveLength(1);
    const calls = cluster.clb.records.length;
    const renewed = await run(['renew', '--force']);
    succeeded(renewed);
    expect(renewed.stdout).toMatch(/^abc: renewed, valid until /m);
    expect(cluster.clb.records.slice(calls).map(({ action }) => action)).toEqual([]);
    succeeded(await run(['sweep']));
    expect(cluster.clb.snapshot()).toEqual(kept);
    expect((await documents(store, 'lock')).size).toBe(1);

    // Someone deletes the rule in the console.
    const RuleIds = JSON.stringify([kept.rules[0]!['id']]);
    await createOracle(cluster.clb.endpoint, accessKey).call('DeleteRules', { RuleIds });
    succeeded(await run(['renew', '--force']));
    expect(cluster.clb.snapshot().rules).toMatchObject([{ name: kept.rules[0]!['name'] }]);

    // The rule goes with its last certificate.
    succeeded(await run(['delete', 'abc']));
    const { rules, groups } = cluster.clb.snapshot();
    expect([rules, groups.map((one) => one['name'])]).toEqual([[], ['web']]);
    expect((await documents(store, 'lock')).size).toBe(0);
  });

  itDrawn('without keys and server, the instance’s metadata server gives both', async () => {
    const cluster = await clusterOfTest();
    const before = cluster.clb.snapshot();
    const metadata = await startMetadata(cluster.clb, { instanceId: 'i-node1', role: 'certfleet', hardened: true });
    const backend = { port: cluster.responderPort };
    const { run } = await home(cluster, { balancer: { accessKeyId: undefined, accessKeySecret: undefined, backend } });
    const issued = await run(['issue'], { node: await metadataAt(metadata.endpoint) });
    succeeded(issued);
    expect(issued.stdout).toMatch(/^abc: issued, valid until /m);
    const asked = metadata.requests.filter(({ status }) => status === 200).map(({ path }) => path);
    expect(asked).toContain('/latest/meta-data/instance-id');
    expect(asked).toContain('/latest/meta-data/ram/security-credentials/certfleet');
    expect(cluster.clb.snapshot()).toEqual(before);
  });

  itDrawn(
    'flags name solver and deployer of a configuration without certificates; renew and sweep need none',
    async () => {
      const cluster = await clusterOfTest({ https: ['abc.example.test'] });
      const served = async () => (await shakeHands(cluster.clb.port(443), 'abc.example.test')).fingerprint;
      const current = async () => (await readLineage(store, 'abc.example.test')).current?.facts.fingerprint;
      const before = cluster.clb.snapshot();
      const balancer = { accessKeyId: undefined, accessKeySecret: undefined };
      const { run, store } = await home(cluster, { balancer, deliver: true }, { certificates: [] });
      const env = {
        ALIBABA_CLOUD_ACCESS_KEY_ID: accessKey.id,
        ALIBABA_CLOUD_ACCESS_KEY_SECRET: accessKey.secret,
      };
      const issued = await run(['issue', '-d', 'abc.example.test', '--http', 'web', '--deploy', 'slb-https'], { env });
      succeeded(issued);
      expect(issued.stdout).toMatch(/^abc\.example\.test: issued, valid until /m);
      const { rules, groups } = before;
      expect(cluster.clb.snapshot()).toMatchObject({ rules, groups });
      expect(await served()).toBe(await current());
      const stored = JSON.stringify(await readLineage(store, 'abc.example.test'));
      expect(stored).not.toContain(accessKey.secret);

      // No configuration and no environment, as in cron.
      const renewed = await certfleet(['renew', '--force', '--store', store]);
      succeeded(renewed);
      expect(renewed.stdout).toMatch(/^abc\.example\.test: renewed, valid until /m);
      expect(cluster.clb.snapshot()).toMatchObject({ rules, groups });
      expect(await served()).toBe(await current());

      const from = cluster.clb.records.length;
      cluster.clb.inject({ action: 'CreateRules', hang: true });
      const killWhen = until(() => cluster.clb.records.slice(from).some(({ action }) => action === 'CreateRules'), {
        what: 'a rule is made',
      });
      expect((await certfleet(['renew', '--force', '--store', store], { killWhen })).status).toBe('SIGKILL');
      expect(cluster.clb.snapshot().rules).toHaveLength(1);
      succeeded(await certfleet(['sweep', '--store', store]));
      expect(cluster.clb.snapshot()).toMatchObject({ rules, groups });
      expect([...(await documents(store, 'lock')).keys()]).toEqual([]);
    },
  );
});

/** Arguments of node that lead connections to the metadata server of Alibaba Cloud to this one. */
async function metadataAt(endpoint: string): Promise<readonly string[]> {
  const module = join(await temporaryFolder('metadata'), 'metadata.cjs');
  await writeFile(
    module,
    `const { Socket } = require('node:net');
const { connect } = Socket.prototype;
Socket.prototype.connect = function (...args) {
  const [first] = Array.isArray(args[0]) ? args[0] : args;
  if (first?.host === '100.100.100.200') Object.assign(first, { host: '127.0.0.1', port: ${new URL(endpoint).port} });
  return connect.apply(this, args);
};
`,
  );
  return ['--require', module];
}
