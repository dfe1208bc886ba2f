import { afterAll, describe, expect, test } from 'vitest';
import aws from '../../src/balancers/aws-alb.ts';
import { nameWithMark } from '../../src/core/request-path/own-mark.ts';
import type { WantedRules } from '../../src/ports/balancer.ts';
import { challengePrefix, startAwsBalancer } from '../support/aws-balancer.ts';
import { cloudOptions, createAwsWorld } from '../support/aws-world.ts';
import { hasMoto } from '../support/moto.ts';
import { stopAll, until } from '../support/service.ts';
import { adapterRequests, startTraffic } from '../support/steady-traffic.ts';
import { noteSkipped } from '../support/vitest.ts';
import { webAnswer } from '../support/web-nodes.ts';

const { signal } = new AbortController();
const owner = '0123456789ab';

let ids = 0;
const markedName = () =>
  nameWithMark({ owner, expires: new Date(Date.now() + 86_400_000), id: (++ids).toString(16).padStart(12, '0') });

if (!hasMoto()) noteSkipped('not tested: users of an aws-alb balancer (missing: python3-moto)');

describe.skipIf(!hasMoto())('users of an aws-alb balancer', () => {
  afterAll(stopAll);

  test('requests for other hosts and paths see nothing of it', async () => {
    const { cloud, responder, get } = await startAwsBalancer();
    await cloud.clear();
    const before = await cloud.snapshot();
    const options = aws.options.parse({ ...cloudOptions(cloud), loadBalancer: 'web' });
    const balancer = aws.connect({ options, name: 'alb', world: createAwsWorld().world });
    const hosts = ['www.example.test', 'other.example.test'];
    const traffic = startTraffic({
      port: cloud.plane.portOf(80),
      hosts: [...hosts, 'third.example.test'],
      path: (nth) => (nth % 5 === 0 ? '/.well-known/other' : `/page/${nth}`),
      expected: webAnswer,
      perSecond: 250,
      total: adapterRequests,
    });
    let cycles = 0;
    while (!traffic.isOver) {
      const wanted: WantedRules = {
        owner,
        rules: hosts.map((host) => ({ name: markedName(), lineage: 'www~staging', host, path: challengePrefix })),
        group: {
          name: markedName(),
          backends: [{ server: cloud.instances[0]!, port: responder, kind: 'instance' }],
          lineage: 'www~staging',
        },
      };
      const receipt = await balancer.apply(wanted, undefined, signal);
      await until(async () => (await balancer.state(wanted, receipt, signal)).ready, {
        what: 'the balancer is ready',
        everyMs: 50,
      });
      for (const host of hosts) expect((await get(`${challengePrefix}tok-en_1`, host)).text).toBe('tok-en_1.print');
      await balancer.apply({ owner, rules: [] }, receipt, signal);
      cycles += 1;
    }
    const result = await traffic.done;
    expect(result.wrong).toEqual([]);
    expect(result.perSecond).toBeGreaterThan(200);
    expect(Math.min(result.kept, result.fresh)).toBeGreaterThan(0.3 * adapterRequests);
    expect(cycles).toBeGreaterThan(0);
    expect(await cloud.snapshot()).toBe(before);
  });
});
