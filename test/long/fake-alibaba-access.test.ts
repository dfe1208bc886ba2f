import { request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  accountOptions,
  lb,
  makeGroup,
  makeRule,
  node1,
  onListener,
  root,
  servers,
  startAccount,
} from '../support/alibaba-account.ts';
import { startAlibabaClb } from '../support/alibaba-clb.ts';
import { startMetadata } from '../support/alibaba-metadata.ts';
import { createOracle, type OracleKey } from '../support/alibaba-oracle.ts';
import { atEnd } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The gateway of the fake: signatures, keys, permissions and rates, and what a cloud does to a client's patience.

stopAllAfterwards();

describe('who may call', () => {
  it('signatures: a changed, unsigned, repeated or late request is refused', async () => {
    const { clb } = await startAccount();
    // Alibaba's client signs a request for this recorder; it is then sent to the fake with and without changes.
    type Changed = { url?: string; headers?: Record<string, string>; method?: string; body?: string };
    const seen: { url: string; headers: Record<string, string> }[] = [];
    const recorder = createServer((asked, answer) => {
      const { 'content-length': _length, ...headers } = asked.headers as Record<string, string>;
      seen.push({ url: asked.url ?? '', headers });
      answer.setHeader('content-type', 'application/json');
      answer.end('{}');
    });
    await new Promise<void>((opened) => recorder.listen(0, '127.0.0.1', opened));
    atEnd(() => void recorder.close());
    const recording = createOracle(`http://127.0.0.1:${(recorder.address() as AddressInfo).port}`, root);
    const send = async (
      change: (sent: { url: string; headers: Record<string, string> }) => Changed = () => ({}),
      signed?: (typeof seen)[number],
    ): Promise<string> => {
      if (signed === undefined) await recording.call('DescribeRules', { ...onListener, Note: "it's (me)! ~* é+&=" });
      const sent = signed ?? seen.at(-1)!;
      const { url, headers, body, method = 'POST' }: Changed & (typeof seen)[number] = { ...sent, ...change(sent) };
      return new Promise((answer, reject) => {
        const asking = ask(`${clb.endpoint}${url}`, { method, headers, setHost: false }, async (response) => {
          const chunks: Buffer[] = [];
          for await (const chunk of response) chunks.push(chunk as Buffer);
          answer((JSON.parse(Buffer.concat(chunks).toString()) as { Code?: string }).Code ?? 'fine');
        });
        asking.on('error', reject);
        asking.end(body);
      });
    };
    const without = (name: string) => (sent: { headers: Record<string, string> }) => ({
      headers: Object.fromEntries(Object.entries(sent.headers).filter(([key]) => key !== name)),
    });
    const withHeader = (name: string, value: string) => (sent: { headers: Record<string, string> }) => ({
      headers: { ...sent.headers, [name]: value },
    });
    expect(await send()).toBe('fine');
    expect(await send(undefined, seen.at(-1)!)).toBe('SignatureNonceUsed');
    expect(await send(({ url }) => ({ url: url.replace('=80', '=81') }))).toBe('SignatureDoesNotMatch');
    expect(await send(withHeader('x-acs-extra', 'unsigned'))).toBe('SignatureDoesNotMatch');
    expect(await send(withHeader('content-type', 'text/plain'))).toBe('SignatureDoesNotMatch');
    expect(await send(withHeader('host', 'slb.aliyuncs.com'))).toBe('SignatureDoesNotMatch');
    expect(await send(() => ({ body: 'a=b' }))).toBe('SignatureDoesNotMatch');
    expect(await send(() => ({ method: 'GET' }))).toBe('SignatureDoesNotMatch');
    expect(await send(() => ({ method: 'PUT' }))).toBe('UnsupportedHTTPMethod');
    expect(await send(withHeader('x-acs-version', '2014-05-14'))).toBe('InvalidVersion');
    expect(await send(without('x-acs-date'))).toBe('MissingParameter');
    expect(await send(without('authorization'))).toBe('MissingParameter');
    expect(await send(withHeader('authorization', 'ACS3-HMAC-SHA256 x'))).toBe('IncompleteSignature');
    clb.setClockOffset(14 * 60_000);
    expect(await send()).toBe('fine');
    for (const minutes of [16, -16]) {
      clb.setClockOffset(minutes * 60_000);
      expect(await send()).toBe('InvalidTimeStamp.Expired');
    }
  });

  it('keys: unknown, wrong, temporary, expired', async () => {
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    const temporary = { id: 'STS.one', secret: 'temporary-secret' };
    const clb = await startAlibabaClb({
      ...accountOptions,
      keys: [root, { ...temporary, sts: { token: 'token-1', expires } }],
    });
    const code = async (key: OracleKey) =>
      createOracle(clb.endpoint, key)
        .call('DescribeRules', onListener)
        .then(
          () => 'fine',
          (error: { code: string }) => error.code,
        );
    expect(await code({ ...root, id: 'LTAIother' })).toBe('InvalidAccessKeyId.NotFound');
    expect(await code({ ...root, secret: 'wrong' })).toBe('SignatureDoesNotMatch');
    expect(await code({ ...temporary, token: 'token-1' })).toBe('fine');
    expect(await code(temporary)).toBe('MissingSecurityToken');
    expect(await code({ ...temporary, token: 'token-2' })).toBe('InvalidSecurityToken.MismatchWithAccessKey');
    clb.setClockOffset(3_600_001);
    expect(await code({ ...temporary, token: 'token-1' })).toMatch(/Expired/);
  });

  it('the role of an instance: its metadata server issues keys, and new ones before they end', async () => {
    const { clb } = await startAccount();
    let now = Date.now();
    const role = { instanceId: 'i-node1', role: 'ecs-refresh', hardened: true, lifetimeMs: 3_600_000, now: () => now };
    const metadata = await startMetadata(clb, role);
    const read = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
      const answer = await fetch(`${metadata.endpoint}/latest/${path}`, { method, headers });
      return answer.ok ? answer.text() : String(answer.status);
    };
    const credentials = 'meta-data/ram/security-credentials/';
    expect(await read('meta-data/instance-id')).toBe('403');
    expect(await read('api/token', { 'X-aliyun-ecs-metadata-token-ttl-seconds': '21601' }, 'PUT')).toBe('400');
    const token = await read('api/token', { 'X-aliyun-ecs-metadata-token-ttl-seconds': '21600' }, 'PUT');
    const own = { 'X-aliyun-ecs-metadata-token': token };
    expect(await read('meta-data/instance-id', own)).toBe('i-node1');
    expect(await read('meta-data/region-id', own)).toBe('cn-hangzhou');
    expect(await read(credentials, own)).toBe('ecs-refresh');
    expect(await read(`${credentials}other`, own)).toBe('404');
    const key = async () => JSON.parse(await read(`${credentials}ecs-refresh`, own)) as Record<string, string>;
    const first = await key();
    expect(first).toMatchObject({ Code: 'Success', Expiration: expect.stringMatching(/Z$/) });
    const oracle = (issued: Record<string, string>) =>
      createOracle(clb.endpoint, {
        id: issued['AccessKeyId']!,
        secret: issued['AccessKeySecret']!,
        token: issued['SecurityToken']!,
      });
    await oracle(first).call('DescribeRules', onListener);
    expect(await key()).toEqual(first);
    // Alibaba's client signs with this machine's time, so the cloud's clock stays within its 15 minutes.
    now += 31 * 60_000;
    const second = await key();
    expect(second['AccessKeyId']).not.toBe(first['AccessKeyId']);
    await oracle(first).call('DescribeRules', onListener); // both are valid for a while
    await oracle(second).call('DescribeRules', onListener);
  });

  it('permissions: RAM names the action, and the resource only to those who can decode it', async () => {
    const key = { id: 'LTAIuser', secret: 'user-secret' };
    const statement = (Action: string[], Resource: string[]) => ({ Effect: 'Allow' as const, Action, Resource });
    const policy = [
      statement(['slb:Describe*', 'slb:CreateVServerGroup'], [`acs:slb:*:*:loadbalancer/${lb}`]),
      statement(['slb:CreateVServerGroup'], ['acs:ecs:*:*:instance/i-node1']),
    ];
    const clb = await startAlibabaClb({ ...accountOptions, keys: [root, { ...key, policy }] });
    const user = createOracle(clb.endpoint, key);
    const group = await makeGroup(user);
    const refusal = await user.refused('DeleteVServerGroup', { VServerGroupId: group });
    expect(refusal).toMatchObject({ code: 'Forbidden.RAM', status: 403 });
    const detail = refusal.data['AccessDeniedDetail'] as Record<string, string>;
    expect(detail).toMatchObject({ AuthAction: 'slb:DeleteVServerGroup', NoPermissionType: 'ImplicitDeny' });
    expect(Buffer.from(detail['EncodedDiagnosticMessage']!, 'base64').toString()).toContain(`loadbalancer/${lb}`);
    const other = { LoadBalancerId: lb, BackendServers: servers({ ...node1, ServerId: 'i-node2' }) };
    expect((await user.refused('CreateVServerGroup', other)).code).toBe('Forbidden.RAM');
    expect(clb.snapshot().groups).toHaveLength(3);
    const denying = await startAlibabaClb({
      ...accountOptions,
      keys: [{ ...key, policy: [...policy, { Effect: 'Deny', Action: 'slb:DescribeRules', Resource: '*' }] }],
    });
    const denied = await createOracle(denying.endpoint, key).refused('DescribeRules', onListener);
    expect(denied.data['AccessDeniedDetail']).toMatchObject({ NoPermissionType: 'ExplicitDeny' });
    // As an answer that a user of CLB once posted: the code is another one and the action is not named.
    const terse = await startAlibabaClb({
      ...accountOptions,
      keys: [{ ...key, policy }],
      behaviour: { denialCode: 'Forbidden' },
    });
    const answer = await createOracle(terse.endpoint, key).refused('UploadServerCertificate');
    expect(answer).toMatchObject({ code: 'Forbidden', status: 403 });
    expect(answer.data['AccessDeniedDetail']).not.toHaveProperty('AuthAction');
  });

  it('rates: one call too many in a second is refused', async () => {
    const { clb, oracle } = await startAccount({ callsPerSecond: 3 });
    const answers = await Promise.allSettled(Array.from({ length: 5 }, () => oracle.call('DescribeRules', onListener)));
    expect(answers.filter(({ status }) => status === 'rejected')).toHaveLength(2);
    expect(clb.records.filter(({ code }) => code === 'Throttling.User')).toHaveLength(2);
  });
});

describe('a cloud is slow and forgetful', () => {
  it('refuses changes while one is under way', async () => {
    const { clb, oracle } = await startAccount({ changeMs: Number.POSITIVE_INFINITY });
    const group = await makeGroup(oracle);
    const codes = new Set<string>();
    for (let tries = 0; tries < 12; tries++) {
      const busy = await oracle.refused('DeleteVServerGroup', { VServerGroupId: group });
      codes.add(`${busy.code} ${busy.status}`);
    }
    clb.endChanges();
    await makeRule(oracle, group);
    codes.add((await oracle.refused('SetVServerGroupAttribute', { VServerGroupId: group })).code);
    clb.endChanges();
    expect([...codes].join()).toMatch(/BackendServer.configuring 409/);
    expect(codes.size).toBeGreaterThan(1);
    // A deleted rule still holds its group until the change has ended.
    const rules = clb.snapshot().rules.filter(({ name }) => name === 'ours');
    await oracle.call('DeleteRules', { RuleIds: JSON.stringify(rules.map(({ id }) => id)) });
    expect((await oracle.refused('DeleteVServerGroup', { VServerGroupId: group })).code).toMatch(/^Rspool/);
    clb.endChanges();
    await oracle.call('DeleteVServerGroup', { VServerGroupId: group });
  });

  it('loses answers of changes that it has made, by chance and as told', async () => {
    const { clb, oracle } = await startAccount({ loseAnswers: 0.5, seed: 7 });
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => makeGroup(oracle, `g${index}`)));
    const lost = results.filter(({ status }) => status === 'rejected').length;
    expect(lost).toBeGreaterThan(3);
    expect(lost).toBeLessThan(17);
    expect(clb.records.filter((record) => record.lost)).toHaveLength(lost);
    expect(clb.snapshot().groups).toHaveLength(22);
    clb.set({ loseAnswers: 0 });
    clb.inject({ action: 'CreateVServerGroup', cut: 'before' });
    clb.inject({ action: 'CreateVServerGroup', cut: 'after' });
    clb.inject({ action: 'changes', code: 'ServiceUnavailable' });
    clb.inject({ raw: { status: 502, body: '<html>' } });
    for (const groups of [22, 23]) {
      await expect(makeGroup(oracle)).rejects.toThrow();
      expect(clb.snapshot().groups).toHaveLength(groups);
    }
    expect((await oracle.refused('CreateVServerGroup', { LoadBalancerId: lb })).status).toBe(503);
    await expect(oracle.call('DescribeRules', onListener)).rejects.toThrow();
    await oracle.call('DescribeRules', onListener);
  });
});
