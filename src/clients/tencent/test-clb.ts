import { createTencentClb, type TencentClbOptions } from '../../../test/support/tencent-clb.ts';
import { Secret } from '../../core/errors/secret.ts';
import type { Http } from '../../ports/http.ts';
import type { World } from '../../ports/world.ts';
import type { EffectWatch } from '../../testing/balancer-contract.ts';
import { fakeClock } from '../../testing/fake-clock.ts';

// The strict fake of test/support in memory, for the unit tests of balancer and deployer.

const root = { secretId: 'AKIDunit', secretKey: 'unit-test-secret' };
export const keysOf = ({ secretId, secretKey }: { readonly secretId: string; readonly secretKey: string }) => ({
  secretId: new Secret(secretId),
  secretKey: new Secret(secretKey),
});
/** The options of an adapter for the load balancer of the tests. */
export const place = { region: 'ap-guangzhou', loadBalancer: 'lb-unit1', ...keysOf(root) };
export const secrets = [root.secretKey];

export function testClb(changes: Partial<Parameters<typeof createTencentClb>[0]> = {}) {
  const clock = fakeClock(undefined, { auto: true });
  const listeners: TencentClbOptions['loadBalancers'][number]['listeners'] = [
    {
      ...{ protocol: 'HTTP', port: 80 },
      rules: [
        { domain: 'www.example.test', targets: [{ instance: 'ins-web1', port: 80 }], isDefault: true },
        { domain: 'shop.example.test', url: '/shop/', targets: [{ instance: 'ins-web1', port: 81 }] },
      ],
    },
  ];
  const fake = createTencentClb({
    clock,
    keys: [root],
    loadBalancers: [{ id: place.loadBalancer, listeners }],
    instances: { 'ins-web1': { ip: '10.0.0.1' }, 'ins-web2': { ip: '10.0.0.2' } },
    taskMs: 2_000,
    ...changes,
  });
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);

  /** @param watch called around each call that changes something */
  function world(watch?: EffectWatch): World {
    const http = (): Http => ({
      async request(request) {
        const changes = !/^(Describe|Check)/.test(request.headers?.['x-tc-action'] ?? '');
        if (changes) watch?.('before');
        const response = await fake.api.http.request(request);
        if (changes) watch?.('after');
        return response;
      },
      close: async () => {},
    });
    const random = { bytes: (length: number) => new Uint8Array(length), number: () => 0 };
    return { clock, random, log: { debug: note, info: note, warn: note }, http } as unknown as World;
  }
  let counted = 0;
  return {
    ...{ fake, clock, lines, world },
    /** The actions of the calls since the last count. */
    actions(): string[] {
      const since = fake.records.slice(counted).map(({ action }) => action);
      counted = fake.records.length;
      return since;
    },
  };
}
