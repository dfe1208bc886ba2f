import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { nameWithMark } from '../../src/core/request-path/own-mark.ts';
import { type AlibabaClb, startAlibabaClb } from '../support/alibaba-clb.ts';
import { createOracle } from '../support/alibaba-oracle.ts';
import { startNodes } from '../support/alibaba-world.ts';
import {
  type Bench,
  documents,
  type Home,
  onlyCertificate,
  readLineage,
  startBench,
  succeeded,
} from '../support/e2e.ts';
import { until } from '../support/service.ts';
import { createVersionMaker, shakeHands } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// The command line delivers to the fake of Alibaba's load balancer, is killed there, and loses its store.

const key = { id: 'LTAIroot', secret: 'root-secret' };
const lb = 'lb-bp1example';
const name = 'abc.example.test';

describeWith(['pebble', 'named', 'haproxy'], 'a certificate at a cloud', () => {
  let bench: Bench;
  let clb: AlibabaClb;
  let home: Home;
  let maker: Awaited<ReturnType<typeof createVersionMaker>>;
  stopAllAfterwards();

  /** In the form that the API takes. */
  async function made() {
    const { fullchainPem, keyPem } = await maker.make('x', [name]);
    const privateKey = createPrivateKey(keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
    return { certificate: fullchainPem.trim(), privateKey };
  }

  beforeAll(async () => {
    maker = await createVersionMaker();
    const [node] = await startNodes(1);
    [bench, clb] = await Promise.all([
      startBench(),
      startAlibabaClb({
        keys: [key],
        servers: { 'i-a': node!.address },
        certificates: [{ name: 'by-hand', ...(await made()) }],
        loadBalancers: [
          {
            id: lb,
            groups: [{ name: 'web', servers: [{ server: 'i-a', port: node!.port }] }],
            listeners: [
              { protocol: 'http', port: 80, group: 'web' },
              { protocol: 'https', port: 443, group: 'web', certificate: 'by-hand', check: { enabled: false } },
            ],
          },
        ],
        changeMs: 10,
      }),
    ]);
    home = await newHome();
  });

  const newHome = (): Promise<Home> =>
    bench.home((configuration) => {
      const { certificates, ...rest } = onlyCertificate('abc')(configuration);
      const [keyId, secret] = [key.id, key.secret];
      const balancer = { type: 'alibaba-clb', region: 'cn-hangzhou', loadBalancer: lb, endpoint: clb.endpoint };
      return {
        ...rest,
        balancers: { slb: { ...balancer, backend: { serverId: 'i-a' }, accessKeyId: keyId, accessKeySecret: secret } },
        deployers: { ...rest.deployers, https: { type: 'alibaba-clb', balancer: 'slb' } },
        certificates: certificates.map((one) => ({
          ...one,
          deploy: ['https'],
          endpoints: [`${name}:${clb.port(443)}`],
        })),
      };
    });
  const uploads = () => clb.snapshot().certificates.map((one) => String(one['name']));
  const ours = () => uploads().filter((one) => one !== 'by-hand');
  const sent = async () => (await readLineage(home.store, 'abc')).deployments['https']?.sent ?? [];
  const isServed = async () => {
    const { current } = await readLineage(home.store, 'abc');
    return (await shakeHands(clb.port(443), name)).fingerprint === current?.facts.fingerprint;
  };

  it('is served, and its upload is journalled', async () => {
    succeeded(await home.certfleet(['issue']));
    expect([await isServed(), ours().length, (await sent()).length]).toEqual([true, 1, 1]);
    expect((await documents(home.store, 'lock')).size).toBe(0);
  });

  it('is finished by a sweep, after a kill between upload and use', async () => {
    const pidFile = join(home.folder, 'pid');
    const isBinding = () => clb.calls()['SetLoadBalancerHTTPSListenerAttribute'] ?? 0;
    const before = isBinding();
    clb.set({ changeMs: Number.POSITIVE_INFINITY });
    const running = home.certfleet(['issue', 'abc', '--force'], {
      inside: ['/bin/sh', '-c', 'echo $$ > "$0"; exec "$@"', pidFile],
    });
    await until(async () => isBinding() > before, { what: 'the listener is being changed' });
    process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
    expect((await running).status).toBe('SIGKILL');
    clb.endChanges();
    clb.set({ changeMs: 10 });
    expect([(await sent()).length, (await readLineage(home.store, 'abc')).work?.step]).toEqual([2, 'deploy']);

    const swept = await home.certfleet(['sweep']);
    succeeded(swept);
    expect(swept.stdout).toContain('delivered: abc to https\n');
    expect([await isServed(), ours().length]).toEqual([true, 2]);
    expect((await documents(home.store, 'lock')).size, 'the lock of the dead process is gone').toBe(0);
    expect((await home.certfleet(['sweep'])).stdout).toBe('Sweep: nothing to clean up.\n');
  });

  it('is removed there once two newer ones exist', async () => {
    const [oldest] = await sent();
    succeeded(await home.certfleet(['issue', 'abc', '--force']));
    expect([await isServed(), ours().length, uploads().includes('by-hand')]).toEqual([true, 2, true]);
    const receipts = clb.snapshot().certificates.map((one) => ({ certificate: one['id'] }));
    expect(receipts).not.toContainEqual(oldest?.receipt);
    const listed = await home.certfleet(['sweep', '--lost']);
    expect(listed.stdout).toBe('Sweep: 0 are lost, 2 are known to this store.\n');
  });

  it('is listed as lost by another store, and what is old is removed by owner', async () => {
    const expires = new Date(Date.now() - 2 * 86_400_000);
    const old = nameWithMark({ owner: 'bbbbbbbbbbbb', expires, id: '0123456789ab' });
    const { certificate, privateKey } = await made();
    const oracle = createOracle(clb.endpoint, key);
    const params = { ServerCertificate: certificate, PrivateKey: privateKey, ServerCertificateName: old };
    await oracle.call('UploadServerCertificate', params);
    const other = await newHome();
    succeeded(await other.certfleet(['issue', 'abc', '--staging'])); // makes the store
    const listed = await other.certfleet(['sweep', '--lost', '--json']);
    const lost = listed.events.filter((event) => 'object' in event) as unknown as readonly Record<string, unknown>[];
    expect(lost.map((one) => one['name']).sort()).toEqual([...ours()].sort());
    expect(lost.every((one) => one['isOurs'] === false && one['at'] === 'alibaba-clb https')).toBe(true);

    const owner = String(lost.find((one) => one['name'] !== old)?.['owner']);
    const young = await other.certfleet(['sweep', '--lost', '--owner', owner, '--older-than', '1d']);
    expect([young.status, ours().length]).toEqual([0, 3]);
    const removed = await other.certfleet(['sweep', '--lost', '--owner', 'bbbbbbbbbbbb', '--older-than', '1d']);
    expect(removed.stdout).toContain(`removed: the certificate ${old} at alibaba-clb https\n`);
    expect([ours().includes(old), ours().length, await isServed()]).toEqual([false, 2, true]);
  });
});
