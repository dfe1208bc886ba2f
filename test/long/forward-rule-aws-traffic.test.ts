import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startAwsCloud } from '../support/aws-cloud.ts';
import { bindPrograms, startBind } from '../support/bind.ts';
import { buildCertfleet, documents, succeeded } from '../support/e2e.ts';
import { makeLocalHttps } from '../support/https.ts';
import { hasMoto } from '../support/moto.ts';
import { startPebble } from '../support/pebble.ts';
import { freePort, temporaryFolder } from '../support/service.ts';
import { startTraffic } from '../support/steady-traffic.ts';
import { needsOfUacme, uacme } from '../support/uacme.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { startWebNodes, webAnswer } from '../support/web-nodes.ts';

// What others behind an Application Load Balancer notice of certfleet: nothing.

const moto = { name: 'python3-moto', works: hasMoto };

stopAllAfterwards();

describeWith(['pebble', moto, ...needsOfUacme, ...bindPrograms], 'others behind an Application Load Balancer', () => {
  it('users see no error and no wrong answer, and another ACME client renews', async () => {
    const folder = await temporaryFolder('alb');
    const challenges = join(folder, 'challenges');
    await mkdir(challenges);
    const [certfleet, web, responder, { certFile, keyFile }] = await Promise.all([
      buildCertfleet(),
      startWebNodes(3, challenges),
      freePort(),
      makeLocalHttps(),
    ]);
    const https = { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
    const cloud = await startAwsCloud({ nodes: web.map(({ address }) => address), https });
    const port = cloud.plane.portOf(80);
    const bind = await startBind({ zones: [{ name: 'example.test', records: ['@ A 127.0.0.1', '* A 127.0.0.1'] }] });
    const pebble = await startPebble({ dnsServer: bind.server, httpPort: port });
    const before = await cloud.snapshot();
    const [store, config] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
    const names = ['abc', 'two', 'three'];
    const configuration = {
      store: { type: 'file', path: store },
      issuers: { pebble: { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true } },
      balancers: {
        alb: {
          type: 'aws-alb',
          region: cloud.region,
          loadBalancer: 'web',
          backend: { instanceId: cloud.instances[0], port: responder },
          accessKeyId: cloud.keys[0]!.id,
          secretAccessKey: cloud.keys[0]!.secret,
          endpoint: cloud.endpoint,
        },
      },
      solvers: { web: { type: 'http01-forward-rule', balancer: 'alb', listen: `127.0.0.1:${responder}` } },
      certificates: names.map((name) => ({ name, identifiers: [`${name}.example.test`] })),
      preflight: { resolvers: [bind.server], http01Port: port },
    };
    await writeFile(config, JSON.stringify(configuration), { mode: 0o600 });
    const run = async (word: string, ...args: string[]) => {
      const ran = await certfleet([...args, '--config', config]);
      succeeded(ran);
      for (const name of names) expect(ran.stdout).toMatch(new RegExp(`^${name}: ${word}, valid until `, 'm'));
    };

    const traffic = startTraffic({
      port,
      hosts: ['abc.example.test', 'other.example.test', 'third.example.test'],
      path: (nth) => (nth % 5 === 0 ? '/.well-known/other' : `/page/${nth}`),
      expected: webAnswer,
      perSecond: 250,
      total: 5_000,
    });
    const theirs = (async () => {
      const renewed = new Set<string>();
      for (let times = 0; times < 2 || !traffic.isOver; times++)
        renewed.add(await uacme({ folder, challenges }, pebble, times === 0 ? 'new' : 'again'));
      return renewed;
    })();
    await run('issued', 'issue');
    while (!traffic.isOver) await run('renewed', 'renew', '--force');
    const result = await traffic.done;
    expect(result.wrong).toEqual([]);
    expect(result.perSecond).toBeGreaterThan(200);
    expect(Math.min(result.kept, result.fresh)).toBeGreaterThan(1_500);
    expect((await theirs).size).toBeGreaterThan(1);
    expect(await cloud.snapshot()).toBe(before);
    expect([...(await documents(store, 'lock')).keys()]).toEqual([]);
  });
});
