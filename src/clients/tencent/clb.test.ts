import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import type { Fields } from '../../core/text/json.ts';
import type { World } from '../../ports/world.ts';
import { createFakeApi } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { LookAgain } from '../http/look-again.ts';
import { connectClb } from './clb.ts';

const signal = new AbortController().signal;
type Scripted = Fields | { readonly Error: { readonly Code: string; readonly Message?: string } };

/** Each action answers from its own list, and repeats the last answer. */
function bench(script: Readonly<Record<string, readonly Scripted[]>>) {
  const clock = fakeClock(undefined, { auto: true });
  const left = new Map(Object.entries(script).map(([action, answers]) => [action, [...answers]]));
  let requests = 0;
  const api = createFakeApi({
    clock,
    origin: 'https://clb.tencentcloudapi.com',
    nameOf: ({ headers }) => headers['x-tc-action'] ?? '',
    routes: {
      'POST /': ({ headers }) => {
        const answers = left.get(headers['x-tc-action'] ?? '') ?? [];
        const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? { Error: { Code: 'InvalidAction' } };
        requests += 1;
        return { status: 200, body: { Response: { ...answer, RequestId: `R-${requests}` } } };
      },
    },
  });
  const world = {
    clock,
    random: { bytes: (length: number) => new Uint8Array(length), number: () => 0 },
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    http: () => api.http,
  } as unknown as World;
  const keys = { secretId: new Secret('AKIDexample'), secretKey: new Secret('key-0123') };
  const options = { region: 'ap-guangzhou', loadBalancer: 'lb-1', ...keys };
  const clb = connectClb({ options, title: 'the balancer "clb" (tencent-clb)', name: 'clb', world });
  const actions = () => api.calls.map(({ name }) => name);
  const change = () =>
    clb.change({ action: 'DeleteRule', params: { ListenerId: 'lbl-1', LocationIds: ['loc-1'] } }, signal);
  return { clb, api, clock, actions, change };
}

const running = { Status: 2, Message: null };
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: unknown) => error,
  );

describe('a change', () => {
  it('is done when its task is', async () => {
    const { change, actions, api } = bench({ DeleteRule: [{}], DescribeTaskStatus: [running, running, { Status: 0 }] });
    await change();
    expect(actions()).toEqual(['DeleteRule', ...Array.from({ length: 3 }, () => 'DescribeTaskStatus')]);
    expect(api.calls[1]?.request.json()).toEqual({ TaskId: 'R-1' });
    expect(api.calls[0]?.request.json()).toMatchObject({ LoadBalancerId: 'lb-1', ListenerId: 'lbl-1' });
    expect(api.calls[0]?.request.headers['x-tc-region']).toBe('ap-guangzhou');
  });

  it.each([
    ['FailedOperation.ResourceInOperating', ''],
    ['FailedOperation', 'The load balancer lb-1 is not in normal desState, tasks being processed.'],
    ['FailedOperation', 'Your task is working.'],
  ])('waits for others: %s %s', async (Code, Message) => {
    const busy = { Error: { Code, Message } };
    const { change, actions } = bench({ DeleteRule: [busy, busy, {}], DescribeTaskStatus: [{ Status: 0 }] });
    await change();
    expect(actions().filter((name) => name === 'DeleteRule')).toHaveLength(3);
  });

  it('is looked at again after a lost answer, and after a task that failed', async () => {
    const lost = bench({ DeleteRule: [{}], DescribeTaskStatus: [{ Status: 0 }] });
    lost.api.fault({ kind: 'lost' });
    expect(await failure(lost.change())).toBeInstanceOf(LookAgain);
    const failed = bench({ DeleteRule: [{}], DescribeTaskStatus: [{ Status: 1, Message: 'no backend' }] });
    const again = await failure(failed.change());
    expect(again).toMatchObject({ error: { code: 'balancer/failed', message: expect.stringContaining('no backend') } });
  });

  it('fails if its task never ends', async () => {
    const { change, clock } = bench({ DeleteRule: [{}], DescribeTaskStatus: [running] });
    const before = clock.monotonicMs();
    expect(await failure(change())).toMatchObject({ code: 'balancer/busy' });
    expect(clock.monotonicMs() - before).toBeLessThan(190_000);
  });

  it('is refused without a second look', async () => {
    const { change, actions } = bench({ DeleteRule: [{ Error: { Code: 'AuthFailure.UnauthorizedOperation' } }] });
    expect(await failure(change())).toMatchObject({
      code: 'balancer/refused',
      hint: expect.stringContaining('"action":["clb:DeleteRule"]'),
    });
    expect(actions()).toEqual(['DeleteRule']);
  });
});

describe('what is read', () => {
  it('the listener of the first protocol, and an error names the ones that exist if there is none', async () => {
    const listener = (Protocol: string) => ({ ListenerId: `lbl-${Protocol}`, Port: 443, Protocol, Rules: null });
    const both = bench({ DescribeListeners: [{ Listeners: [listener('QUIC'), listener('HTTPS')] }] });
    expect(await both.clb.listener(443, ['HTTPS', 'QUIC'], signal)).toMatchObject({ id: 'lbl-HTTPS', rules: [] });
    const none = bench({ DescribeListeners: [{ Listeners: [] }, { Listeners: [listener('TCP')] }] });
    expect(await failure(none.clb.listener(80, ['HTTP'], signal))).toMatchObject({
      code: 'balancer/not-found',
      message: expect.stringContaining('its listeners are 443 (TCP)'),
    });
  });

  it('a list that is missing is not taken for an empty one', async () => {
    const { clb } = bench({
      DescribeListeners: [{ Listeners: [{ ListenerId: 'lbl-1', Port: 80, Protocol: 'HTTP' }] }],
    });
    expect(await failure(clb.listener(80, ['HTTP'], signal))).toMatchObject({ code: 'balancer/failed' });
  });

  it('the quota of rules, or the usual one without the permission to read it', async () => {
    const set = { QuotaSet: [{ QuotaId: 'TOTAL_LISTENER_RULE_QUOTA', QuotaLimit: 80, QuotaCurrent: null }] };
    expect(await bench({ DescribeQuota: [set] }).clb.ruleQuota(signal)).toBe(80);
    const denied = { Error: { Code: 'AuthFailure.UnauthorizedOperation' } };
    expect(await bench({ DescribeQuota: [denied] }).clb.ruleQuota(signal)).toBe(50);
  });

  it('a classic load balancer is refused, and one that is gone is not found', async () => {
    const one = { LoadBalancerVips: ['203.0.113.10'], AddressIPv6: '2001:db8::10', Forward: 1 };
    const addresses = (set: readonly unknown[]) =>
      failure(bench({ DescribeLoadBalancers: [{ LoadBalancerSet: set }] }).clb.addresses(signal));
    expect(await bench({ DescribeLoadBalancers: [{ LoadBalancerSet: [one] }] }).clb.addresses(signal)).toEqual([
      ...['203.0.113.10', '2001:db8::10'],
    ]);
    expect(await addresses([{ ...one, Forward: 0 }])).toMatchObject({ code: 'balancer/refused' });
    expect(await addresses([])).toMatchObject({ code: 'balancer/not-found' });
  });
});
