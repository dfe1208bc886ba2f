import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import haproxyBalancer from '../../src/balancers/haproxy.ts';
import { bindPrograms, startBind } from '../support/bind.ts';
import { buildCertfleet, type Certfleet, documents, succeeded } from '../support/e2e.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { startNginx } from '../support/nginx.ts';
import { startPebble } from '../support/pebble.ts';
import { isLong, sampled } from '../support/seeded.ts';
import { freePort, portAccepts, temporaryFolder, until } from '../support/service.ts';
import { circleRequests, getOnce, startTraffic } from '../support/steady-traffic.ts';
import { needsOfUacme, uacme } from '../support/uacme.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { startWebNodes, webAnswer } from '../support/web-nodes.ts';

// The whole circle behind HAProxy and nginx: the CA is Pebble, the nodes are three processes, and another ACME client
// (uacme) renews behind the same proxy.

stopAllAfterwards();

interface Front {
  readonly port: number;
  /** In `certfleet.yaml`. */
  readonly balancer: object;
  /** The file that the balancer changes. */
  readonly file: string;
}

async function behindHaproxy(backends: readonly string[]): Promise<Front> {
  const folder = await temporaryFolder('front');
  const file = join(folder, 'acme.map');
  await writeFile(file, '# of others\n');
  const line = /```haproxy\n([^`]+)\n```/.exec(haproxyBalancer.notes ?? '')?.[1] ?? '';
  const { socket, httpPort } = await startHaproxy({
    certificates: join(folder, 'certs'),
    frontend: [line.replaceAll('/etc/haproxy/certfleet-acme.map', file)],
    backends,
  });
  return { port: httpPort, file, balancer: { type: 'haproxy', sockets: [socket], map: file } };
}

async function behindNginx(backends: readonly string[]): Promise<Front> {
  const file = join(await temporaryFolder('front'), 'acme.conf');
  await writeFile(file, '# of others\n');
  const port = await freePort();
  const server = await startNginx({ workers: 2 });
  await server.configure(
    [],
    `upstream web { ${backends.map((one) => `server ${one};`).join(' ')} }
     server {
       listen 127.0.0.1:${port} default_server;
       include ${file};
       location / { proxy_pass http://web; proxy_set_header Host $http_host; }
     }`,
  );
  const [program, ...args] = server.reloadCommand;
  await promisify(execFile)(program, args);
  await until(() => portAccepts(port), { what: 'nginx listens for the CA' });
  const balancer = {
    type: 'nginx',
    file,
    address: `127.0.0.1:${port}`,
    test: server.testCommand,
    reload: server.reloadCommand,
  };
  return { port, file, balancer };
}

describeWith(['pebble', 'haproxy', 'nginx', ...needsOfUacme, ...bindPrograms], 'three nodes behind a proxy', () => {
  let certfleet: Certfleet;
  beforeAll(async () => {
    certfleet = await buildCertfleet();
  });

  const fronts: readonly [string, (backends: readonly string[]) => Promise<Front>][] = [
    ['HAProxy', behindHaproxy],
    ['nginx', behindNginx],
  ];
  it.each(sampled(fronts, 1, 'fronts'))(
    '%s: fails without the rule, succeeds with it, and neither users nor another ACME client notice',
    async (_title, startFront) => {
      const folder = await temporaryFolder('proxies');
      const challenges = join(folder, 'challenges');
      await mkdir(challenges);
      const nodes = await startWebNodes(3, challenges);
      const front = await startFront(nodes.map(({ address }) => address));
      const bind = await startBind({ zones: [{ name: 'example.test', records: ['@ A 127.0.0.1', '* A 127.0.0.1'] }] });
      const pebble = await startPebble({ dnsServer: bind.server, httpPort: front.port });
      const listen = `127.0.0.1:${await freePort()}`;
      const names = ['abc', 'two', 'three'];
      const store = join(folder, 'store');
      const home = async (solver: object) => {
        const config = join(folder, 'certfleet.yaml');
        const issuer = { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true };
        await writeFile(
          config,
          JSON.stringify({
            store: { type: 'file', path: store },
            issuers: { pebble: issuer },
            balancers: { edge: front.balancer },
            solvers: { web: { listen, ...solver } },
            certificates: names.map((name) => ({
              name,
              identifiers: [`${name}.example.test`, `x-${name}.example.test`],
            })),
            preflight: { resolvers: [bind.server], http01Port: front.port },
          }),
        );
        return (...args: string[]) => certfleet([...args, '--config', config]);
      };

      const without = await (await home({ type: 'http01-responder' }))('issue', 'abc', '--ignore-preflight');
      expect(without.status).not.toBe(0);

      const run = await home({ type: 'http01-forward-rule', balancer: 'edge' });
      const traffic = startTraffic({
        port: front.port,
        hosts: ['abc.example.test', 'other.example.test', 'third.example.test'],
        path: (nth) => (nth % 5 === 0 ? '/.well-known/other' : `/page/${nth}`),
        expected: webAnswer,
        perSecond: 250,
        total: circleRequests,
      });
      const issued = await run('issue');
      succeeded(issued);
      for (const name of names) expect(issued.stdout).toMatch(new RegExp(`^${name}: issued, valid until `, 'm'));
      const renewed = new Set<string>();
      const leastRenewals = isLong ? 3 : 2;
      for (let times = 0; times < leastRenewals || !traffic.isOver; times++) {
        const [ours, theirs] = await Promise.all([
          run('renew', '--force'),
          uacme({ folder, challenges }, pebble, times === 0 ? 'new' : 'again'),
        ]);
        succeeded(ours);
        for (const name of names) expect(ours.stdout).toMatch(new RegExp(`^${name}: renewed, valid until `, 'm'));
        renewed.add(theirs);
      }
      const result = await traffic.done;
      expect(result.wrong).toEqual([]);
      expect(result.perSecond).toBeGreaterThan(200);
      expect(await readFile(front.file, 'utf8')).toBe('# of others\n');
      expect(renewed.size).toBeGreaterThanOrEqual(leastRenewals);
      expect([...(await documents(store, 'lock')).keys()]).toEqual([]);
      const gone = await getOnce(front.port, 'abc.example.test', '/.well-known/acme-challenge/abc');
      expect(gone.status).toBe(404);
    },
  );
});
