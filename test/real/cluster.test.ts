import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import type { NodeStatus } from '../../src/core/node/node-status.ts';
import type { ReplicaDocument } from '../../src/core/node/replica.ts';
import type { Role } from '../../src/core/node/running.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  buildCertfleet,
  type Certfleet,
  documents,
  openStore,
  type Ran,
  readLineage,
  rewriteLineage,
  succeeded,
} from '../support/e2e.ts';
import { type Machine, type Port, startBalancerOf, startMachine } from '../support/machines.ts';
import { startNginx } from '../support/nginx.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { machines } from '../support/rights.ts';
import { freePort, temporaryFolder, until } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// Three nodes that keep running on one store. Each is a machine of its own, with its own nginx and a responder. The CA's
// requests reach one of them by turns.

stopAllAfterwards();

const { signal } = new AbortController();
const name = 'www';
const host = 'www.cluster.test';
const dayMs = 86_400_000;
/** Another machine's process is taken for dead after this time. */
const leaseTtl = '3s';
/** How soon every node serves a new version. */
const promisedMs = 10_000;

interface Process {
  saw(text: string): Promise<unknown>;
  readonly ended: Promise<Ran>;
}

interface Node extends Machine {
  readonly config: string;
  start(role?: Role): Process;
  run(...args: readonly string[]): ReturnType<Certfleet>;
  /** kill -9 of its process. */
  kill(): Promise<void>;
  served(): Promise<string | undefined>;
  /** How often its command has run. */
  commands(): Promise<number>;
}

describeWith(['nginx', 'pebble', 'nsenter', machines], 'three nodes that keep running', () => {
  let certfleet: Certfleet;
  let pebble: Pebble;
  let folder: string;
  let store: string;
  let nodes: Readonly<Record<'a' | 'b' | 'c', Node>>;

  beforeAll(async () => {
    [certfleet, pebble] = await Promise.all([buildCertfleet(), startPebble()]);
    folder = await temporaryFolder('cluster');
    store = join(folder, 'store');
    const [a, b, c] = await Promise.all([startNode('a'), startNode('b'), startNode('c')]);
    nodes = { a, b, c };
    const all = [a, b, c].map((node) => ({ machine: node.name, port: pebble.httpPort }));
    await startBalancerOf(pebble.httpPort, folder, all);
    for (const node of [a, b, c]) await node.start('responder').saw('answering the challenges of all nodes');
    for (const node of [a, b, c]) node.start();
    const isIssued = async () => (await documents(store, 'lineage')).has(name) && (await current()) !== undefined;
    await until(isIssued, { what: 'it is issued' });
    await served(a, b, c);
  }, 120_000);

  async function startNode(node: string): Promise<Node> {
    const certs = join(folder, node);
    await mkdir(certs, { recursive: true });
    const httpsPort = await freePort();
    const port = (url: string): number => Number(/:(\d+)/.exec(url.replace('https:', ''))![1]);
    const dns = port(pebble.dnsServer);
    const outside: readonly Port[] = [
      { kind: 'tcp', port: port(pebble.directoryUrl) },
      { kind: 'tcp', port: dns },
      { kind: 'udp', port: dns },
    ];
    const inside: readonly Port[] = [
      { kind: 'tcp', port: pebble.httpPort },
      { kind: 'tcp', port: httpsPort },
    ];
    const machine = await startMachine(node, folder, { outside, inside });
    const nginx = await startNginx({ inside: machine.inside, httpsPort });
    await nginx.configure([{ serverName: host, certificate: join(certs, `nginx/live/${name}`) }]);
    await startBalancerOf(httpsPort, folder, [{ machine: node, port: httpsPort }]);
    const config = join(folder, `${node}.json`);
    const log = join(folder, `${node}.log`);
    const { testCommand: test, reloadCommand: reload } = nginx;
    await writeFile(
      config,
      JSON.stringify({
        ...{ leaseTtl, store: { type: 'file', path: store } },
        // For `certfleet run`; the responder beside it leaves it alone.
        listen: `unix:${join(folder, node)}.sock`,
        issuers: { pebble: { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true } },
        solvers: { web: { type: 'http01-responder', listen: `127.0.0.1:${pebble.httpPort}` } },
        deployers: {
          web: { type: 'nginx', path: join(certs, 'nginx'), test, reload },
          log: { type: 'command', run: `echo "$RENEWED_LINEAGE" >> ${log}` },
        },
        certificates: [{ name, identifiers: [host], deploy: ['web', 'log'] }],
        preflight: { resolvers: [pebble.dnsServer], http01Port: pebble.httpPort },
      }),
    );
    const run = (args: readonly string[], options = {}) =>
      certfleet([...args, '--config', config], { inside: machine.inside, ...options });
    return {
      ...{ ...machine, config },
      run: (...args) => run(args),
      start(role = 'node') {
        let output = '';
        const ended = run(['run', '--json', '--role', role], { seen: (all: string) => (output = all) });
        const saw = (text: string) =>
          until(() => output.includes(text), { what: `${node} says ${text}: ${output.slice(-3_000)}` });
        return { ended, saw };
      },
      async kill() {
        const { pid } = (await replicaOf(node)).running!.node!.lease!.holder;
        const [program, ...args] = [...machine.inside, 'kill', '-9', `${pid}`];
        await promisify(execFile)(program!, args);
      },
      served: async () => (await shakeHands(httpsPort, host)).fingerprint,
      commands: async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').length - 1,
    };
  }

  const replicaOf = async (node: string) =>
    JSON.parse((await documents(store, 'replica')).get(node) ?? '{}') as ReplicaDocument;
  const current = async () => (await readLineage(store, name)).current?.facts.fingerprint;

  /** Waits until nodes serve the current version, and returns how long that took in ms. */
  async function served(...of: readonly Node[]): Promise<number> {
    const sinceMs = performance.now();
    const fingerprint = await current();
    for (const node of of)
      await until(async () => (await node.served()) === fingerprint, {
        what: `${node.name} serves ${fingerprint}`,
        everyMs: 50,
      });
    return performance.now() - sinceMs;
  }

  /** Makes the certificate due, and waits until one of the nodes has renewed it. */
  async function renew(): Promise<void> {
    const before = await current();
    await rewriteLineage(store, name, (lineage) => ({
      ...lineage,
      renewal: { ...lineage.renewal!, at: new Date().toISOString() },
    }));
    await until(async () => (await current()) !== before, { what: 'it is renewed', everyMs: 25 });
  }

  const nodesIn = ({ events }: Ran) =>
    (events as unknown as readonly (NodeStatus & { readonly object: string })[]).filter((one) => one.object === 'node');

  /** Waits until the status, as a node tells it, shows that no node lacks anything. */
  const settled = () =>
    until(
      async () => {
        const status = await nodes.a.run('status', '--json');
        succeeded(status);
        const found = nodesIn(status);
        return found.every(({ lacks }) => lacks.length === 0) && found;
      },
      { what: 'no node lacks anything' },
    );

  it('serve every new version within seconds, wherever the request of the CA arrives', async () => {
    const all = Object.values(nodes);
    const took: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      await renew();
      took.push(await served(...all));
    }
    console.info(`all three served a new version after ${took.map((ms) => (ms / 1_000).toFixed(1)).join(', ')} s`);
    expect(Math.max(...took)).toBeLessThan(promisedMs);
    const found = await settled();
    expect(found.map(({ node }) => node)).toEqual(['a', 'b', 'c']);
    for (const { running, missingSince } of found)
      expect([running?.map(({ role }) => role), missingSince]).toEqual([['node', 'responder'], undefined]);
    expect((await nodes.a.run('status')).stdout).toMatch(/^b +running since /m);
    expect((await documents(store, 'token')).size).toBe(0);
  });

  it('refuse a second process of a name while the first one lives, on its own machine and on another one', async () => {
    const { a, b } = nodes;
    const same = await a.run('run');
    expect([same.status, same.stderr]).toEqual([7, expect.stringMatching(/already runs as the node a .* on a\)/)]);
    const other = await b.run('run', '--node', 'a');
    expect([other.status, other.stderr]).toEqual([7, expect.stringMatching(/already runs as the node a .* on a\)/)]);
    expect(other.stderr).toContain('(--node, or `node` in the configuration)');
    const slash = await a.run('run', '--node', 'rack/1');
    expect([slash.status, slash.stderr]).toEqual([
      2,
      expect.stringContaining('--node rack/1: expected a name of 1 to 100'),
    ]);
  });

  itDrawn('come back by themselves after kill -9 of a process, also in the middle of an order', async () => {
    const { a, b, c } = nodes;
    // On its own machine, the death is proven.
    await b.kill();
    const again = b.start();
    await again.saw('"run.started"');
    await until(async () => (await replicaOf('b')).running?.node?.lease?.beat === 1, { what: 'it has the name again' });

    const before = await current();
    await rewriteLineage(store, name, (lineage) => ({
      ...lineage,
      renewal: { ...lineage.renewal!, at: new Date().toISOString() },
    }));
    const holder = await until(async () => (await readLineage(store, name)).work?.lease?.holder.host, {
      what: 'one of them works on it',
      everyMs: 1,
    });
    const killed = nodes[holder as keyof typeof nodes];
    await killed.kill();
    const others = [a, b, c].filter((node) => node !== killed);
    await until(async () => (await current()) !== before, { what: 'another one has renewed it' });
    await served(...others);
    killed.start();
    await served(killed);
    await settled();
  });

  itDrawn('come back by themselves after a machine was off, with the current version alone', async () => {
    const { a, b, c } = nodes;
    const ran = await c.commands();
    await c.powerOff();
    for (let round = 0; round < 2; round += 1) {
      await renew();
      await served(a, b);
    }
    // The same name in another container: nothing proves that the first one is dead, so silence must.
    const next = await startNode('c');
    nodes = { ...nodes, c: next };
    const sinceMs = performance.now();
    await next.start('responder').saw('answering');
    next.start();
    await served(next);
    console.info(
      `a node of a name that was killed was back after ${((performance.now() - sinceMs) / 1_000).toFixed(1)} s`,
    );
    await settled();
    expect(await next.commands()).toBe(ran + 1);
  });

  itDrawn('tell of a node that is away, forget it after a week, and know it again', async () => {
    const { a, c } = nodes;
    await c.powerOff();
    const put = async (change: (document: ReplicaDocument) => ReplicaDocument) => {
      const opened = openStore(store);
      const key = { kind: 'replica', name: 'c' } as const;
      const { bytes, revision } = (await opened.get(key, signal))!;
      const document = change(JSON.parse(new TextDecoder().decode(bytes)) as ReplicaDocument);
      await opened.put(key, encodeDocument(document), { ifRevision: revision, signal });
    };
    const weekAgo = new Date(Date.now() - 8 * dayMs).toISOString();
    await put(({ running, ...document }) => ({
      ...{ ...document, runs: [weekAgo] },
      running: { node: { ...running!.node!, at: weekAgo } },
    }));
    const told = await a.run('renew', '--json');
    succeeded(told);
    const ofNodes = ({ events }: Ran) => events.filter(({ event }) => event.startsWith('node.'));
    expect(ofNodes(told)).toMatchObject([{ level: 'alarm', event: 'node.missing', data: { node: 'c', what: 'node' } }]);
    expect((await a.run('status')).stdout).toMatch(
      /^The node c is missing: `certfleet run .* gave its last sign of life/m,
    );
    expect(ofNodes(await a.run('renew', '--json'))).toEqual([]);
    await put((document) => ({ ...document, missingTold: { what: 'node', at: weekAgo } }));
    expect(ofNodes(await a.run('renew', '--json'))).toMatchObject([{ event: 'node.forgotten', data: { node: 'c' } }]);
    expect(await replicaOf('c')).toEqual({});

    await renew();
    const next = await startNode('c');
    nodes = { ...nodes, c: next };
    next.start();
    await served(...Object.values(nodes));
    expect((await settled()).map(({ node }) => node)).toEqual(['a', 'b', 'c']);
  });
});
