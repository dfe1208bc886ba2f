import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type AwsCloud, type AwsCloudOptions, startAwsCloud } from '../support/aws-cloud.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { buildCertfleet, type Certfleet, documents, stderrOf, succeeded } from '../support/e2e.ts';
import { makeLocalHttps } from '../support/https.ts';
import { hasMoto } from '../support/moto.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { findProgram, freePort, temporaryFolder, until } from '../support/service.ts';
import { shakeHands, shakeHandsUntilStopped } from '../support/versions.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';
import { startWebNodes } from '../support/web-nodes.ts';

// The whole circle behind an Application Load Balancer, as a user runs it: rule and group come, the CA's request reaches
// the one node that answers, both go, and the certificate is on the HTTPS listener.

const hasAll = hasMoto() && ['pebble', ...bindPrograms].every((name) => findProgram(name) !== undefined);
if (!hasAll) noteSkipped('not tested: the whole circle at AWS (missing: python3-moto, pebble or bind9)');

stopAllAfterwards();

interface Cluster {
  readonly cloud: AwsCloud;
  readonly bind: Bind;
  readonly pebble: Pebble;
  readonly responder: number;
}

interface Home {
  readonly store: string;
  readonly run: Certfleet;
}

interface Changes {
  readonly solver?: object;
  readonly balancer?: object;
  readonly identifiers?: Readonly<Record<string, readonly string[]>>;
  readonly node?: number;
}

describe.skipIf(!hasAll)('three nodes behind an Application Load Balancer', () => {
  let certfleet: Certfleet;
  beforeAll(async () => {
    certfleet = await buildCertfleet();
  });

  async function start(options: AwsCloudOptions = {}): Promise<Cluster> {
    const [web, responder, { certFile, keyFile }] = await Promise.all([startWebNodes(3), freePort(), makeLocalHttps()]);
    const https = { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
    const cloud = await startAwsCloud({ nodes: web.map(({ address }) => address), https, ...options });
    const bind = await startBind({ zones: [{ name: 'example.test', records: ['@ A 127.0.0.1', '* A 127.0.0.1'] }] });
    const pebble = await startPebble({ dnsServer: bind.server, httpPort: cloud.plane.portOf(80) });
    return { cloud, bind, pebble, responder };
  }

  /** moto and the health checks end with the test. */
  async function clusterOfTest(options?: AwsCloudOptions): Promise<Cluster> {
    const cluster = await start(options);
    onTestFinished(() => cluster.cloud.stop());
    return cluster;
  }

  /** A configuration of a process on one of the nodes; the store may be that of another one. */
  async function home(
    { cloud, bind, pebble, responder }: Cluster,
    changes: Changes = {},
    shared?: string,
  ): Promise<Home> {
    const folder = await temporaryFolder('alb');
    const [store, config] = [shared ?? join(folder, 'store'), join(folder, 'certfleet.yaml')];
    const { node = 0, identifiers = { abc: ['abc.example.test'] } } = changes;
    const listen = `127.0.0.1:${responder + node}`;
    const configuration = {
      store: { type: 'file', path: store },
      issuers: { pebble: { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true } },
      balancers: {
        alb: {
          type: 'aws-alb',
          region: cloud.region,
          loadBalancer: 'web',
          backend: { instanceId: cloud.instances[node], port: responder + node },
          accessKeyId: cloud.keys[0]!.id,
          secretAccessKey: cloud.keys[0]!.secret,
          endpoint: cloud.endpoint,
          ...changes.balancer,
        },
      },
      solvers: { web: { type: 'http01-forward-rule', balancer: 'alb', listen, ...changes.solver } },
      deployers: { https: { type: 'aws-acm', balancer: 'alb', endpoint: cloud.endpoint } },
      certificates: Object.entries(identifiers).map(([name, names]) => ({
        ...{ name, identifiers: names, deploy: ['https'] },
        endpoints: [`${names[0]}:${cloud.plane.portOf(443)}`],
      })),
      preflight: { resolvers: [bind.server], http01Port: cloud.plane.portOf(80) },
    };
    await writeFile(config, JSON.stringify(configuration), { mode: 0o600 });
    return { store, run: (args, how) => certfleet([...args, '--config', config], how) };
  }

  /** Rules and groups; the certificates that are bound are meant to stay. */
  const objects = async (cloud: AwsCloud) =>
    JSON.stringify((JSON.parse(await cloud.snapshot()) as unknown[]).slice(0, 4));
  const served = async (cloud: AwsCloud, name = 'abc.example.test') =>
    (await shakeHands(cloud.plane.portOf(443), name)).fingerprint;

  it('fails without the rule, and succeeds with it; a renewal keeps the ARN, and nothing else is left', async () => {
    const cluster = await clusterOfTest();
    const { cloud } = cluster;
    const before = await objects(cloud);
    const plain = await home(cluster, { solver: { type: 'http01-responder', balancer: undefined } });
    expect((await plain.run(['issue', '--ignore-preflight'])).status).not.toBe(0);
    expect(cloud.calls.filter(({ action }) => /^(Create|Import)/.test(action))).toEqual([]);

    const { run, store } = await home(cluster);
    const [first, from] = [await served(cloud), cloud.calls.length];
    const issued = await run(['issue']);
    succeeded(issued);
    expect(issued.stdout).toMatch(/^abc: issued, valid until /m);
    expect(await objects(cloud)).toBe(before);
    expect([...(await documents(store, 'lock')).keys()]).toEqual([]);
    const [second, bound] = [await served(cloud), cloud.bound(443)];
    expect(second).not.toBe(first);
    expect(bound).toHaveLength(2);
    const elb = cloud.calls.slice(from).filter(({ service }) => service === 'elasticloadbalancing');
    expect(elb.filter(({ action }) => !action.startsWith('Describe'))).toHaveLength(7);
    expect(elb.length).toBeLessThanOrEqual(30);
    expect(cloud.calls.length - from - elb.length).toBeLessThanOrEqual(6);

    const hands = shakeHandsUntilStopped(cloud.plane.portOf(443), 'abc.example.test', 2);
    succeeded(await run(['issue', 'abc', '--force']));
    const answers = await hands.stop();
    expect(cloud.bound(443)).toEqual(bound);
    const third = await served(cloud);
    expect(third).not.toBe(second);
    expect(answers.filter(({ fingerprint = '' }) => ![second, third].includes(fingerprint))).toEqual([]);
    expect(await objects(cloud)).toBe(before);
  });

  it('doctor draws the path before an order, and through a rule that stays', async () => {
    const cluster = await clusterOfTest();
    const { cloud } = cluster;
    const { run } = await home(cluster, { solver: { keep: true } });
    const drawn = async (by: Home['run']) => {
      const before = await cloud.snapshot();
      const { events, status, stderr } = await by(['doctor', 'abc', '--json']);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(await cloud.snapshot()).toBe(before);
      const [{ hops }] = events as unknown as [{ hops: { at: string; state: string; finding: string }[] }];
      const places = hops.map(({ at, state }) => (state === 'well' ? at : `${at} (${state})`)).join(' ');
      return { places, rule: hops[2]?.finding };
    };
    expect(await drawn(run)).toEqual({
      // Whether the instance exists, EC2 alone says before a target group has it.
      places: 'name listener rule group (cannot-tell) responder answer',
      rule: expect.stringContaining('adds one for abc.example.test and /.well-known/acme-challenge/'),
    });
    const fixed = await home(cluster, { balancer: { mode: 'fixed-response' } });
    expect((await drawn(fixed.run)).places).toBe('name listener rule responder answer');
    succeeded(await run(['issue']));
    expect(await drawn(run)).toEqual({
      places: 'name listener rule group responder health answer',
      rule: expect.stringMatching(/^cf-\S+ wins for abc\.example\.test and/),
    });
  });

  it.each([
    ['the listener redirects everything to HTTPS', { defaultAction: 'redirect' }, {}],
    ['rules answer the tokens themselves', {}, { balancer: { mode: 'fixed-response' } }],
  ] satisfies [string, AwsCloudOptions, Changes][])('issues where %s', async (_what, options, changes) => {
    const cluster = await clusterOfTest(options);
    const before = await objects(cluster.cloud);
    succeeded(await (await home(cluster, changes)).run(['issue']));
    expect(await objects(cluster.cloud)).toBe(before);
  });

  it('issues although answers to changes are lost and calls throttled', async () => {
    const cluster = await clusterOfTest();
    const { cloud } = cluster;
    const before = await objects(cloud);
    let drawn = 0;
    cloud.interfere = ({ action }) => {
      drawn += 1;
      if (/^(Describe|List|Get)/.test(action)) return drawn % 13 === 0 ? 'throttle' : undefined;
      return drawn % 5 === 0 ? 'lose' : undefined;
    };
    succeeded(await (await home(cluster)).run(['issue']));
    expect(await objects(cloud)).toBe(before);
    expect([cloud.certificates.arns.length, cloud.bound(443).length]).toEqual([2, 2]);
  });

  it('a process that is killed leaves what the next one, on another node, removes', async () => {
    const cluster = await clusterOfTest();
    const { cloud } = cluster;
    const before = await objects(cloud);
    const first = await home(cluster);
    const second = await home(cluster, { node: 1 }, first.store);
    for (const victim of ['CreateRule', 'RegisterTargets', 'ImportCertificate', 'DeleteTargetGroup']) {
      const from = cloud.calls.length;
      // Done, and no answer.
      cloud.interfere = ({ action }) => (action === victim ? 'hang' : undefined);
      const killWhen = until(
        () => cloud.calls.slice(from).some(({ action, result }) => action === victim && result.endsWith('no answer')),
        { what: `a call of ${victim}`, deadlineMs: 60_000 },
      );
      const killed = await first.run(['issue', 'abc', '--force'], { killWhen });
      expect([victim, killed.status]).toEqual([victim, 'SIGKILL']);
      cloud.interfere = () => undefined;
      expect(cloud.calls.length).toBeGreaterThan(from);
      succeeded(await second.run(['renew']));
      succeeded(await second.run(['sweep']));
      expect(await objects(cloud), victim).toBe(before);
    }
  });

  it('fifty names in two processes share a group', async () => {
    const cluster = await clusterOfTest();
    const { cloud } = cluster;
    const before = await objects(cloud);
    const identifiers = (from: number) =>
      Object.fromEntries(
        [0, 1, 2, 3, 4].map((i) => [
          `c${from + i}`,
          Array.from({ length: 5 }, (_, n) => `n${n}.c${from + i}.example.test`),
        ]),
      );
    const first = await home(cluster, { identifiers: identifiers(0) });
    const second = await home(cluster, { node: 1, identifiers: identifiers(5) }, first.store);
    const both = await Promise.all([first.run(['issue']), second.run(['issue'])]);
    for (const one of both) succeeded(one);
    expect(await objects(cloud)).toBe(before);
    expect(cloud.bound(443)).toHaveLength(11);
    // One to make each rule and one to remove it; a few for the rest.
    expect(cloud.calls.length / 50).toBeLessThan(8);
    expect(cloud.calls.filter(({ action }) => action === 'CreateTargetGroup').length).toBeLessThanOrEqual(4);
  });

  describe('one sentence, and nothing is changed:', () => {
    let cluster: Cluster;
    let before: string;
    beforeAll(async () => {
      cluster = await start();
      before = await cluster.cloud.snapshot();
    });

    it.each([
      ['a wrong key', { secretAccessKey: 'wrong-secret-wrong' }, /SignatureDoesNotMatch/],
      ['an unknown load balancer', { loadBalancer: 'wob' }, /LoadBalancerNotFound/],
      ['a missing listener', { listenerPort: 8080 }, /the listener on port 8080 of the load balancer web/],
    ])('%s', async (_what, balancer, message) => {
      const ran = await (await home(cluster, { balancer })).run(['issue']);
      expect(ran.status).not.toBe(0);
      expect(stderrOf(ran)).toMatch(message);
      expect(ran.stdout + ran.stderr).not.toContain('wrong-secret');
      expect(await cluster.cloud.snapshot()).toBe(before);
    });
  });
});
