import { access, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Hop } from '../../src/core/request-path/hop.ts';
import { balancerId, type Cluster, type ClusterConfiguration, startCluster } from '../support/alibaba-cluster.ts';
import { bindPrograms } from '../support/bind.ts';
import { untranslatedIn } from '../support/chinese.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, succeeded } from '../support/e2e.ts';
import { sampled } from '../support/seeded.ts';
import { atEnd, freePort, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// `certfleet doctor` on real parts: each way in which the CA's path breaks, and what it says about it.

stopAllAfterwards();

type Shown = readonly [at: string, state: Hop['state'], reason?: string];

describeWith(['pebble', ...bindPrograms], 'certfleet doctor', () => {
  let certfleet: Certfleet;
  let cluster: Cluster;
  beforeAll(async () => {
    [certfleet, cluster] = await Promise.all([buildCertfleet(), startCluster()]);
  });

  interface Home {
    readonly store: string;
    readonly run: Certfleet;
    /** Writes another configuration for the same store. */
    change(options: ClusterConfiguration & { readonly port?: number }): Promise<void>;
    /** The hops of abc, and the exit code. */
    doctor(): Promise<{
      readonly shown: readonly Shown[];
      readonly hops: readonly Hop[];
      readonly status: number | string;
    }>;
  }

  async function home(at: Cluster, options: ClusterConfiguration & { readonly port?: number } = {}): Promise<Home> {
    const folder = await temporaryFolder('doctor');
    const [store, config] = [join(folder, 'store'), join(folder, 'certfleet.yaml')];
    const change: Home['change'] = async ({ port, ...rest }) => {
      const made = at.configuration(store, rest) as { readonly preflight: object };
      const preflight = { ...made.preflight, ...(port === undefined ? {} : { http01Port: port }) };
      await writeFile(config, JSON.stringify({ ...made, preflight }));
    };
    await change(options);
    const run: Certfleet = (args, how) => certfleet([...args, '--config', config], how);
    return {
      store,
      run,
      change,
      async doctor() {
        const ran = await run(['doctor', 'abc', '--json']);
        const path = ran.events.find((event) => (event as { object?: string }).object === 'path');
        if (!path) throw new Error(`no path:\n${ran.stdout}${ran.stderr}`);
        const { hops } = path as unknown as { readonly hops: readonly Hop[] };
        const shown = hops.map(
          ({ at: place, state, reason }): Shown => (reason ? [place, state, reason] : [place, state]),
        );
        // What a cloud says stays as it is.
        expect(untranslatedIn(hops.filter(({ at, state }) => at !== 'listener' || state === 'well'))).toEqual([]);
        return { shown, hops, status: ran.status };
      },
    };
  }

  /** A server in the place of port 80. */
  async function edge(answer: RequestListener): Promise<number> {
    const server = createServer(answer);
    const port = await freePort();
    await new Promise<void>((opened) => server.listen(port, '127.0.0.1', opened));
    atEnd(() => {
      server.close();
      server.closeAllConnections();
    });
    return port;
  }

  const responder = (port?: number) => ({
    solver: { type: 'http01-responder', balancer: undefined },
    ...(port === undefined ? {} : { port }),
  });

  it('says which rule an order would add, and changes nothing', async () => {
    const before = cluster.clb.snapshot();
    const at = await home(cluster);
    const { shown, hops, status } = await at.doctor();
    expect(shown).toEqual([
      ['name', 'well'],
      ['listener', 'well'],
      ['rights', 'well'],
      ['rule', 'well'],
      ['group', 'well'],
      ['responder', 'well'],
      ['answer', 'well'],
    ]);
    expect(hops[1]?.finding).toContain('0 rules, room for 40 more');
    expect(hops[3]?.finding).toContain('adds one for every host without rules of its own');
    expect(hops[4]?.finding).toContain(`i-node1:${cluster.responderPort}`);
    expect(status).toBe(0);
    expect(cluster.clb.snapshot()).toEqual(before);
    // What it tries for the rights is refused.
    const changes = cluster.clb.records.filter(
      ({ action, code }) => !action.startsWith('Describe') && code === undefined,
    );
    expect(changes).toEqual([]);
    await expect(access(at.store)).rejects.toThrow('ENOENT');

    const plain = await at.run(['doctor', 'abc']);
    expect(plain.stdout).toMatch(
      /^abc: abc\.example\.test by http-01, solver web\n {2}├ ✓ name {6}abc\.example\.test has 127/,
    );
    expect(plain.stdout).toMatch(/^ {2}└ ✓ answer {4}127\.0\.0\.1 answers 200 \("[abc] GET /m);
    expect(plain.stdout).toContain('Doctor: all is well.');
    expect((await at.run(['doctor', 'abd'])).status).toBe(7); // there is no store that could have it
  });

  itDrawn('follows a rule that stays to the responder, and notices when nothing answers behind it', async () => {
    const own = await startCluster();
    const at = await home(own, { solver: { keep: true } });
    succeeded(await at.run(['issue']));
    const kept = own.clb.snapshot();
    const good = await at.doctor();
    expect(good.shown).toEqual([
      ['name', 'well'],
      ['listener', 'well'],
      ['rights', 'well'],
      ['rule', 'well'],
      ['group', 'well'],
      ['responder', 'well'],
      ['health', 'well'],
      ['answer', 'well'],
    ]);
    expect(good.hops.at(-1)?.finding).toContain('gives certfleet');
    expect(good.status).toBe(0);

    await own.bind.update('example.test', 'add abc.example.test. 60 A 127.0.0.1', 'add abc.example.test. 60 AAAA ::1');
    const ipv6 = await at.doctor();
    expect(ipv6.shown.slice(-2)).toEqual([
      ['answer', 'well'],
      ['answer', 'broken', 'ipv6-not-served'],
    ]);
    expect(ipv6.status).toBe(3);
    await own.bind.update('example.test', 'delete abc.example.test. AAAA', 'add abc.example.test. 60 AAAA 2001:db8::1');
    expect((await at.doctor()).shown.slice(-2)).toEqual([
      ['answer', 'well'],
      ['answer', 'cannot-tell', 'ipv6-not-served'],
    ]);
    await own.bind.update('example.test', 'delete abc.example.test. AAAA');

    // As if a security group closed the port: the responder is elsewhere, and the balancer does not reach it.
    await at.change({ solver: { keep: true, listen: `127.0.0.11:${await freePort()}` } });
    const closed = await at.doctor();
    expect(closed.shown.slice(-2)).toEqual([
      ['health', 'broken', 'security-group'],
      ['answer', 'broken', 'no-healthy-backend'],
    ]);
    expect(closed.hops.at(-2)?.finding).toContain('100.64.0.0/10');
    expect(closed.status).toBe(5);
    expect(own.clb.snapshot()).toEqual(kept);
  });

  itDrawn('cannot tell whether a server exists that the balancer leads nothing to', async () => {
    const { shown, hops, status } = await (
      await home(cluster, { balancer: { backend: { serverId: 'i-nope' } } })
    ).doctor();
    expect(shown).toContainEqual(['group', 'cannot-tell']);
    expect(hops.find(({ at }) => at === 'group')?.finding).toContain('whether there is a server i-nope');
    expect(status).toBe(0);
  });

  itDrawn('a rule of others takes the path, or there is no room for one', async () => {
    const url = '/.well-known/acme-challenge/';
    const taken = await startCluster({ rules: [{ name: 'theirs', domain: 'abc.example.test', url }] });
    const first = await (await home(taken)).doctor();
    expect(first.shown).toContainEqual(['rule', 'broken', 'rule-of-others']);
    expect(first.hops.find(({ at }) => at === 'rule')?.finding).toMatch(/^theirs takes .*cannot add one/);
    expect(first.status).toBe(5);

    const rules = Array.from({ length: 40 }, (_, i) => ({ name: `r${i}`, domain: `r${i}.example.test` }));
    const full = await (await home(await startCluster({ rules }))).doctor();
    expect(full.shown).toContainEqual(['rule', 'broken', 'no-room']);
  });

  itDrawn('a listener that redirects to one that is not there', async () => {
    const listeners = [{ protocol: 'http', port: 80, forwardPort: 443 }] as const;
    const own = await startCluster({ clb: { loadBalancers: [{ id: balancerId, listeners }] } });
    const { shown, status } = await (await home(own)).doctor();
    expect(shown).toContainEqual(['listener', 'broken', 'redirect-listener']);
    expect(status).toBe(5);
  });

  it.each<[string, object, string]>([
    ['a wrong key', { accessKeySecret: 'wrong' }, 'balancer/refused'],
    ['an unknown balancer', { loadBalancer: 'lb-nowhere' }, 'balancer/not-found'],
  ])('%s is named at the listener, and the rest is looked at', async (_what, balancer, code) => {
    const { hops, shown, status } = await (await home(cluster, { balancer })).doctor();
    expect(shown).toEqual([
      ['name', 'well'],
      ['listener', 'broken'],
      ['responder', 'well'],
      ['answer', 'well'],
    ]);
    expect(hops[1]?.code).toBe(code);
    expect(JSON.stringify(hops)).not.toContain('certfleet-secret');
    expect(status).toBe(5);
  });

  it.each(
    sampled<[string, RequestListener, Shown]>(
      [
        [
          'a redirect that loses the path',
          (_request, response) => response.writeHead(301, { location: 'https://abc.example.test/' }).end(),
          ['answer', 'broken', 'redirect-loses-path'],
        ],
        [
          'a redirect to the metadata server',
          ({ url }, response) => response.writeHead(302, { location: `http://169.254.169.254${url}` }).end(),
          ['answer', 'broken', 'not-fetched'],
        ],
        [
          'the page of a provider for names without a filing',
          (_request, response) =>
            response.writeHead(403).end('<html><head><title>Non-compliance ICP Filing</title></head></html>'),
          ['answer', 'broken', 'icp-filing'],
        ],
        [
          'another server',
          (_request, response) => response.writeHead(200).end('<h1>Shop</h1>'),
          ['answer', 'broken', 'wrong-backend'],
        ],
      ],
      2,
      'answers of others',
    ),
  )('%s', async (_what, answer, expected) => {
    const at = await home(cluster, responder(await edge(answer)));
    const { shown, status } = await at.doctor();
    expect(shown).toEqual([['name', 'well'], ['responder', 'well'], expected]);
    expect(status).toBe(3);
  });

  itDrawn('a proxy that sends a PROXY protocol line, and none', async () => {
    const port = await freePort();
    const [address = '', to = ''] = (cluster.responders[0] ?? '').split(':');
    let line = 'PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n';
    const proxy = net.createServer((client) => {
      const server = net.connect(Number(to), address);
      server.write(line);
      client.pipe(server).pipe(client);
      for (const one of [client, server]) one.on('error', () => undefined);
    });
    await new Promise<void>((opened) => proxy.listen(port, '127.0.0.1', opened));
    atEnd(() => void proxy.close());
    const at = await home(cluster, responder(port));
    expect((await at.doctor()).shown.at(-1)).toEqual(['answer', 'broken', 'proxy-protocol']);
    line = '';
    const good = await at.doctor();
    expect(good.shown.at(-1)).toEqual(['answer', 'well']);
    expect(good.status).toBe(0);
  });

  it('nobody listens', async () => {
    const at = await home(cluster, responder(await freePort()));
    expect((await at.doctor()).shown.at(-1)).toEqual(['answer', 'broken', 'nothing-listens']);
  });

  it('walks from the name to the servers of the zone with DNS-01', async () => {
    const { server, key } = cluster.bind;
    const folder = await temporaryFolder('doctor-key');
    const secret = join(folder, 'secret');
    await writeFile(secret, key.secret, { mode: 0o600 });
    const solver = (nameservers: readonly string[]) => ({
      type: 'dns01',
      balancer: undefined,
      listen: undefined,
      provider: 'rfc2136',
      options: { server, keyName: key.name, secret: `file:${secret}` },
      dns: { zone: 'example.test', nameservers },
    });
    const at = await home(cluster, { solver: solver([server]) });
    const hidden = await at.doctor();
    expect(hidden.shown.slice(0, 2)).toEqual([
      ['zone', 'well'],
      ['zone', 'broken'],
    ]);
    expect(hidden.hops[1]?.code).toBe('preflight/hides-wildcard');
    await cluster.bind.update('example.test', 'add abc.example.test. 60 A 127.0.0.1');
    const good = await at.doctor();
    expect(good.shown.slice(0, 2)).toEqual([
      ['zone', 'well'],
      ['server', 'well'],
    ]);
    expect(good.status).toBe(0);
    await at.change({ solver: solver([server, '169.254.169.254']) });
    expect((await at.doctor()).shown).toContainEqual(['server', 'broken', 'not-fetched']);
  });
});
