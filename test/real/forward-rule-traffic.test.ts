import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { startAcmeProxy } from '../support/acme-proxy.ts';
import { startCluster } from '../support/alibaba-cluster.ts';
import { get } from '../support/alibaba-world.ts';
import { bindPrograms } from '../support/bind.ts';
import { buildCertfleet, type Certfleet, documents, succeeded } from '../support/e2e.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { circleRequests, startTraffic } from '../support/steady-traffic.ts';
import { needsOfUacme, uacme } from '../support/uacme.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// What others behind Alibaba's load balancer notice of certfleet: nothing.

stopAllAfterwards();

describeWith(['pebble', ...needsOfUacme, ...bindPrograms], 'others behind Alibaba’s load balancer', () => {
  let certfleet: Certfleet;
  beforeAll(async () => {
    certfleet = await buildCertfleet();
  });

  it('users see no error and no wrong answer, and another ACME client renews by the fallback', async () => {
    const rules = [{ name: 'shop', domain: 'shop.example.test', url: '/shop' }];
    const cluster = await startCluster({ rules, clb: { changeMs: 20, secondMs: 20 } });
    const folder = await temporaryFolder('traffic');
    const challenges = join(folder, 'challenges');
    await mkdir(challenges);
    for (const node of cluster.nodes) node.challengeFolder = challenges;
    const before = cluster.clb.snapshot();
    const config = join(folder, 'certfleet.yaml');
    const store = join(folder, 'store');
    const names = ['abc', 'two', 'shop'];
    const [, other] = cluster.nodes;
    const proxy = await startAcmeProxy({
      directoryUrl: cluster.pebble.directoryUrl,
      caFile: cluster.pebble.caFile,
    });
    const configuration = cluster.configuration(store, {
      identifiers: Object.fromEntries(names.map((name) => [name, [`${name}.example.test`]])),
      solver: { fallback: `${other!.address}:${other!.port}` },
    });
    const issuer = { directory: proxy.directoryUrl, caFile: proxy.caFile, agreeToTerms: true, test: true };
    await writeFile(config, JSON.stringify({ ...configuration, issuers: { pebble: issuer } }));
    const run = (...args: string[]) => certfleet([...args, '--config', config]);

    const port = cluster.clb.port(80);
    // A host with rules has no other paths here (404 for the rest), so its users stay below its rule.
    const traffic = startTraffic({
      port,
      hosts: ['abc.example.test', 'other.example.test', 'third.example.test', 'shop.example.test'],
      path: (nth) => (nth % 4 === 3 ? `/shop/${nth}` : nth % 5 === 0 ? '/.well-known/other' : `/page/${nth}`),
      expected: (_host, path) => new RegExp(`^[abc] GET ${path.replace('.', '\\.')}$`),
      perSecond: 250,
      total: circleRequests,
    });
    const issued = await run('issue');
    succeeded(issued);
    for (const name of names) expect(issued.stdout).toMatch(new RegExp(`^${name}: issued, valid until `, 'm'));
    const renew = async () => {
      const ours = await run('renew', '--force');
      succeeded(ours);
      for (const name of names) expect(ours.stdout).toMatch(new RegExp(`^${name}: renewed, valid until `, 'm'));
    };
    const renewed = new Set<string>();
    for (let times = 0; times < 2 || !traffic.isOver; times++) {
      // The other client renews while our rules are up: our orders wait for the CA until it is done. An order whose name
      // is still validated has no challenge, so it waits to be finalized: Pebble uses 1 authorization of 100 again.
      let go = () => {};
      const released = new Promise<void>((resolve) => {
        go = resolve;
      });
      const held = proxy.fault({
        on: ['challenge', 'finalize'],
        times: Infinity,
        what: { type: 'hold', when: 'before', until: released },
      });
      const ours = renew();
      await until(() => held.hits >= names.length, {
        what: 'all orders wait for the CA',
        deadlineMs: 30_000,
      });
      try {
        renewed.add(await uacme({ folder, challenges }, cluster.pebble, times === 0 ? 'new' : 'again'));
      } finally {
        go();
        held.remove();
      }
      await ours;
      if (!traffic.isOver) await renew();
    }
    const result = await traffic.done;
    expect(result.wrong).toEqual([]);
    expect(result.perSecond).toBeGreaterThan(200);
    expect(result.kept).toBeGreaterThan(0.2 * circleRequests);
    expect(result.fresh).toBeGreaterThan(0.4 * circleRequests);
    expect(renewed.size).toBeGreaterThan(1);
    // The responder has asked them, on behalf of the CA, which names its port in the Host header.
    const passedOn = other!.requests.filter(
      ({ url, headers }) =>
        headers['user-agent'] === 'certfleet' &&
        headers.host === `other.example.test:${port}` &&
        url.startsWith('/.well-known/acme-challenge/'),
    );
    // On a slow machine, a challenge may also come while the rules are not up, and then without the responder.
    expect(new Set(passedOn.map(({ url }) => url)).size).toBeGreaterThan(0);
    await cluster.clb.settled();
    expect(cluster.clb.snapshot()).toEqual(before);
    expect([...(await documents(store, 'lock')).keys()]).toEqual([]);
    expect((await get(port, 'abc.example.test', '/.well-known/acme-challenge/abc')).status).toBe(404);
  });
});
