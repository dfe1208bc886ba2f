import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { type ServedDnsApi, serveDnsApi } from '../support/dns-api.ts';
import { type DnsApiCase, dnsApis } from '../support/dns-api-cases.ts';
import { sampled } from '../support/seeded.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { documents, readLineage, resultOf } from './inspect.ts';
import { pointsTimeout, type Rig, recordedNames, type State, samplePoints, startRig } from './rig.ts';

/**
 * SIGKILL at every effect from the first TXT value to the answer to the CA, at five unlike DNS APIs. The sweep of
 * another process removes exactly what certfleet added: values of others at the same name stay.
 *
 * `npm test` runs a seeded sample of the points, `npm run test:long` all of them.
 */
const samples = 1;
const foreign = 'of-another-program';
const zone = 'example.test';

describeWith(['pebble', ...bindPrograms], 'DNS providers', () => {
  stopAllAfterwards();
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig({ leaseTtl: '1s' });
  });

  it.each(sampled(dnsApis, 2, 'DNS providers'))(
    '$type: killed between the value and the answer, a sweep removes exactly what was added',
    {
      timeout: pointsTimeout,
    },
    async (one) => {
      const host = `${one.type}.${zone}`;
      // A name that exists only through the rig's wildcard is refused.
      await rig.bind.update(zone, `add ${host}. 60 A 127.0.0.1`);
      const fakeAt = (origin: string) => {
        const fake = one.fake(origin);
        fake.plant({ zone, name: `_acme-challenge.${host}`, value: foreign, ttl: 600 });
        return fake;
      };
      const served = await serveDnsApi(fakeAt, { vendor: one.vendor, zone, server: rig.bind });
      const before = served.values();
      const makeState = () => stateOf(rig, one, served, host);

      const state = await makeState();
      const record = join(state.folder, 'effects');
      const ran = await rig.run(state, { command: 'issue', record });
      expect([ran.status, resultOf(ran)], ran.stderr).toEqual([0, 'issued']);
      expect(served.values()).toEqual(before);

      const points = betweenValueAndAnswer(await recordedNames(record));
      for (const point of samplePoints(points, samples, `SIGKILL, ${one.type}`).filter(
        (_, at) => !one.isSlow || at % 8 === 0,
      )) {
        const killed = await makeState();
        const first = await rig.run(killed, { command: 'issue', stopAt: point });
        if (first.status !== 'SIGKILL') {
          // How often the servers and the API are asked differs from run to run.
          expect(point, `was not reached\n${first.stderr}`).toMatch(
            /#([2-9]|\d\d+)@|\/ask\/|\/store\/(TMP|lineage|session)/,
          );
          continue;
        }
        const swept = await rig.run(killed, { command: 'sweep' });
        const said = `${point}\n${swept.stdout}${swept.stderr}`;
        expect(swept.status, said).toBe(0);
        expect(served.values(), said).toEqual(before);
        expect((await readLineage(killed))?.work?.challenges ?? [], said).toEqual([]);
        expect([...(await documents(killed, 'lock')).keys()], said).toEqual([]);
      }
      expect(served.api.unknown).toEqual([]);
    },
  );
});

/** Before and after each effect of the step that presents and waits, and the first question to the CA. */
function betweenValueAndAnswer(names: readonly string[]): readonly string[] {
  const steps = names.filter((name) => name.startsWith('challenges/'));
  expect(steps.some((name) => name.includes('/request/'))).toBe(true);
  return [...steps.flatMap((name) => [`${name}@before`, `${name}@after`]), 'validate/request/POST chalZ#1@before'];
}

const stateOf = (rig: Rig, one: DnsApiCase, served: ServedDnsApi, host: string): Promise<State> =>
  rig.state('dns', undefined, {
    change: (config) => ({
      ...config,
      solvers: {
        solve: {
          type: 'dns01',
          provider: one.type,
          options: { ...one.options, endpoint: `${served.origin}${one.path ?? ''}` },
          dns: { zone, nameservers: [rig.bind.server] },
        },
      },
      certificates: config.certificates.map((certificate) => ({
        ...certificate,
        identifiers: [host, `*.${host}`],
      })),
    }),
  });
