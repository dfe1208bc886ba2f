import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Secret } from '../../core/errors/secret.ts';
import type { World } from '../../ports/world.ts';
import { createFakeApi, type FakeAnswer, type FakeApi, type FakeRequest } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';

// A few calls of the CLB API in memory, without signatures and limits, for the unit tests of balancer and deployer. The
// strict fake is in test/support.

export interface TestRule {
  RuleId: string;
  RuleName: string;
  Domain?: string;
  Url?: string;
  VServerGroupId: string;
  [setting: string]: unknown;
}

export interface TestGroup {
  VServerGroupId: string;
  VServerGroupName: string;
  Tags: { Tag: { TagKey: string; TagValue: string }[] };
  servers: Record<string, string>[];
}

export interface TestCertificate {
  ServerCertificateId: string;
  ServerCertificateName: string;
  Fingerprint: string;
  CreateTimeStamp: number;
  SubjectAlternativeNames?: { SubjectAlternativeName: string[] };
  Tags?: TestGroup['Tags'];
}

export interface TestClb {
  readonly api: FakeApi;
  readonly world: World;
  readonly listeners: Record<string, unknown>[];
  /** Rules by port. */
  readonly rules: Record<string, TestRule[]>;
  readonly groups: TestGroup[];
  /** Servers that cannot be added. */
  readonly stopped: string[];
  readonly certificates: TestCertificate[];
  readonly extensions: { DomainExtensionId: string; Domain: string; ServerCertificateId: string }[];
  /** The ID of the HTTPS listener's default certificate. */
  standard: string;
  /** The result of DescribeHealthStatus. */
  health: Record<string, unknown>[];
  /** The parameters of each call, with its action. */
  readonly sent: Record<string, string>[];
  /** Refuses the next call of an action with this response, without carrying it out. */
  refuse(action: string, status: number, code: string, message?: string): void;
  /** Returns the actions of the calls since the last count. */
  actions(): string[];
}

export const keys = { accessKeyId: new Secret('LTAI-unit-test'), accessKeySecret: new Secret('unit-test-secret') };

export function testClb(): TestClb {
  const clock = fakeClock(undefined, { auto: true });
  const rules: Record<string, TestRule[]> = { 80: [], 443: [] };
  const groups: TestGroup[] = [];
  const sent: Record<string, string>[] = [];
  const refusals: { action: string; answer: FakeAnswer }[] = [];
  const listeners: Record<string, unknown>[] = [
    { ListenerPort: 80, ListenerProtocol: 'http', ListenerForward: 'off' },
    { ListenerPort: 443, ListenerProtocol: 'https' },
  ];
  let last = 0;
  let counted = 0;
  const made = { health: [] as Record<string, unknown>[], standard: 'cert-old' };
  const stopped: string[] = [];
  const isStopped = (list: string | undefined) =>
    (JSON.parse(list ?? '[]') as { ServerId: string }[]).some(({ ServerId }) => stopped.includes(ServerId));
  const certificates: TestCertificate[] = [];
  const extensions: { DomainExtensionId: string; Domain: string; ServerCertificateId: string }[] = [];
  const tagsOf = (p: Record<string, string>) => ({
    Tag: [1, 2, 3, 4].flatMap((n) => {
      const key = p[`Tag.${n}.Key`];
      return key === undefined ? [] : [{ TagKey: key, TagValue: p[`Tag.${n}.Value`] ?? '' }];
    }),
  });
  const all = () => Object.values(rules).flat();

  const actions: Record<string, (p: Record<string, string>) => object | FakeAnswer> = {
    DescribeLoadBalancerAttribute: (p) =>
      p['LoadBalancerId'] === 'lb-1' && p['RegionId'] === 'cn-test'
        ? { LoadBalancerStatus: 'active', ListenerPortsAndProtocol: { ListenerPortAndProtocol: listeners } }
        : refusal(404, 'InvalidLoadBalancerId.NotFound', 'The specified LoadBalancerId does not exist.'),
    DescribeRules: (p) => ({ Rules: { Rule: rules[p['ListenerPort'] ?? ''] ?? [] } }),
    DescribeVServerGroups: () => ({
      VServerGroups: {
        VServerGroup: groups.map(({ servers: _, ...group }) => ({
          ...group,
          AssociatedObjects: { Rules: { Rule: all().filter((rule) => rule.VServerGroupId === group.VServerGroupId) } },
        })),
      },
    }),
    DescribeVServerGroupAttribute: (p) => {
      const group = groups.find(({ VServerGroupId: id }) => id === p['VServerGroupId']);
      return group ? { BackendServers: { BackendServer: group.servers } } : unknownGroup;
    },
    DescribeHealthStatus: () => ({ BackendServers: { BackendServer: made.health } }),
    CreateVServerGroup: (p) => {
      if (isStopped(p['BackendServers'])) return refusal(400, 'ObtainIpFail');
      const group = {
        VServerGroupId: `rsp-${++last}`,
        VServerGroupName: p['VServerGroupName'] ?? '',
        Tags: tagsOf(p),
        servers: JSON.parse(p['BackendServers'] ?? '[]'),
      };
      groups.push(group);
      return { VServerGroupId: group.VServerGroupId };
    },
    AddVServerGroupBackendServers: (p) => {
      if (isStopped(p['BackendServers'])) return refusal(400, 'ObtainIpFail');
      groups
        .find((one) => one.VServerGroupId === p['VServerGroupId'])!
        .servers.push(...JSON.parse(p['BackendServers']!));
      return {};
    },
    RemoveVServerGroupBackendServers: (p) => {
      const group = groups.find((one) => one.VServerGroupId === p['VServerGroupId'])!;
      const gone: Record<string, string>[] = JSON.parse(p['BackendServers']!);
      group.servers = group.servers.filter(
        (s) => !gone.some((g) => g['ServerId'] === s['ServerId'] && g['Port'] === s['Port']),
      );
      return {};
    },
    DeleteVServerGroup: (p) => {
      const at = groups.findIndex((one) => one.VServerGroupId === p['VServerGroupId']);
      if (at < 0) return unknownGroup;
      if (all().some((rule) => rule.VServerGroupId === p['VServerGroupId'])) return refusal(400, 'RspoolRuleExist');
      groups.splice(at, 1);
      return {};
    },
    CreateRules: (p) => {
      const list: TestRule[] = JSON.parse(p['RuleList'] ?? '[]');
      if (list.some((rule) => !groups.some((one) => one.VServerGroupId === rule.VServerGroupId))) return unknownGroup;
      const added = list.map((rule) => ({ ...rule, RuleId: `rule-${++last}`, ListenerSync: 'on' }));
      rules[p['ListenerPort'] ?? '']?.push(...added);
      return { Rules: { Rule: added.map(({ RuleId, RuleName }) => ({ RuleId, RuleName })) } };
    },
    DescribeLoadBalancerHTTPSListenerAttribute: (p) =>
      p['ListenerPort'] === '443'
        ? { ServerCertificateId: made.standard }
        : refusal(400, 'InvalidParameter', 'The specified resource does not exist.'),
    DescribeDomainExtensions: () => ({ DomainExtensions: { DomainExtension: extensions } }),
    DescribeServerCertificates: () => ({ ServerCertificates: { ServerCertificate: certificates } }),
    UploadServerCertificate: (p) => {
      const leaf = new X509Certificate(p['ServerCertificate'] ?? '');
      if (
        !leaf.checkPrivateKey(
          createPrivateKey((p['PrivateKey'] ?? '').replace(/^-----BEGIN EC PARA[\s\S]+PARAMETERS-----\n/, '')),
        )
      )
        return refusal(400, 'CertificateNotMatchPrivateKey');
      const id = `cert-${++last}`;
      certificates.push({
        ServerCertificateId: id,
        ServerCertificateName: p['ServerCertificateName'] ?? '',
        Fingerprint: leaf.fingerprint.toLowerCase(),
        CreateTimeStamp: clock.now().getTime(),
        SubjectAlternativeNames: {
          SubjectAlternativeName: [...(leaf.subjectAltName ?? '').matchAll(/DNS:([^,]+)/g)].map(([, n]) => n!),
        },
        Tags: tagsOf(p),
      });
      return { ServerCertificateId: id };
    },
    DeleteServerCertificate: (p) => {
      const id = p['ServerCertificateId'];
      const at = certificates.findIndex((one) => one.ServerCertificateId === id);
      if (at < 0) return refusal(404, 'ServerCertificateId.NotFound');
      if (made.standard === id || extensions.some((one) => one.ServerCertificateId === id))
        return refusal(400, 'CertificateAndPrivateKeyIsRefered');
      certificates.splice(at, 1);
      return {};
    },
    SetLoadBalancerHTTPSListenerAttribute: (p) => {
      made.standard = p['ServerCertificateId'] ?? '';
      return {};
    },
    CreateDomainExtension: (p) => {
      if (extensions.some(({ Domain }) => Domain === p['Domain'])) return refusal(400, 'DomainExtensionExist');
      if (extensions.length >= 3) return refusal(400, 'DomainExtensionQuotaExceeded', 'Too many extensions.');
      const id = `de-${++last}`;
      extensions.push({ DomainExtensionId: id, Domain: p['Domain']!, ServerCertificateId: p['ServerCertificateId']! });
      return { DomainExtensionId: id };
    },
    SetDomainExtensionAttribute: (p) => {
      const extension = extensions.find((one) => one.DomainExtensionId === p['DomainExtensionId']);
      if (!extension) return refusal(400, 'InvalidParameter.DomainExtensionId');
      extension.ServerCertificateId = p['ServerCertificateId']!;
      return {};
    },
    DeleteDomainExtension: (p) => {
      const at = extensions.findIndex((one) => one.DomainExtensionId === p['DomainExtensionId']);
      if (at < 0) return refusal(400, 'InvalidParameter.DomainExtensionId');
      extensions.splice(at, 1);
      return {};
    },
    SetRule: (p) => {
      const rule = all().find(({ RuleId }) => RuleId === p['RuleId']);
      if (!rule) return refusal(404, 'InvalidRuleId.NotFound');
      Object.assign(rule, p);
      return {};
    },
    DeleteRules: (p) => {
      const ids: string[] = JSON.parse(p['RuleIds'] ?? '[]');
      if (ids.some((id) => !all().some(({ RuleId }) => RuleId === id))) return refusal(404, 'InvalidRuleId.NotFound');
      for (const [port, list] of Object.entries(rules))
        rules[port] = list.filter(({ RuleId }) => !ids.includes(RuleId));
      return {};
    },
  };

  const api = createFakeApi({
    clock,
    origin: 'http://127.0.0.1:1',
    nameOf: ({ headers }: FakeRequest) => headers['x-acs-action'] ?? '',
    routes: {
      'POST /': ({ url, headers, form }) => {
        const action = headers['x-acs-action'] ?? '';
        const { RegionId, ...params } = { ...Object.fromEntries(url.searchParams), ...Object.fromEntries(form()) };
        sent.push({ action, ...params });
        const at = refusals.findIndex((one) => one.action === action);
        if (at >= 0) return refusals.splice(at, 1)[0]!.answer;
        const answer =
          actions[action]?.({ ...params, RegionId: RegionId ?? '' }) ?? refusal(404, 'InvalidAction.NotFound');
        if ('status' in answer && typeof answer.status === 'number') return answer as FakeAnswer;
        return { status: 200, body: { RequestId: 'R-ok', ...answer } };
      },
    },
  });
  const world = {
    clock,
    random: { bytes: (length: number) => new Uint8Array(length).fill(++last % 256), number: () => 0 },
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    http: () => api.http,
  } as unknown as World;

  return Object.assign(made, {
    api,
    world,
    listeners,
    rules,
    groups,
    stopped,
    certificates,
    extensions,
    sent,
    refuse: (action: string, status: number, code: string, message?: string) =>
      void refusals.push({ action, answer: refusal(status, code, message) }),
    actions: () => {
      const since = sent.slice(counted).map(({ action }) => action ?? '');
      counted = sent.length;
      return since;
    },
  });
}

const refusal = (status: number, Code: string, Message = 'No.'): FakeAnswer => ({
  status,
  body: { RequestId: 'R-no', Code, Message },
});
const unknownGroup = refusal(404, 'InvalidParameter', 'The specified VServerGroupId does not exist.');
