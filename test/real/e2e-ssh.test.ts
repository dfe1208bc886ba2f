import { readFile, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  type Bench,
  changeCertificate,
  type Home,
  onlyCertificate,
  readLineage,
  startBench,
  stderrOf,
  succeeded,
} from '../support/e2e.ts';
import { isLong } from '../support/seeded.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { makeSshKey, type SshKeyPair, type SshNode, sshNodePath, startSshNode } from '../support/sshd.ts';
import { fingerprintOfFile } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// The built command line delivers to three nodes behind a load balancer, over SSH.

stopAllAfterwards();

describeWith(['pebble', 'haproxy', 'sshd', ...bindPrograms], 'delivery over SSH by the command line', () => {
  let bench: Bench;
  let home: Home;
  let client: SshKeyPair;
  let nodes: readonly [SshNode, SshNode, SshNode];

  // Waits while there is a file `wait`.
  const command = 'cd "$NODE"; echo "$RENEWED_DOMAINS" >> ran; while [ -e wait ]; do sleep 0.05; done';
  const current = async () => (await readLineage(home.store, 'abc')).current?.facts.fingerprint;
  const inUse = (node: SshNode) =>
    fingerprintOfFile(join(node.folder, 'certs/live/abc/fullchain.pem')).catch(() => undefined);
  const counts = async () => Promise.all(nodes.map(async (node) => (await node.ran()).length));

  /** The options of a deployer for these nodes. */
  async function sshTo(to: readonly SshNode[], command: string) {
    const known = join(await temporaryFolder('known'), 'known_hosts');
    await writeFile(known, to.map(({ server }) => server.knownHosts).join(''));
    return {
      type: 'ssh',
      nodes: to.map(({ port }) => `127.0.0.1:${port}`),
      user: userInfo().username,
      privateKey: `file:${client.file}`,
      knownHosts: known,
      path: sshNodePath,
      command,
    };
  }

  beforeAll(async () => {
    client = await makeSshKey();
    [bench, ...nodes] = await Promise.all([
      startBench(),
      startSshNode(client),
      startSshNode(client),
      startSshNode(client),
    ]);
    const ssh = await sshTo(nodes, command);
    home = await bench.home((configuration) => ({
      ...changeCertificate('abc', { deploy: ['nodes'], endpoints: [] })(onlyCertificate('abc')(configuration)),
      deployers: { nodes: ssh },
    }));
  });

  itDrawn('a node is down: the others get the certificate, and the next renew completes the delivery', async () => {
    const [, down] = nodes;
    await down.server.stop();
    const issued = await home.certfleet(['issue']);
    expect(issued.status, issued.stderr).toBe(6);
    expect(stderrOf(issued)).toContain(
      `abc is missing on 1 of the 3 nodes of the deployer "nodes" (ssh): 127.0.0.1:${down.port} (connection refused)`,
    );
    expect(await Promise.all(nodes.map(inUse))).toEqual([await current(), undefined, await current()]);
    await down.start();
    succeeded(await home.certfleet(['renew']));
    expect(await Promise.all(nodes.map(inUse))).toEqual(Array(3).fill(await current()));
    expect(await counts()).toEqual([1, 1, 1]);
    expect(await down.ran()).toEqual(['abc.example.test']);
    succeeded(await home.certfleet(['renew', '--redeploy']));
    expect(await counts()).toEqual([2, 2, 2]);
  });

  itDrawn('killed while the command runs on one node: the next renew runs it there alone', async () => {
    const [slow] = nodes;
    await writeFile(join(slow.folder, 'wait'), '');
    const before = await counts();
    const pidFile = join(home.folder, 'pid');
    const inside = ['/bin/sh', '-c', 'echo $$ > "$0"; exec "$@"', pidFile];
    const running = home.certfleet(['renew', '--force'], { inside });
    await until(async () => (await counts()).every((count, at) => count > before[at]!), {
      what: 'all commands run',
      deadlineMs: 60_000,
    });
    // The two others have ended and are marked once their connections are closed.
    const isMarked = async (node: SshNode) => {
      const mark = await readFile(join(node.folder, 'certs/archive/abc/.ssh-nodes.json'), 'utf8');
      return !mark.includes('trying');
    };
    await until(async () => (await isMarked(nodes[1])) && (await isMarked(nodes[2])), {
      what: 'two nodes are done',
      deadlineMs: 60_000,
    });
    process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
    expect((await running).status).toBe('SIGKILL');
    await rm(join(slow.folder, 'wait'));
    succeeded(await home.certfleet(['renew']));
    expect(await Promise.all(nodes.map(inUse))).toEqual(Array(3).fill(await current()));
    expect(await counts()).toEqual([before[0]! + 2, before[1]! + 1, before[2]! + 1]);
  });

  /** A new store, with this many certificates that go to all of the nodes. */
  async function startMany(count: number, to: readonly SshNode[]) {
    const names = Array.from({ length: count }, (_, at) => `c${at}`);
    // Counts the variables of one certificate.
    const command = 'cd "$NODE"; env | grep -c RENEWED >> reloads; while [ -e wait ]; do sleep 0.05; done';
    const ssh = await sshTo(to, command);
    const many = await bench.home((configuration) => ({
      ...configuration,
      deployers: { nodes: ssh },
      certificates: names.map((name) => ({
        ...{ name, identifiers: [`${name}.example.test`], solver: 'web', deploy: ['nodes'] },
      })),
    }));
    for (const { folder } of to) for (const name of ['wait', 'reloads']) await rm(join(folder, name), { force: true });
    return {
      names,
      many,
      reloads: () => Promise.all(to.map(({ folder }) => readFile(join(folder, 'reloads'), 'utf8'))),
      /** The certificates that a node lacks. */
      async lacking() {
        const lacks = async (node: SshNode, name: string) => {
          const { current } = await readLineage(many.store, name);
          const live = join(node.folder, 'certs/live', name, 'fullchain.pem');
          return (await fingerprintOfFile(live).catch(() => undefined)) === current?.facts.fingerprint ? [] : [name];
        };
        return (await Promise.all(to.flatMap((node) => names.map((name) => lacks(node, name))))).flat();
      },
    };
  }

  const [many, servers] = isLong ? [50, 10] : [12, 3];
  it(`${many} certificates on ${servers} nodes make ${servers} reloads, one on each`, async () => {
    const more = await Promise.all(Array.from({ length: servers - nodes.length }, () => startSshNode(client)));
    const to = [...nodes, ...more];
    const { many: home, reloads, lacking } = await startMany(many, to);
    succeeded(await home.certfleet(['issue']));
    expect(await reloads()).toEqual(to.map(() => '0\n'));
    expect(await lacking()).toEqual([]);
    // A run in which nothing is due makes no reload.
    succeeded(await home.certfleet(['renew']));
    expect(await reloads()).toEqual(to.map(() => '0\n'));
  });

  itDrawn('killed before the reload that many certificates share, the next renew makes it once', async () => {
    const some = nodes.slice(0, 2);
    const { names, many, reloads, lacking } = await startMany(8, some);
    for (const { folder } of some) await writeFile(join(folder, 'wait'), '');
    const pidFile = join(many.folder, 'pid');
    const inside = ['/bin/sh', '-c', 'echo $$ > "$0"; exec "$@"', pidFile];
    const running = many.certfleet(['issue'], { inside });
    await until(async () => (await reloads().catch(() => [''])).every((text) => text === '0\n'), {
      what: 'all commands run',
      deadlineMs: 60_000,
    });
    process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
    expect((await running).status).toBe('SIGKILL');
    for (const { folder } of some) await rm(join(folder, 'wait'));
    const lineages = await Promise.all(names.map((name) => readLineage(many.store, name)));
    expect(lineages.map(({ deployments }) => deployments['nodes']?.state)).toEqual(names.map(() => 'intended'));
    succeeded(await many.certfleet(['renew']));
    expect(await reloads()).toEqual(Array(2).fill('0\n0\n'));
    expect(await lacking()).toEqual([]);
  });
});
