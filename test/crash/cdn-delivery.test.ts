import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { type AlibabaCdn, createAlibabaCdn } from '../support/alibaba-cdn.ts';
import { bindPrograms } from '../support/bind.ts';
import { serveFakeApi } from '../support/serve-fake-api.ts';
import { atEnd } from '../support/service.ts';
import { createVersionMaker } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { readLineage, resultOf } from './inspect.ts';
import {
  inLanes,
  lanesFor,
  pointsTimeout,
  type Rig,
  recordedNames,
  type State,
  samplePoints,
  startRig,
} from './rig.ts';

/**
 * SIGKILL at every effect of a delivery to a CDN. A sweep of another process finishes it: every domain has the version,
 * which was uploaded once, and no lock is left.
 */
const samples = 2;
const lanes = lanesFor(2);
const name = 'abc.example.test';
const key = { id: 'LTAIcrash', secret: 'crash-secret' };

interface Lane {
  readonly rig: Rig;
  readonly cdn: AlibabaCdn;
  readonly origin: string;
}

describeWith(['pebble', ...bindPrograms], 'a delivery to a CDN', () => {
  stopAllAfterwards();
  const all: Lane[] = [];

  beforeAll(async () => {
    const maker = await createVersionMaker();
    for (let lane = 0; lane < lanes; lane++) {
      const { fullchainPem: certificate, keyPem } = await maker.make('old', [name]);
      const privateKey = createPrivateKey(keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
      const given = { name: 'old', certificate, privateKey };
      let cdn!: AlibabaCdn;
      const { origin, close } = await serveFakeApi((at) => {
        const domains = [{ name, certificate: given }];
        cdn = createAlibabaCdn({ clock: systemClock, keys: [key], domains, origins: [at] });
        return cdn.api;
      });
      atEnd(close);
      all.push({ rig: await startRig(), cdn, origin });
    }
  });

  it('killed: a sweep finishes it', { timeout: pointsTimeout }, async () => {
    const [lane] = all as [Lane];
    const state = await newState(lane);
    const record = join(state.folder, 'effects');
    const ran = await lane.rig.run(state, { command: 'issue', record });
    expect([ran.status, resultOf(ran)], ran.stderr).toEqual([0, 'issued']);
    const own = (await recordedNames(record)).filter((one) => /^deploy\/(?!mkdir|draft|remove)/.test(one));
    expect(own.filter((one) => one.includes('UploadUserCertificate'))).toHaveLength(1);
    const points = own.flatMap((one) => [`${one}@before`, `${one}@after`]);
    await inLanes(all, samplePoints(points, samples, 'SIGKILL, delivery to a CDN'), killAt);
  });
});

const newState = ({ rig, origin }: Lane): Promise<State> =>
  rig.state('webroot', undefined, {
    change: (config) => ({
      ...config,
      deployers: {
        ...config.deployers,
        cdn: {
          ...{ type: 'alibaba-cdn', domains: 'covered', endpoint: origin, casEndpoint: origin },
          ...{ accessKeyId: key.id, accessKeySecret: key.secret },
        },
      },
      certificates: config.certificates.map((one) => ({ ...one, deploy: ['cdn'] })),
    }),
  });

async function killAt(lane: Lane, point: string): Promise<void> {
  const { rig, cdn } = lane;
  const uploads = () => cdn.certificates().map((one) => one.name);
  const before = uploads();
  const state = await newState(lane);
  const first = await rig.run(state, { command: 'issue', stopAt: point });
  if (first.status !== 'SIGKILL') {
    expect(point, `was not reached\n${first.stderr}`).toMatch(/#([2-9]|\d\d+)@|\/store\/lineage/);
    return;
  }
  const swept = await rig.run(state, { command: 'sweep' });
  const said = `${point}\n${swept.stdout}${swept.stderr}`;
  expect(swept.status, said).toBe(0);
  const lineage = await readLineage(state);
  expect(lineage?.work, said).toBeUndefined();
  expect(lineage?.deployments['cdn'], said).toMatchObject({ state: 'current', version: lineage?.current?.id });
  expect(
    uploads().filter((one) => !before.includes(one)),
    said,
  ).toHaveLength(1);
  expect(cdn.served(name)?.sha256.toLowerCase(), said).toBe(lineage?.current?.facts.fingerprint);
}
