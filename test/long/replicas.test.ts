import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { ReplicaDocument } from '../../src/core/node/replica.ts';
import { type AcmeCa, startAcmeCa } from '../support/acme-ca.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { buildCertfleet, type Certfleet } from '../support/e2e.ts';
import { startHost } from '../support/machines.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { hasPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { machines } from '../support/rights.ts';
import { freePort, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// What the guide "Several replicas" promises of a replica that dies, and of a database that stops, with the usual times.
// No replica sees the processes of another one.

stopAllAfterwards();

const count = 40;
const names = Array.from({ length: count }, (_, at) => `c${at}.example.test`);
/** `leaseTtl`, twenty seconds to the next turn, and the orders themselves. */
const takenOverMs = 80_000;
const stoppedMs = 60_000;
/** Half of `leaseTtl`. */
const effectsMs = 30_000;
const resumedMs = 10_000;

interface Replica {
  readonly certs: string;
  start(): void;
  /** kill -9 of its process. */
  kill(): Promise<void>;
  isReady(): Promise<boolean>;
}

describeWith(['nginx', 'nsenter', machines, hasPostgres, ...bindPrograms], 'replicas on PostgreSQL', () => {
  let certfleet: Certfleet;
  let bind: Bind;
  let nginx: Nginx;
  let webroot: string;
  let ca: AcmeCa;
  let server: Postgres;
  let folder: string;
  /** Lets the CA end its validations. */
  let validate: (name: string) => Promise<void>;

  beforeAll(async () => {
    webroot = await temporaryFolder('webroot');
    [certfleet, bind, nginx] = await Promise.all([
      buildCertfleet(),
      startBind({ zones: [{ name: 'example.test', records: ['@ A 127.0.0.1', '* A 127.0.0.1'] }] }),
      startNginx({ webroot }),
    ]);
  });

  beforeEach(async () => {
    [ca, server, folder] = await Promise.all([
      startAcmeCa({ settings: { validate: async ({ value }) => void (await validate(value)) } }),
      startPostgres(),
      temporaryFolder('replicas'),
    ]);
  });

  async function makeReplica(node: string): Promise<Replica> {
    const { inside } = await startHost(node);
    const [config, certs] = [join(folder, `${node}.yaml`), join(folder, node)];
    const listen = `127.0.0.1:${await freePort()}`;
    await mkdir(certs);
    const settings = {
      ...{ node, listen, store: { type: 'postgres', url: 'env:DATABASE', tls: 'off', plaintext: true } },
      issuers: { ca: { directory: ca.directoryUrl, caFile: ca.caFile, agreeToTerms: true, test: true } },
      solvers: { web: { type: 'http01-webroot', folders: webroot } },
      deployers: { files: { type: 'files', path: certs } },
      preflight: { resolvers: [bind.server], http01Port: nginx.httpPort },
      certificates: names.map((name) => ({ name, identifiers: [name], deploy: ['files'] })),
    };
    await writeFile(config, JSON.stringify(settings));
    return {
      certs,
      start: () => void certfleet(['run', '--json', '--config', config], { inside, env: { DATABASE: server.url() } }),
      async kill() {
        const [text = ''] = await server.sql(
          `select convert_from(bytes, 'UTF8') from certfleet.document where kind = 'replica' and name = '${node}'`,
        );
        const { running } = JSON.parse(text) as ReplicaDocument;
        const [program = '', ...args] = [...inside, 'kill', '-9', `${running?.node?.lease?.holder.pid}`];
        await promisify(execFile)(program, args);
      },
      isReady: async () => {
        const answer = await fetch(`http://${listen}/readyz`).catch(() => undefined);
        return answer?.status === 200;
      },
    };
  }

  /** One that could not be stored is downloaded again. */
  const issued = () => ca.accepted('certificate');
  const delivered = async ({ certs }: Replica) => (await readdir(join(certs, 'live')).catch(() => [])).length;

  it('go on with the work of one that was killed', { timeout: 400_000 }, async () => {
    let validating = 0;
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    validate = async () => {
      validating += 1;
      await released;
    };
    const [a, b] = [await makeReplica('a'), await makeReplica('b')];
    a.start();
    await until(() => validating === count, { what: 'it works on all', deadlineMs: 120_000, everyMs: 100 });
    b.start();
    await until(b.isReady, { what: 'the other one is ready', everyMs: 100 });
    expect(issued()).toBe(0);
    await a.kill();
    const killedMs = performance.now();
    release();
    await until(() => issued() >= count, { what: 'all are issued', deadlineMs: 200_000, everyMs: 100 });
    const tookMs = performance.now() - killedMs;
    console.info(`the last one was issued ${(tookMs / 1_000).toFixed(1)} s after the replica was killed`);
    expect(tookMs).toBeLessThan(takenOverMs);
    expect([ca.accepted('newOrder'), ca.accepted('finalize')]).toEqual([count, count]);
  });

  const backends = async () =>
    [server.service.pid, ...(await server.sql('select pid from pg_stat_activity where pid <> pg_backend_pid()'))].map(
      Number,
    );

  it.each<[what: string, stop: () => Promise<() => Promise<void>>]>([
    [
      'stops',
      async () => {
        await server.stop();
        return server.start;
      },
    ],
    [
      'says nothing',
      async () => {
        const pids = await backends();
        for (const pid of pids) process.kill(pid, 'SIGSTOP');
        return async () => {
          for (const pid of pids) process.kill(pid, 'SIGCONT');
        };
      },
    ],
  ])('change nothing while the database %s for a minute, and go on', { timeout: 400_000 }, async (_what, stop) => {
    // One after the other is validated every two seconds, so that there is always one to finalize.
    const begun: string[] = [];
    let everyMs = 2_000;
    validate = async (name) => {
      begun.push(name);
      await sleep(begun.length * everyMs);
    };
    const all = [await makeReplica('a'), await makeReplica('b')];
    for (const replica of all) replica.start();
    const areReady = async (wanted: boolean) => {
      const found = await Promise.all(all.map((replica) => replica.isReady()));
      return found.every((ready) => ready === wanted);
    };
    const changes = async () => {
      const sent = ca.requests.filter(
        ({ payload, method }) => method === 'POST' && payload !== undefined && payload !== '',
      );
      const files = await Promise.all([...all.map(delivered), readdir(join(webroot, '.well-known/acme-challenge'))]);
      return { sent: sent.map(({ kind, path }) => `${kind} ${path}`), files };
    };
    await until(() => issued() >= 3, { what: 'it has begun', deadlineMs: 120_000, everyMs: 100 });
    expect(await areReady(true)).toBe(true);
    const stoppedAtMs = performance.now();
    const sinceMs = () => performance.now() - stoppedAtMs;
    const start = await stop();
    await until(() => areReady(false), { what: 'none is ready', deadlineMs: effectsMs, everyMs: 100 });
    console.info(`none was ready ${(sinceMs() / 1_000).toFixed(1)} s after it`);
    await sleep(effectsMs - sinceMs());
    const before = await changes();
    let wasReady = false;
    while (sinceMs() < stoppedMs) {
      wasReady ||= !(await areReady(false));
      await sleep(500);
    }
    expect(wasReady).toBe(false);
    expect(await changes()).toEqual(before);
    const [left, startedMs] = [issued(), performance.now()];
    expect(left).toBeLessThan(count - 5);
    await start();
    const returnedMs = performance.now();
    await until(async () => (await areReady(true)) && issued() > left, {
      what: 'all go on',
      deadlineMs: 60_000,
      everyMs: 50,
    });
    const tookMs = performance.now() - returnedMs;
    console.info(
      `all went on ${(tookMs / 1_000).toFixed(1)} s after its return (it started in ${((returnedMs - startedMs) / 1_000).toFixed(1)} s)`,
    );
    expect(tookMs).toBeLessThan(resumedMs);
    everyMs = 0;
    for (const replica of all) {
      const hasAll = async () => (await delivered(replica)) >= count;
      await until(hasAll, { what: 'all are delivered', deadlineMs: 120_000, everyMs: 100 });
    }
    expect([ca.accepted('newOrder'), ca.accepted('finalize')]).toEqual([count, count]);
  });
});
