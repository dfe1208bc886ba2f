import { type AlibabaClb, type AlibabaClbOptions, startAlibabaClb } from './alibaba-clb.ts';
import { createOracle, type Oracle, type OracleKey } from './alibaba-oracle.ts';

// The account of the tests of the API, which need no real backends.

export const root: OracleKey = { id: 'LTAIroot', secret: 'root-secret' };
export const lb = 'lb-bp1example';
export const prefix = '/.well-known/acme-challenge/';

export const accountOptions: AlibabaClbOptions = {
  keys: [root],
  servers: {
    'i-node1': '127.0.0.11',
    'i-node2': '127.0.0.12',
    'i-off': { addresses: { '192.168.0.99': '127.0.0.13' }, stopped: true },
    'eni-node3': { addresses: { '192.168.1.3': '127.0.0.13', '192.168.1.4': '127.0.0.14' } },
  },
  loadBalancers: [
    {
      id: lb,
      groups: [
        { name: 'web', servers: [{ server: 'i-node1', port: 8080 }] },
        { name: 'shop', servers: [{ server: 'i-node2', port: 8080 }], tags: { team: 'shop' } },
      ],
      listeners: [
        { protocol: 'http', port: 80, group: 'web', check: { enabled: false } },
        { protocol: 'http', port: 8081, forwardPort: 443 },
        { protocol: 'tcp', port: 22 },
      ],
      rules: [{ port: 80, name: 'shop', domain: 'shop.example.com', group: 'shop' }],
    },
    { id: 'lb-elsewhere', region: 'cn-shanghai', listeners: [] },
  ],
};

/** The fake with the account of these tests, and Alibaba's own client of it. */
export async function startAccount(
  changes: Partial<AlibabaClbOptions> = {},
): Promise<{ clb: AlibabaClb; oracle: Oracle }> {
  const clb = await startAlibabaClb({ ...accountOptions, ...changes });
  return { clb, oracle: createOracle(clb.endpoint, root) };
}

export const onListener = { LoadBalancerId: lb, ListenerPort: 80 };
export const servers = (...list: object[]): string => JSON.stringify(list);
export const node1 = { ServerId: 'i-node1', Port: '30080', Weight: '100', Type: 'ecs' };

/** A group with one server, and its id. */
export async function makeGroup(oracle: Oracle, name = 'ours'): Promise<string> {
  const { VServerGroupId } = await oracle.call('CreateVServerGroup', {
    LoadBalancerId: lb,
    VServerGroupName: name,
    BackendServers: servers(node1),
    'Tag.1.Key': 'acme-owner',
    'Tag.1.Value': 'store-1',
  });
  return VServerGroupId;
}

export const makeRule = (
  oracle: Oracle,
  group: string,
  rule: object = { RuleName: 'ours', Url: prefix },
): Promise<unknown> =>
  oracle.call('CreateRules', { ...onListener, RuleList: JSON.stringify([{ VServerGroupId: group, ...rule }]) });
