import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import type { ReplicaDocument } from '../../src/core/node/replica.ts';
import {
  buildCertfleet,
  type Certfleet,
  documents,
  openStore,
  outcomesOf,
  readLineage,
  succeeded,
} from '../support/e2e.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { onHost, ownHostName } from '../support/rights.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { fingerprintOfFile, shakeHands } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// Three nodes on one store: each runs `renew` by itself, and delivers to its own files and its own nginx. Each is a
// namespace with a host name of its own, by which the store knows it, where that can be made.

stopAllAfterwards();

const { signal } = new AbortController();
const dayMs = 86_400_000;
const name = 'www';
const host = 'www.nodes.test';

interface Node {
  readonly name: string;
  readonly config: string;
  readonly certs: string;
  readonly nginx: Nginx;
  run(...args: readonly string[]): ReturnType<Certfleet>;
  /** The fingerprint that its nginx serves. */
  served(): Promise<string | undefined>;
  /** The fingerprint in its files. */
  inFiles(): Promise<string>;
}

interface Configured {
  readonly deployers: { readonly log: { run: string } };
}

describeWith(['nginx', 'openssl'], 'three nodes on one store', () => {
  let certfleet: Certfleet;
  let pebble: Pebble;
  let folder: string;
  let store: string;

  beforeAll(async () => {
    [certfleet, pebble] = await Promise.all([buildCertfleet(), startPebble()]);
  });

  // A second try begins with a new store and new files.
  beforeEach(async () => {
    folder = await temporaryFolder('nodes');
    store = join(folder, 'store');
  });

  async function startNode(node: string): Promise<Node> {
    const certs = join(folder, node);
    const hasHost = ownHostName.works();
    const config = join(folder, `${node}.json`);
    const nginx = await startNginx();
    // The running nginx has not read it; the first delivery reloads it.
    await nginx.configure([{ serverName: host, certificate: join(certs, `nginx/live/${name}`) }]);
    const { testCommand: test, reloadCommand: reload } = nginx;
    await writeFile(
      config,
      JSON.stringify({
        ...(hasHost ? {} : { node }),
        store: { type: 'file', path: store },
        issuers: { pebble: { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true } },
        solvers: { web: { type: 'http01-responder', listen: `127.0.0.1:${pebble.httpPort}` } },
        deployers: {
          web: { type: 'nginx', path: join(certs, 'nginx'), test, reload },
          files: { type: 'files', path: join(certs, 'files') },
          log: { type: 'command', run: `echo "$RENEWED_LINEAGE" >> ${join(folder, `${node}.log`)}` },
        },
        certificates: [{ name, identifiers: [host], deploy: ['web', 'files', 'log'] }],
        preflight: { resolvers: [pebble.dnsServer], http01Port: pebble.httpPort },
      }),
    );
    return {
      ...{ name: node, config, certs, nginx },
      run: (...args) => certfleet([...args, '--config', config], { inside: hasHost ? onHost(node) : [] }),
      served: async () => (await shakeHands(nginx.httpsPort, host)).fingerprint,
      inFiles: () => fingerprintOfFile(join(certs, `files/live/${name}/cert.pem`)),
    };
  }

  const current = async () => (await readLineage(store, name)).current!.facts.fingerprint;
  const serves = (node: Node, fingerprint: string) =>
    until(async () => (await node.served()) === fingerprint, { what: `${node.name} serves ${fingerprint}` });
  const replicaOf = async (node: string) =>
    JSON.parse((await documents(store, 'replica')).get(node) ?? '{}') as ReplicaDocument;
  const logOf = async (node: string) => (await readFile(join(folder, `${node}.log`), 'utf8')).trim().split('\n');

  it('each get every version by their own runs, and status says what each lacks', async () => {
    const [a, b, c] = await Promise.all([startNode('a'), startNode('b'), startNode('c')]);
    succeeded(await a.run('issue'));
    const first = await current();
    await serves(a, first);

    // Each delivers what it lacks, in a run in which nothing is due.
    for (const node of [b, c]) {
      const done = await node.run('renew', '--json');
      succeeded(done);
      expect(outcomesOf(done)).toMatchObject([{ certificate: name, result: 'deployed' }]);
      expect(await node.inFiles()).toBe(first);
      await serves(node, first);
    }
    expect((await a.run('status')).stdout).toMatch(/^www +valid /m);

    // Renewed on b: a gets it at its next run, which ends with 0.
    succeeded(await b.run('renew', '--force'));
    const second = await current();
    expect(second).not.toBe(first);
    expect(await a.inFiles()).toBe(first);
    const behind = await b.run('status');
    succeeded(behind);
    expect(behind.stdout).toMatch(/^www +pending /m);
    expect(behind.stdout.replaceAll(/\s+/g, ' ')).toContain('The node a lacks www (web, files, log) since');
    const json = (await b.run('status', '--json')).events as unknown as readonly Record<string, unknown>[];
    expect(json.filter(({ object }) => object === 'node')).toMatchObject([
      { node: 'a', lacks: [{ target: 'web' }, { target: 'files' }, { target: 'log' }] },
      { node: 'b', lacks: [] },
      { node: 'c', lacks: [{ target: 'web' }, { target: 'files' }, { target: 'log' }] },
    ]);
    const renewed = await a.run('renew', '--json');
    succeeded(renewed);
    expect(outcomesOf(renewed)).toMatchObject([{ result: 'deployed' }]);
    await serves(a, second);
    expect(await a.inFiles()).toBe(second);
    expect(await logOf('a')).toHaveLength(2);
    // An idle run delivers nothing, and runs no command.
    succeeded(await a.run('renew'));
    expect(await logOf('a')).toHaveLength(2);

    // Other settings reach the other nodes, too, once, and so does a file that somebody removed.
    for (const node of [a, b]) {
      const configured = JSON.parse(await readFile(node.config, 'utf8')) as Configured;
      configured.deployers.log.run += '; true';
      await writeFile(node.config, JSON.stringify(configured));
    }
    const removed = join(a.certs, `files/live/${name}/fullchain.pem`);
    await rm(removed);
    for (const node of [b, a, b, a]) {
      succeeded(await node.run('renew'));
      expect([node.name, await logOf(node.name)]).toEqual([node.name, expect.objectContaining({ length: 3 })]);
    }
    expect(await fingerprintOfFile(removed)).toBe(second);

    // c ran every day, and was away for a week.
    const away = await replicaOf('c');
    const days = [11, 10, 9, 8, 7].map((day) => new Date(Date.now() - day * dayMs).toISOString());
    const key = { kind: 'replica', name: 'c' } as const;
    const { revision } = (await openStore(store).get(key, signal))!;
    const past = encodeDocument({ ...away, runs: days, looked: days.at(-1) });
    await openStore(store).put(key, past, { ifRevision: revision, signal });
    succeeded(await a.run('renew', '--force'));
    const third = await current();
    const missing = (await a.run('status')).stdout.replaceAll(/\s+/g, ' ');
    expect(missing).toContain('The node c is missing: its last run began on');
    expect(missing).toContain('`certfleet node forget c');
    expect(missing).toContain('The node c lacks www (web, files, log)');
    succeeded(await c.run('renew'));
    await serves(c, third);
    expect(await c.inFiles()).toBe(third);
    const { current: version } = await readLineage(store, name);
    expect(await readdir(join(c.certs, `files/archive/${name}`))).toEqual([version!.id]);
    expect(await logOf('c')).toHaveLength(2);
    succeeded(await b.run('renew'));
    expect((await a.run('status')).stdout).toMatch(/^www +valid /m);

    // A failure on b is b's alone.
    succeeded(await a.run('renew', '--force'));
    const configured = JSON.parse(await readFile(b.config, 'utf8')) as Configured;
    configured.deployers.log.run = 'exit 3';
    await writeFile(b.config, JSON.stringify(configured));
    const failed = await b.run('renew', '--json');
    expect(failed.status, failed.stdout).toBe(6);
    expect(outcomesOf(failed)).toMatchObject([{ result: 'pending', code: 'deploy/target-failed' }]);
    expect(await b.inFiles()).toBe(await current());
    succeeded(await c.run('renew'));
    expect((await c.run('show', name)).stdout.replaceAll(/\s+/g, ' ')).toContain('Lacking log of node b, since');

    // Back to the version before, on every node.
    const before = await current();
    succeeded(await a.run('rollback', name));
    expect(await current()).not.toBe(before);
    succeeded(await c.run('renew'));
    expect(await c.inFiles()).toBe(await current());

    // Gone for good.
    succeeded(await a.run('node', 'forget', 'b'));
    const unknown = await a.run('node', 'forget', 'b');
    expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining('there is no node named "b"')]);
    expect((await a.run('status')).stdout).not.toContain('node b');
    expect(await readdir(join(store, 'deployed'))).not.toContain('b');
  }, 120_000);
});
