import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { serveFakeApi } from '../support/serve-fake-api.ts';
import { atEnd } from '../support/service.ts';
import { createTencentClb, type TencentClb } from '../support/tencent-clb.ts';
import { createVersionMaker } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { readLineage, resultOf } from './inspect.ts';
import { pointsTimeout, type Rig, recordedNames, type State, samplePoints, startRig } from './rig.ts';

/**
 * SIGKILL at every effect of a delivery to a domain of Tencent Cloud's CLB. A sweep of another process finishes it: the
 * domain has the version, which was uploaded once, and no lock is left.
 */
const samples = 2;
const name = 'abc.example.test';
const loadBalancer = 'lb-crash1';
const key = { secretId: 'AKIDcrash', secretKey: 'crash-secret' };

describeWith(['pebble'], 'a delivery to Tencent Cloud’s CLB', () => {
  stopAllAfterwards();
  let [rig, fake, endpoint]: [Rig?, TencentClb?, string?] = [];

  beforeAll(async () => {
    rig = await startRig();
    const { fullchainPem, keyPem } = await (await createVersionMaker()).make('by-hand', [name]);
    const byHand = { alias: 'by-hand', certificate: fullchainPem, privateKey: keyPem.reveal() };
    const served = await serveFakeApi((origin) => {
      fake = createTencentClb({
        ...{ clock: systemClock, keys: [key], origins: [origin], taskMs: 50, certificates: [byHand] },
        loadBalancers: [
          {
            id: loadBalancer,
            listeners: [
              {
                ...{ protocol: 'HTTPS', port: 443, sni: true },
                rules: [{ domain: name, certificates: [byHand.alias], isDefault: true }],
              },
            ],
          },
        ],
      });
      return fake.api;
    });
    endpoint = served.origin;
    atEnd(served.close);
  });

  const newState = (): Promise<State> =>
    rig!.state('webroot', undefined, {
      change: (config) => ({
        ...config,
        balancers: { clb: { type: 'tencent-clb', region: 'ap-guangzhou', loadBalancer, endpoint, ...key } },
        deployers: { ...config.deployers, https: { type: 'tencent-clb', balancer: 'clb' } },
        certificates: config.certificates.map((one) => ({ ...one, deploy: ['https'] })),
      }),
    });

  it('killed: a sweep finishes it', { timeout: pointsTimeout }, async () => {
    const state = await newState();
    const record = join(state.folder, 'effects');
    const ran = await rig!.run(state, { command: 'issue', record });
    expect([ran.status, resultOf(ran)], ran.stderr).toEqual([0, 'issued']);
    const own = (await recordedNames(record)).filter((one) => /^deploy\/(?!mkdir|draft|remove)/.test(one));
    expect(own.filter((one) => one.includes('UploadCertificate'))).toHaveLength(1);
    expect(own.filter((one) => one.includes('ModifyDomainAttributes'))).toHaveLength(1);
    const points = own.flatMap((one) => [`${one}@before`, `${one}@after`]);
    for (const point of samplePoints(points, samples, 'SIGKILL, delivery to Tencent Cloud’s CLB')) await killAt(point);
  });

  async function killAt(point: string): Promise<void> {
    const uploads = () => fake!.certificates().map(({ id }) => id);
    const before = uploads();
    const state = await newState();
    const first = await rig!.run(state, { command: 'issue', stopAt: point });
    if (first.status !== 'SIGKILL') {
      expect(point, `was not reached\n${first.stderr}`).toMatch(/#([2-9]|\d\d+)@|\/store\/lineage/);
      return;
    }
    const swept = await rig!.run(state, { command: 'sweep' });
    const said = `${point}\n${swept.stdout}${swept.stderr}`;
    expect(swept.status, said).toBe(0);
    const lineage = await readLineage(state);
    expect(lineage?.work, said).toBeUndefined();
    expect(lineage?.deployments['https'], said).toMatchObject({ state: 'current', version: lineage?.current?.id });
    expect(
      uploads().filter((one) => !before.includes(one)),
      said,
    ).toHaveLength(1);
    const mark = lineage?.current?.facts.fingerprint.slice(0, 12);
    expect(fake!.served(loadBalancer, 443, name), said).toEqual([expect.stringContaining(`-${mark} `)]);
  }
});
