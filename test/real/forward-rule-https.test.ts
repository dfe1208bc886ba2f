import { writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { startCluster } from '../support/alibaba-cluster.ts';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, outcomesOf, readLineage, stderrOf, succeeded } from '../support/e2e.ts';
import { atEnd, temporaryFolder } from '../support/service.ts';
import { shakeHands, shakeHandsUntilStopped } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// Certificates on the balancer's own HTTPS listener: from the order behind its port 80 to what its users are shown.

stopAllAfterwards();

describeWith(['pebble', 'openssl', ...bindPrograms], 'the HTTPS listener of Alibaba’s load balancer', () => {
  let certfleet: Certfleet;
  beforeAll(async () => {
    certfleet = await buildCertfleet();
  });

  /** Certificates by name, each for one host; the listener's own is for the first host. */
  async function start(hosts: Readonly<Record<string, string>>, changeMs = 0) {
    const [first] = Object.values(hosts);
    const cluster = await startCluster({ https: [first!], clb: { changeMs, secondMs: 20 } });
    const front = await startFront(cluster.clb.port(443));
    const folder = await temporaryFolder('https');
    const [store, config] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
    const configuration = {
      ...cluster.configuration(store),
      deployers: { 'slb-https': { type: 'alibaba-clb', balancer: 'slb', listenerPort: 443 } },
      certificates: Object.entries(hosts).map(([name, host]) => ({
        ...{ name, identifiers: [host], deploy: ['slb-https'], endpoints: [`${host}:${front.port}`] },
      })),
      // Also how long a run watches an endpoint.
      deployTimeout: '2s',
    };
    await writeFile(config, JSON.stringify(configuration));
    const run = (...args: string[]) => certfleet([...args, '--config', config]);
    const current = async (name: string) => (await readLineage(store, name)).current?.facts.fingerprint;
    const served = async (host: string) => (await shakeHands(cluster.clb.port(443), host)).fingerprint;
    return { cluster, front, run, current, served };
  }

  it('two certificates on one listener are renewed without a failed handshake', async () => {
    const hosts = { abc: 'abc.example.test', shop: 'shop.example.test' };
    const { cluster, run, current, served } = await start(hosts, 20);
    const before = cluster.clb.snapshot();
    const shaking = ['abc', 'shop'].map((name) =>
      shakeHandsUntilStopped(cluster.clb.port(443), `${name}.example.test`, 1),
    );
    const versions: Record<string, (string | undefined)[]> = { abc: [], shop: [] };
    for (const args of [['issue'], ['renew', '--force'], ['renew', '--force']]) {
      succeeded(await run(...args));
      for (const [name, all] of Object.entries(versions)) {
        all.push(await current(name));
        expect(await served(`${name}.example.test`)).toBe(all.at(-1));
      }
    }
    for (const [index, name] of ['abc', 'shop'].entries()) {
      const answers = await shaking[index]!.stop();
      expect(answers.filter(({ error }) => error !== undefined)).toEqual([]);
      const seen = new Set(answers.map(({ fingerprint }) => fingerprint));
      expect(versions[name]!.filter((version) => !seen.has(version))).toEqual([]);
      expect(new Set(versions[name]).size).toBe(3);
    }
    await cluster.clb.settled();
    const after = cluster.clb.snapshot();
    expect(after).toMatchObject({ rules: before.rules, groups: before.groups });
    expect(after.extensions.map(({ domain }) => domain)).toEqual(['shop.example.test']);
    // By hand, and the current and the previous version of each.
    expect(after.certificates).toHaveLength(5);
    const calls = cluster.clb.records.length;
    succeeded(await run('renew'));
    expect(cluster.clb.records, 'what is not due needs no call').toHaveLength(calls);
  });

  itDrawn('a version that breaks the handshake goes back, and comes when a person asks again', async () => {
    const { front, run, current, served } = await start({ abc: 'abc.example.test' });
    const host = 'abc.example.test';
    succeeded(await run('issue'));
    const first = await current('abc');
    expect(await served(host)).toBe(first);

    front.accepts = async () => (await served(host)) === first;
    const broken = await run('renew', '--force');
    expect(broken.status, broken.stderr + broken.stdout).toBe(6);
    expect(stderrOf(broken)).toMatch(/slb-https went back to the previous version/);
    expect(await served(host)).toBe(first);
    const waiting = await run('renew');
    expect(waiting.status, waiting.stderr + waiting.stdout).toBe(6);
    expect(await served(host)).toBe(first);

    front.accepts = async () => true;
    const delivered = await run('issue', '--json');
    expect(outcomesOf(delivered)).toEqual([expect.objectContaining({ certificate: 'abc', result: 'deployed' })]);
    expect(await served(host)).toBe(await current('abc'));
    expect(await served(host)).not.toBe(first);
  });
});

/** Users' way to the listener, which may refuse connections by what is served. */
async function startFront(to: number) {
  const front = { port: 0, accepts: async (): Promise<boolean> => true };
  const server = createServer((socket) => {
    socket.on('error', () => {});
    void front.accepts().then((fine) => {
      if (!fine) return socket.destroy();
      const onward = connect(to, '127.0.0.1');
      onward.on('error', () => socket.destroy());
      socket.on('close', () => onward.destroy());
      socket.pipe(onward).pipe(socket);
    });
  });
  await new Promise<void>((opened) => server.listen(0, '127.0.0.1', opened));
  atEnd(() => void server.close());
  const address = server.address();
  if (typeof address === 'object' && address) front.port = address.port;
  return front;
}
