import { describe, expect, it } from 'vitest';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const hourMs = 3_600_000;
type World = Awaited<ReturnType<typeof createSimulatedWorld>>;

/** Loses the answer to the next newOrder, after the CA has made the order. */
const loseAnswer = (world: World) => world.ca.failNext('newOrder', { after: true, cut: true });
const newOrdersSince = (world: World, from: number) =>
  world.ca.requests
    .slice(from)
    .filter(({ kind }) => kind === 'newOrder')
    .map(({ payload, problem }) => [
      (payload as { replaces?: string } | undefined)?.replaces === undefined ? 'plain' : 'replaces',
      problem ?? 'accepted',
    ]);

describe('an order that the CA answers with a bare 404', () => {
  const bare404 = { status: 404, html: '<h1>not found</h1>' };
  const now = () => job(simulatedSpec(), { obeyBackoff: false });
  /** A run that left an open order, of a first issue or of a renewal. */
  async function withOpenOrder(isRenewal: boolean) {
    const world = await createSimulatedWorld({ settings: { reuseOrders: false } });
    if (isRenewal) {
      await issue(world.replica(1), job(simulatedSpec()), signal);
      world.pass(61 * dayMs);
    }
    const problem = { type: 'urn:ietf:params:acme:error:userActionRequired', detail: 'read it', status: 403 };
    world.ca.failNext('finalize', { status: 403, problem });
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'failed' });
    const { version, order } = (await world.readLineage())?.work ?? {};
    expect(order?.url).toBeDefined();
    return { world, version, order };
  }

  it.each([
    ['of a first issue', false, false],
    ['of a renewal', true, false],
    ['of a renewal, and the account too', true, true],
  ])(
    'is gone if the CA has lost the orders, %s: another one follows, with the same key',
    async (_what, isRenewal, account) => {
      const { world, version } = await withOpenOrder(isRenewal);
      world.ca.state.orders.clear();
      if (account) world.ca.state.accounts.clear();
      world.ca.failNext('order', bare404);
      const result = isRenewal ? 'renewed' : 'issued';
      expect(await issue(world.replica(2), now(), signal)).toMatchObject({ result });
      expect((await world.readLineage())?.current?.id).toBe(version);
    },
  );

  it('is kept while a proxy answers everything so', async () => {
    const { world, order } = await withOpenOrder(true);
    for (const kind of ['order', 'newAccount'] as const) world.ca.failNext(kind, { ...bare404, times: 3 });
    const failed = { result: 'failed', error: { code: 'acme/busy' } };
    for (const pid of [2, 3, 4]) {
      expect(await issue(world.replica(pid), now(), signal)).toMatchObject(failed);
      expect((await world.readLineage())?.work?.order).toEqual(order);
    }
    const before = world.ca.accepted('newOrder');
    expect(await issue(world.replica(5), now(), signal)).toMatchObject({ result: 'renewed' });
    expect(world.ca.accepted('newOrder')).toBe(before);
  });
});

describe('an order over which the CA breaks', () => {
  it.each([
    ['at once', {}, ['renewed']],
    ['at the next try, when the CA names a time', { retryAfter: { seconds: 3_600 } }, ['failed', 'renewed']],
  ])('is requested again without `replaces` %s', async (_when, failure, results) => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    world.pass(80 * dayMs);
    world.ca.failNext('newOrder', { status: 500, ...failure });
    const from = world.ca.requests.length;
    for (const result of results) {
      expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result });
      world.pass(hourMs + 100_000);
    }
    const orders = world.ca.requests.slice(from).filter(({ kind }) => kind === 'newOrder');
    expect(orders).toHaveLength(2);
    // The CA that failed has not read the first request.
    expect(orders[1]?.payload).toBeDefined();
    expect(orders[1]?.payload).not.toHaveProperty('replaces');
  });
});

describe('an order whose answer was lost', () => {
  it.each([
    ['returns the open order', true, 1],
    ['makes a second order', false, 2],
  ])('is requested again, never looked for in the account’s list, if the CA %s', async (_title, reuse, orders) => {
    const world = await createSimulatedWorld({ settings: { reuseOrders: reuse } });
    loseAnswer(world);
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'issued' });
    expect(world.ca.state.orders.size).toBe(orders);
    expect(world.ca.accepted('newOrder')).toBe(2);
    expect(world.ca.accepted('finalize')).toBe(1);
    // Reading the list, or the account that names it, has broken accounts (Caddy 2.6).
    expect(world.ca.requests.filter(({ kind }) => /^(orders|account)$/.test(kind))).toEqual([]);
  });

  it('is the open order if it was to replace a certificate', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    world.pass(61 * dayMs);
    const from = world.ca.requests.length;
    loseAnswer(world);
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'renewed' });
    expect(newOrdersSince(world, from)).toEqual([
      ['replaces', 'accepted'],
      ['replaces', 'alreadyReplaced'],
      ['plain', 'accepted'],
    ]);
    expect(world.ca.state.orders.size).toBe(2);
  });

  it('delays a renewal that a limit refuses no longer than its own lifetime', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    world.pass(61 * dayMs);
    world.ca.settings.limitSeconds = 34 * 3600;
    loseAnswer(world);
    const from = world.ca.requests.length;
    const limited = await issue(world.replica(1), job(simulatedSpec()), signal);
    expect(limited).toMatchObject({ result: 'failed', error: { code: 'acme/open-order' } });
    expect(limited.message).toContain('too many certificates');
    expect(newOrdersSince(world, from)).toEqual([
      ['replaces', 'accepted'],
      ['replaces', 'alreadyReplaced'],
      ['plain', 'rateLimited'],
    ]);
    // One request each time the CA may say yes, and that is when the outcome says.
    let { next } = limited;
    for (let tries = 2; tries < 7; tries += 1) {
      const later = world.ca.requests.length;
      world.pass(Date.parse(next!) - world.clock.now().getTime() - 1_000);
      expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ failing: true, next });
      world.pass(2_000);
      const again = await issue(world.replica(1), job(simulatedSpec()), signal);
      expect(again).toMatchObject({ result: 'failed', message: limited.message, error: { code: 'acme/open-order' } });
      expect(newOrdersSince(world, later)).toEqual([['replaces', 'alreadyReplaced']]);
      const { failure } = (await world.readLineage()) ?? {};
      expect([failure?.retryAt, failure?.holdUntil]).toEqual([again.next, again.next]);
      const held = Date.parse(again.next!) - world.clock.now().getTime();
      expect(held).toBeGreaterThan(0);
      expect(held).toBeLessThanOrEqual(hourMs);
      ({ next } = again);
    }

    // The simulated CA's orders live 8 hours; the limit lasts four times as long.
    world.pass(8 * hourMs + 60_000);
    const later = world.ca.requests.length;
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'renewed' });
    expect(newOrdersSince(world, later)).toEqual([['replaces', 'accepted']]);
  });

  it('is the open order again once the limit is over', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    world.pass(61 * dayMs);
    world.ca.settings.limitSeconds = 2 * 3600;
    loseAnswer(world);
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'failed' });
    world.pass(2 * hourMs + 1_000);
    world.ca.settings.limitSeconds = undefined;
    const from = world.ca.requests.length;
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'renewed' });
    expect(newOrdersSince(world, from)).toEqual([
      ['replaces', 'alreadyReplaced'],
      ['plain', 'accepted'],
    ]);
    expect(world.ca.state.orders.size).toBe(2);
  });

  it('that dies while the limit refuses the renewal is replaced at the next try', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    world.pass(61 * dayMs);
    world.ca.settings.limitSeconds = 34 * 3600;
    const problem = { type: 'urn:ietf:params:acme:error:alreadyReplaced', detail: 'replaced', status: 409 };
    world.ca.failNext('newOrder', { problem });
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'failed' });
    world.pass(hourMs + 1_000);
    const from = world.ca.requests.length;
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'renewed' });
    expect(newOrdersSince(world, from)).toEqual([['replaces', 'accepted']]);
  });
});

describe('a certificate that could not be downloaded', () => {
  const minuteMs = 60_000;
  const lost = (times: number) => ({ after: true, cut: true, times });
  /** How many requests one run sends for it. */
  const asked = 3;

  /** A renewal that has failed for days, until the CA issues a certificate whose downloads are lost in so many runs. */
  async function withIssued({ runs = 1, force = false }) {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    if (!force) {
      world.pass(70 * dayMs);
      const failure = { count: 9, code: 'acme/paused', message: '', hint: '', retryAt: '' };
      await world.editLineage((lineage) => ({
        ...lineage,
        failure: { ...failure, at: world.clock.now().toISOString() },
      }));
    }
    world.ca.failNext('certificate', lost(asked * runs));
    const outcome = await issue(world.replica(1), job(simulatedSpec(), { obeyBackoff: false, force }), signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/unreachable' } });
    const { work, current } = (await world.readLineage())!;
    return {
      world,
      outcome,
      version: work!.version,
      orderId: work!.order!.url!.split('/').at(-1)!,
      before: current!.id,
    };
  }
  type World = Awaited<ReturnType<typeof withIssued>>['world'];
  const renew = (world: World) => issue(world.replica(1), job(simulatedSpec()), signal);

  it.each([
    ['that was due, however often it has failed before', false],
    ['that a person has forced', true],
  ])('%s is fetched within minutes, then less and less often, and never ordered again', async (_what, force) => {
    const { world, outcome, version } = await withIssued({ runs: 9, force });
    const from = world.ca.requests.length;
    const pauses: number[] = [];
    let { next } = outcome;
    while (next !== undefined && pauses.length < 9) {
      const pauseMs = Date.parse(next) - world.clock.now().getTime();
      pauses.push(Math.round(pauseMs / minuteMs));
      world.pass(pauseMs + 1_000);
      const again = await renew(world);
      expect(again.result).toBe(pauses.length < 9 ? 'failed' : 'renewed');
      ({ next } = again);
    }
    expect(pauses).toEqual([1, 1, 2, ...pauses.slice(3, -2).sort((a, b) => a - b), 60, 60]);
    expect(newOrdersSince(world, from)).toEqual([]);
    expect((await world.readLineage())?.current?.id).toBe(version);
    expect(world.ca.accepted('finalize')).toBe(2);
  });

  it.each([
    [
      'has expired',
      (world: World, id: string) => void Object.assign(world.ca.state.orders.get(id)!, { status: 'invalid' }),
    ],
    ['is gone', (world: World, id: string) => void world.ca.state.orders.delete(id)],
  ])('is replaced by another version with another key if its order %s', async (_what, end) => {
    const { world, version, orderId, before } = await withIssued({});
    end(world, orderId);
    world.pass(2 * minuteMs);
    expect(await renew(world)).toMatchObject({ result: 'renewed' });
    const { current, previous, retired } = (await world.readLineage())!;
    expect(current!.id).not.toBe(version);
    expect([previous?.id, retired]).toEqual([before, undefined]);
    // Its key is gone from the store with it.
    const { names } = await world.store.list('key', signal);
    expect([...names].sort()).toEqual([`abc~${before}`, `abc~${current!.id}`].sort());
  });
});
