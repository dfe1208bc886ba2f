import { createApi } from '../../../test/support/alibaba-clb/api.ts';
import { createChanges } from '../../../test/support/alibaba-clb/changes.ts';
import type { HealthRow } from '../../../test/support/alibaba-clb/find.ts';
import { createCloud, type Listener } from '../../../test/support/alibaba-clb/model.ts';
import type { Behaviour, PolicyStatement } from '../../../test/support/alibaba-clb/options.ts';
import { fillCloud } from '../../../test/support/alibaba-clb/start.ts';
import { Secret } from '../../core/errors/secret.ts';
import { present } from '../../core/text/present.ts';
import type { World } from '../../ports/world.ts';
import { createFakeApi } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';

// The strict fake of test/support in memory, for the unit tests of balancer and deployer: without ports and data plane,
// so changes apply at once.

const key = { id: 'LTAI-unit-test', secret: 'unit-test-secret' };
export const keys = { accessKeyId: new Secret(key.id), accessKeySecret: new Secret(key.secret) };
export const region = 'cn-test';

export type TestClb = ReturnType<typeof testClb>;

export function testClb(behaviour: Partial<Behaviour> = {}, policy?: readonly PolicyStatement[]) {
  const clock = fakeClock(undefined, { auto: true });
  const machine = (address: string, stopped = false) => ({ addresses: { [address]: '127.0.0.1' }, stopped });
  const servers = {
    'i-node1': machine('192.0.2.1'),
    'i-gone1': machine('192.0.2.3', true),
    'i-gone2': machine('192.0.2.4', true),
    'eni-2': machine('192.0.2.9'),
  };
  const options = {
    keys: [{ ...key, ...present({ policy }) }],
    servers,
    region,
    regions: [region, 'cn-else'],
    behaviour,
  };
  const cloud = createCloud(options, () => clock.now().getTime());
  const [http, https] = [{ protocol: 'http', port: 80 } as const, { protocol: 'https', port: 443 } as const];
  fillCloud(cloud, { ...options, loadBalancers: [{ id: 'lb-1', listeners: [http, https] }] });
  const balancer = cloud.balancers.get('lb-1')!;
  const listener = (port: number): Listener => balancer.listeners.find((one) => one.port === port)!;
  let health: readonly HealthRow[] = [];
  const { change } = createChanges(cloud, { changeMs: 0, busyCodes: undefined }, () => {});
  const strict = createApi(cloud, options, { change, serves: () => false, health: () => health });

  const api = createFakeApi({
    clock,
    origin: 'http://127.0.0.1:1',
    nameOf: ({ headers }) => headers['x-acs-action'] ?? '',
    routes: {
      async 'POST /'({ method, url, headers, body }) {
        const { pathname: path, search } = url;
        const answer = await strict.handle({ method, path, query: search.slice(1), headers, body: Buffer.from(body) });
        if (typeof answer === 'string') throw new Error('Only api.fault loses calls in memory.');
        return answer;
      },
    },
  });
  let nonces = 0;
  const world = {
    clock,
    random: { bytes: (length: number) => new Uint8Array(length).fill(++nonces % 256), number: () => 0 },
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    http: () => api.http,
  } as unknown as World;
  let counted = 0;

  return {
    /** For lost and echoed calls. */
    api,
    world,
    cloud,
    balancer,
    listener,
    groups: () => [...cloud.groups.values()],
    rules: (port: number) => [...cloud.rules.values()].filter((rule) => rule.listener.port === port),
    addGroup(name: string, id = cloud.newId('rsp')): void {
      const server = { serverId: 'i-node1', port: 80, weight: 100, type: 'ecs', ip: '192.0.2.1', ipGiven: false };
      cloud.groups.set(id, { id, balancer, name, servers: [server], tags: new Map(), created: cloud.now() });
    },
    /** Adds a rule that forwards to the group `web`, which is added if it does not exist. */
    addRule(port: number, { name, domain = '', url = '' }: { name: string; domain?: string; url?: string }): void {
      const [id, groupId] = [cloud.newId('rule'), 'rsp-web'];
      if (!cloud.groups.has(groupId)) this.addGroup('web', groupId);
      cloud.rules.set(id, { id, balancer, listener: listener(port), name, domain, url, groupId, listenerSync: 'on' });
    },
    /** Sets the result of DescribeHealthStatus. */
    setHealth(rows: readonly Pick<HealthRow, 'serverId' | 'port' | 'status'>[]): void {
      health = rows.map((row) => ({ listener: listener(80), ip: '192.0.2.1', byRule: true, ...row }));
    },
    /** Refuses the next call of an action, without carrying it out. */
    refuse: (action: string, code: string) => strict.inject({ action, code }),
    /** Returns the request ID of the last refusal. */
    refusedId: (): string => strict.records.findLast(({ code }) => code !== undefined)?.requestId ?? 'none',
    /** Returns the actions of the calls since the last count. */
    actions(): string[] {
      const since = api.calls.slice(counted).map(({ name }) => name);
      counted = api.calls.length;
      return since;
    },
  };
}
