import { beforeAll, describe, expect, it } from 'vitest';
import {
  lb,
  makeGroup,
  makeRule,
  node1,
  onListener,
  prefix,
  servers,
  startAccount,
} from '../support/alibaba-account.ts';
import { toXml } from '../support/alibaba-clb/xml.ts';
import type { AlibabaClb } from '../support/alibaba-clb.ts';
import type { Oracle } from '../support/alibaba-oracle.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Alibaba's API, driven by Alibaba's own client: first that it takes what the cloud takes, then that it
// refuses what the cloud refuses.

stopAllAfterwards();

describe('the main path', () => {
  it('makes a group and a rule, describes them and takes them away, leaving the rest as it was', async () => {
    const { clb, oracle } = await startAccount();
    const before = clb.snapshot();
    expect(await oracle.call('DescribeLoadBalancerAttribute', { LoadBalancerId: lb })).toMatchObject({
      RequestId: expect.stringMatching(/^[0-9A-F-]{36}$/),
      RegionId: 'cn-hangzhou',
      LoadBalancerStatus: 'active',
      ListenerPortsAndProtocol: {
        ListenerPortAndProtocol: [
          { ListenerPort: 80, ListenerProtocol: 'http', ListenerForward: 'off' },
          { ListenerPort: 8081, ListenerProtocol: 'http', ListenerForward: 'on', ForwardPort: 443 },
          { ListenerPort: 22, ListenerProtocol: 'tcp' },
        ],
      },
    });
    const shop = before.groups.find(({ name }) => name === 'shop')!['id'];
    expect(await oracle.call('DescribeLoadBalancerHTTPListenerAttribute', onListener)).toMatchObject({
      Status: 'running',
      HealthCheck: 'off',
      ListenerForward: 'off',
      Rules: { Rule: [{ RuleName: 'shop', Domain: 'shop.example.com', VServerGroupId: shop }] },
    });
    const group = await makeGroup(oracle);
    const made = (await makeRule(oracle, group)) as { Rules: { Rule: { RuleId: string; RuleName: string }[] } };
    const { RuleId } = made.Rules.Rule[0]!;
    const { Rules } = await oracle.call('DescribeRules', onListener);
    expect(Rules.Rule).toHaveLength(2);
    expect(Rules.Rule[1]).toEqual({
      RuleId,
      RuleName: 'ours',
      Url: prefix,
      VServerGroupId: group,
      ListenerSync: 'on',
    });
    const ours = { LoadBalancerId: lb, 'Tag.1.Key': 'acme-owner', IncludeRule: true, IncludeListener: true };
    expect((await oracle.call('DescribeVServerGroups', ours)).VServerGroups.VServerGroup).toMatchObject([
      {
        VServerGroupId: group,
        Tags: { Tag: [{ TagKey: 'acme-owner', TagValue: 'store-1' }] },
        AssociatedObjects: {
          Rules: { Rule: [{ RuleId, RuleName: 'ours', Url: prefix }] },
          Listeners: { Listener: [] },
        },
      },
    ]);
    await oracle.call('SetRule', {
      RuleId,
      ListenerSync: 'off',
      Scheduler: 'wrr',
      StickySession: 'off',
      HealthCheck: 'on',
      HealthCheckURI: `${prefix}health`,
      HealthCheckHttpCode: 'http_2xx',
      HealthCheckInterval: 1,
      HealthCheckTimeout: 1,
      HealthyThreshold: 2,
      UnhealthyThreshold: 2,
    });
    expect(await oracle.call('DescribeRuleAttribute', { RuleId })).toMatchObject({
      ListenerSync: 'off',
      HealthCheckURI: `${prefix}health`,
      HealthyThreshold: 2,
      ListenerPort: '80',
    });
    expect((await oracle.refused('DeleteVServerGroup', { VServerGroupId: group })).code).toMatch(
      /^Rspool(Vip|Rule)Exist$/,
    );
    await oracle.call('DeleteRules', { RuleIds: JSON.stringify([RuleId]) });
    await oracle.call('DeleteVServerGroup', { VServerGroupId: group });
    expect(clb.snapshot()).toEqual(before);
    expect(clb.calls()).toMatchObject({ CreateRules: 1, DeleteVServerGroup: 2 });
  });

  it('adds, weighs and removes the servers of a group', async () => {
    const { oracle } = await startAccount();
    const group = { VServerGroupId: await makeGroup(oracle) };
    const eni = { ServerId: 'eni-node3', Type: 'eni', ServerIp: '192.168.1.4', Port: 30080 };
    const list = async () =>
      (await oracle.call('DescribeVServerGroupAttribute', group)).BackendServers.BackendServer as unknown[];
    await oracle.call('AddVServerGroupBackendServers', { ...group, BackendServers: servers(eni) });
    expect(await list()).toEqual([
      { ServerId: 'i-node1', Port: 30080, Weight: 100, Type: 'ecs' },
      { ServerId: 'eni-node3', Port: 30080, Weight: 100, Type: 'eni', ServerIp: '192.168.1.4' },
    ]);
    await oracle.call('SetVServerGroupAttribute', {
      ...group,
      VServerGroupName: 'renamed',
      BackendServers: servers({ ...node1, Weight: 0 }),
    });
    await oracle.call('RemoveVServerGroupBackendServers', { ...group, BackendServers: servers(eni) });
    expect(await list()).toEqual([{ ServerId: 'i-node1', Port: 30080, Weight: 0, Type: 'ecs' }]);
  });

  it('tags groups and lists tags', async () => {
    const { oracle } = await startAccount();
    const group = await makeGroup(oracle);
    const named = { ResourceType: 'vservergroup', 'ResourceId.1': group };
    await oracle.call('TagResources', { ...named, 'Tag.1.Key': 'acme-expires', 'Tag.1.Value': '1800000000' });
    const list = async () =>
      (await oracle.call('ListTagResources', named)).TagResources.TagResource.map(
        ({ TagKey, TagValue }: Record<string, string>) => `${TagKey}=${TagValue}`,
      );
    expect(await list()).toEqual(['acme-owner=store-1', 'acme-expires=1800000000']);
    await oracle.call('UntagResources', { ...named, 'TagKey.1': 'acme-owner' });
    expect(await list()).toEqual(['acme-expires=1800000000']);
    const search = { ResourceType: 'vservergroup', 'Tag.1.Key': 'team', 'Tag.1.Value': 'shop' };
    expect((await oracle.call('ListTagResources', search)).TagResources.TagResource).toHaveLength(1);
  });
});

describe('what it refuses', () => {
  let clb: AlibabaClb;
  let oracle: Oracle;
  let group: string;
  let shopRule: string;
  beforeAll(async () => {
    ({ clb, oracle } = await startAccount());
    group = await makeGroup(oracle);
    shopRule = String(clb.snapshot().rules[0]!['id']);
  });

  const rule = (changes: object, times = 1) => ({
    ...onListener,
    RuleList: JSON.stringify(
      Array.from({ length: times }, (_, index) => ({
        RuleName: `r${index}`,
        Domain: `r${index}.example.com`,
        ...changes,
      })),
    ),
  });
  const create = (backends: unknown, more: object = {}) => ({
    LoadBalancerId: lb,
    BackendServers: typeof backends === 'string' ? backends : JSON.stringify(backends),
    ...more,
  });
  const check = {
    ListenerSync: 'off',
    Scheduler: 'wrr',
    StickySession: 'off',
    HealthCheck: 'on',
    HealthCheckURI: '/x',
    HealthCheckHttpCode: 'http_2xx',
    HealthCheckInterval: 1,
    HealthCheckTimeout: 1,
    HealthyThreshold: 2,
    UnhealthyThreshold: 2,
  };
  const setRule = (changes: object) => () => ({ RuleId: shopRule, ...check, ...changes });
  const g = (changes: object, times?: number) => () => rule({ VServerGroupId: group, ...changes }, times);
  // biome-ignore format: one case a line
  const cases: readonly (readonly [what: string, action: string, parameters: object | (() => object), code: string, status?: number])[] = [
    ['an unknown action', 'CreateRule', {}, 'InvalidAction.NotFound', 404],
    ['no region', 'DescribeRules', { RegionId: '', ...onListener }, 'MissingParameter'],
    ['an unknown region', 'DescribeRules', { RegionId: 'mars', ...onListener }, 'InvalidRegionId.NotFound', 404],
    ['another region', 'DescribeRules', { RegionId: 'cn-shanghai', ...onListener }, 'InvalidLoadBalancerId.NotFound', 404],
    ['an unknown balancer', 'DescribeLoadBalancerAttribute', { LoadBalancerId: 'lb-x' }, 'InvalidLoadBalancerId.NotFound', 404],
    ['a missing listener', 'DescribeRules', { ...onListener, ListenerPort: 81 }, 'ListenerNotFound', 404],
    ['a missing HTTPS listener', 'DescribeLoadBalancerHTTPSListenerAttribute', onListener, 'InvalidParameter'],
    ['a port above 65535', 'DescribeRules', { ...onListener, ListenerPort: 65536 }, 'InvalidParameter'],
    ['a TCP listener', 'CreateRules', () => ({ ...g({})(), ListenerPort: 22 }), 'RuleNotSupport'],
    ['a misspelt parameter', 'DescribeRules', { LoadBalancerId: lb, ListenerPorts: 80 }, 'MissingParameter'],
    ['rules that are no JSON', 'CreateRules', { ...onListener, RuleList: 'x' }, 'RuleListMalformed'],
    ['rules that are no list', 'CreateRules', { ...onListener, RuleList: '{}' }, 'RuleListMalformed'],
    ['no rule', 'CreateRules', { ...onListener, RuleList: '[]' }, 'RuleListMalformed'],
    ['eleven rules', 'CreateRules', g({}, 11), 'RuleListMalformed'],
    ['a rule without domain and URL', 'CreateRules', g({ Domain: '' }), 'RuleListMalformed'],
    ['a rule without name', 'CreateRules', g({ RuleName: '' }), 'RuleListMalformed'],
    ['a rule name of 41 characters', 'CreateRules', g({ RuleName: 'x'.repeat(41) }), 'InvalidParameter'],
    ['a rule name with a space', 'CreateRules', g({ RuleName: 'a b' }), 'InvalidParameter'],
    ['a rule name that exists', 'CreateRules', g({ RuleName: 'shop' }), 'InvalidParameter'],
    ['a name twice in one call', 'CreateRules', g({ RuleName: 'one' }, 2), 'InvalidParameter'],
    ['a domain that exists', 'CreateRules', g({ Domain: 'SHOP.example.com' }), 'DomainExist'],
    ['a domain with a port', 'CreateRules', g({ Domain: 'a.example.com:80' }), 'DomainMalformed'],
    ['a domain with _', 'CreateRules', g({ Domain: 'a_b.example.com' }), 'DomainMalformed'],
    ['a wildcard in the middle', 'CreateRules', g({ Domain: 'a.*.example.com' }), 'DomainMalformed'],
    ['the URL /', 'CreateRules', g({ Url: '/' }), 'UrlMalformed'],
    ['a URL with _', 'CreateRules', g({ Url: `${prefix}a_b` }), 'UrlMalformed'],
    ['a URL without /', 'CreateRules', g({ Url: 'x' }), 'UrlMalformed'],
    ['a URL of 81 characters', 'CreateRules', g({ Url: `/${'x'.repeat(80)}` }), 'UrlMalformed'],
    ['a rule to an unknown group', 'CreateRules', rule({ VServerGroupId: 'rsp-x' }), 'InvalidParameter', 404],
    ['a dry run that is fine', 'CreateRules', () => ({ ...g({})(), DryRun: true }), 'DryRunOperation'],
    ['an unknown rule', 'DeleteRules', { RuleIds: '["rule-x"]' }, 'InvalidRuleId.NotFound', 404],
    ['a list of rule ids that is none', 'DeleteRules', { RuleIds: 'rule-x' }, 'InvalidParameter'],
    ['settings of an unknown rule', 'SetRule', { RuleId: 'rule-x' }, 'InvalidRuleId.NotFound', 404],
    ['an incomplete health check', 'SetRule', setRule({ HealthyThreshold: '' }), 'MissingParameter'],
    ['no scheduler', 'SetRule', setRule({ Scheduler: '' }), 'MissingParameter'],
    ['a threshold of 1', 'SetRule', setRule({ HealthyThreshold: 1 }), 'InvalidParameter'],
    ['an interval of 51', 'SetRule', setRule({ HealthCheckInterval: 51 }), 'InvalidParameter'],
    ['a code of one status', 'SetRule', setRule({ HealthCheckHttpCode: '200' }), 'InvalidParameter'],
    ['a health URI with _', 'SetRule', setRule({ HealthCheckURI: `${prefix}_health` }), 'InvalidParameter'],
    ['a group name with a colon', 'CreateVServerGroup', create([node1], { VServerGroupName: 'a:b' }), 'InvalidParameter'],
    ['servers that are no JSON', 'CreateVServerGroup', create('x'), 'BackendServersMalformed'],
    ['a port of 0', 'CreateVServerGroup', create([{ ...node1, Port: 0 }]), 'InvalidParameter'],
    ['no port', 'CreateVServerGroup', create([{ ServerId: 'i-node1' }]), 'InvalidParameter'],
    ['a weight of 101', 'CreateVServerGroup', create([{ ...node1, Weight: 101 }]), 'InvalidWeight.Malformed'],
    ['an unknown server', 'CreateVServerGroup', create([{ ...node1, ServerId: 'i-x' }]), 'ObtainIpFail'],
    ['a stopped server', 'CreateVServerGroup', create([{ ...node1, ServerId: 'i-off' }]), 'ObtainIpFail'],
    ['an interface without its type', 'CreateVServerGroup', create([{ ServerId: 'eni-node3', Port: 1 }]), 'ObtainIpFail'],
    ['an interface without address', 'CreateVServerGroup', create([{ ServerId: 'eni-node3', Type: 'eni', Port: 1 }]), 'BackendServersMalformed'],
    ['an interface with a wrong address', 'CreateVServerGroup', create([{ ServerId: 'eni-node3', Type: 'eni', ServerIp: '192.168.9.9', Port: 1 }]), 'ObtainIpFail'],
    ['21 servers', 'CreateVServerGroup', create(Array.from({ length: 21 }, (_, index) => ({ ...node1, Port: index + 1 }))), 'TooManyBackendServers'],
    ['a server twice', 'CreateVServerGroup', create([node1, node1]), 'InvalidParameter'],
    ['a server that is there', 'AddVServerGroupBackendServers', () => ({ VServerGroupId: group, BackendServers: servers(node1) }), 'InvalidParameter'],
    ['the removal of an absent server', 'RemoveVServerGroupBackendServers', () => ({ VServerGroupId: group, BackendServers: servers({ ...node1, Port: 1 }) }), 'InvalidServerId.NotFound'],
    ['an unknown group', 'DeleteVServerGroup', { VServerGroupId: 'rsp-x' }, 'InvalidParameter', 404],
    ['a tag that starts with aliyun', 'CreateVServerGroup', create([node1], { 'Tag.1.Key': 'aliyun-x' }), 'InvalidParameter'],
    ['21 tags', 'CreateVServerGroup', create([node1], Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`Tag.${index + 1}.Key`, `k${index}`]))), 'TagCreateCountLimit'],
    ['tags of a rule', 'TagResources', { ResourceType: 'rule', 'ResourceId.1': 'x', 'Tag.1.Key': 'k' }, 'InvalidParameter'],
    ['tags of nothing', 'ListTagResources', { ResourceType: 'vservergroup' }, 'MissingParameter'],
  ];
  for (const [what, action, parameters, code, status] of cases)
    it(`${what}: ${code}`, async () => {
      const before = clb.snapshot();
      const refusal = await oracle.refused(
        action,
        (typeof parameters === 'function' ? parameters() : parameters) as never,
      );
      expect(refusal).toMatchObject({ code, status: status ?? 400 });
      expect(refusal.data).toMatchObject({ HostId: 'slb.aliyuncs.com', Code: code, RequestId: refusal.requestId });
      expect(clb.snapshot()).toEqual(before);
    });

  it('a 41st rule, and all of a call that would make one', async () => {
    const one = await startAccount();
    const id = await makeGroup(one.oracle);
    const ten = (from: number, count: number) =>
      one.oracle.call('CreateRules', {
        ...onListener,
        RuleList: JSON.stringify(
          Array.from({ length: count }, (_, index) => ({
            RuleName: `n${from + index}`,
            Domain: `n${from + index}.example.com`,
            VServerGroupId: id,
          })),
        ),
      });
    for (const from of [0, 10, 20]) await ten(from, 10);
    await expect(ten(30, 10)).rejects.toMatchObject({ code: 'TooManyRules' });
    await ten(30, 9);
    expect(one.clb.snapshot().rules).toHaveLength(40);
  });

  it('a rule to a group without servers, unless its switch says otherwise', async () => {
    const list = (id: string) => ({
      ...onListener,
      RuleList: JSON.stringify([{ RuleName: 'x', Url: '/x', VServerGroupId: id }]),
    });
    const strict = await startAccount();
    const { VServerGroupId: empty } = await strict.oracle.call('CreateVServerGroup', { LoadBalancerId: lb });
    expect((await strict.oracle.refused('CreateRules', list(empty))).code).toBe('VServerGroupEmpty');
    const lenient = await startAccount({ behaviour: { emptyGroups: 'accepted' } });
    const other = await lenient.oracle.call('CreateVServerGroup', { LoadBalancerId: lb });
    await lenient.oracle.call('CreateRules', list(other.VServerGroupId));
  });

  it('what its switches say: repeated additions and removals, both codes of a group in use, empty fields, XML', async () => {
    const { oracle, clb } = await startAccount({
      behaviour: {
        addAgain: 'ignored',
        removeAbsent: 'ignored',
        inUseCode: 'RspoolRuleExist',
        emptyFields: 'empty',
        denialCode: 'Forbidden',
      },
    });
    const VServerGroupId = await makeGroup(oracle);
    const same = { VServerGroupId, BackendServers: servers(node1) };
    await oracle.call('AddVServerGroupBackendServers', same);
    await oracle.call('RemoveVServerGroupBackendServers', { ...same, BackendServers: servers({ ...node1, Port: 1 }) });
    const { BackendServers } = await oracle.call('DescribeVServerGroupAttribute', { VServerGroupId });
    expect(BackendServers.BackendServer).toHaveLength(1);
    await makeRule(oracle, VServerGroupId);
    expect((await oracle.call('DescribeRules', onListener)).Rules.Rule[1]).toMatchObject({ Domain: '', Url: prefix });
    expect((await oracle.refused('DeleteVServerGroup', { VServerGroupId })).code).toBe('RspoolRuleExist');
    await oracle
      .call('DescribeRules', { ...onListener, Format: 'XML' })
      .catch(() => 'Alibaba’s client reads JSON only');
    expect(clb.records.at(-1)!.code).toBeUndefined();
    const declaration = "<?xml version='1.0' encoding='UTF-8'?>";
    expect(toXml('A', { b: [1, 2], c: { d: '<' } })).toBe(`${declaration}<A><b>1</b><b>2</b><c><d>&lt;</d></c></A>`);
  });

  it('more than a quota: of tags, of servers, of groups that share a server', async () => {
    const { oracle } = await startAccount({ quotas: { tagsOfResource: 2, serversOfBalancer: 2, groupsOfServer: 3 } });
    const group = await makeGroup(oracle); // node1 is in `web`, too
    const tag = (key: string) =>
      ({ ResourceType: 'vservergroup', 'ResourceId.1': group, 'Tag.1.Key': key, 'Tag.1.Value': '' }) as const;
    await oracle.call('TagResources', tag('second'));
    expect((await oracle.refused('TagResources', tag('third'))).code).toBe('TagCountLimit');
    const eni = { ServerId: 'eni-node3', Type: 'eni', ServerIp: '192.168.1.3', Port: 1 };
    const third = { VServerGroupId: group, BackendServers: servers(eni) };
    expect((await oracle.refused('AddVServerGroupBackendServers', third)).code).toBe('OverQuota');
    await makeGroup(oracle);
    await expect(makeGroup(oracle)).rejects.toMatchObject({ code: 'OverQuota' });
  });
});
