import { describe, expect, it } from 'vitest';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue,
  simulatedJob as job,
  simulatedSpec,
  withCa,
} from '../support/simulated-world.ts';

// Rows of a checklist for ACME clients in 2026 that no other simulation covers.

const { signal } = new AbortController();
const hourMs = 3_600_000;
type World = Awaited<ReturnType<typeof createSimulatedWorld>>;

const newOrdersSince = (world: World, from: number) =>
  world.ca.requests
    .slice(from)
    .filter(({ kind }) => kind === 'newOrder')
    .map(({ payload }) => ((payload as { replaces?: string }).replaces === undefined ? 'plain' : 'replaces'));

describe('renewal information (RFC 9773)', () => {
  it.each([
    ['not found', { status: 404, body: '{}' }],
    ['an error', { status: 500, body: '{}' }],
    ['not JSON', { status: 200, body: '{"suggestedWindow": oops' }],
    ['no window', { status: 200, body: '{}' }],
    [
      'an end before the start',
      {
        status: 200,
        body: '{"suggestedWindow":{"start":"2027-01-02T00:00:00Z","end":"2027-01-01T00:00:00Z"}}',
      },
    ],
  ])('that is %s: the lifetime decides, and the CA is asked again in six hours', async (_what, answer) => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    const { current } = (await world.readLineage())!;
    world.ca.setRenewalInfo(current!.facts.ariId!, answer);
    await world.editLineage(({ renewal: _none, ...lineage }) => lineage);
    await world.editLineage((lineage) => ({ ...lineage, renewal: { at: '2027-01-23T00:00:00Z', source: 'lifetime' } }));
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'unchanged' });
    const { renewal } = (await world.readLineage())!;
    expect(renewal).toMatchObject({ source: 'lifetime' });
    const again = Date.parse(renewal?.checkAfter ?? '') - world.clock.now().getTime();
    expect(again).toBeGreaterThan(5 * hourMs);
    expect(again).toBeLessThanOrEqual(6 * hourMs);
  });

  it('with a window of three hours: the renewal falls into it, and is exempt from limits', async () => {
    const world = await createSimulatedWorld({ settings: { windowMs: [30 * dayMs, 30 * dayMs + 3 * hourMs] } });
    const begin = world.clock.now().getTime();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    const at = Date.parse((await world.readLineage())?.renewal?.at ?? '') - begin;
    expect(at).toBeGreaterThanOrEqual(30 * dayMs - hourMs);
    expect(at).toBeLessThanOrEqual(30 * dayMs + 3 * hourMs);
    world.ca.settings.limitSeconds = 86_400;
    world.pass(at + 60_000);
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'renewed' });
  });
});

describe('an order that replaces a certificate', () => {
  const renewing = async (change: (world: World) => Promise<void> | void, spec = simulatedSpec()) => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    await change(world);
    const from = world.ca.requests.length;
    const outcome = await issue(world.replica(1), job(spec, { force: true }), signal);
    expect(outcome).toMatchObject({ result: 'renewed' });
    return newOrdersSince(world, from);
  };

  it('is sent without `replaces` if the CA does not know that', async () => {
    expect(await renewing((world) => world.ca.state.certificates.clear())).toEqual(['replaces', 'plain']);
  });

  it('is sent without `replaces` if another account ordered it', async () => {
    const spec = simulatedSpec();
    const other: StoredSpec = withCa(spec, { account: 'other' });
    expect(await renewing(() => undefined, other)).toEqual(['replaces', 'plain']);
  });

  it('never names the certificate of another CA', async () => {
    const elsewhere = (world: World) =>
      world.editLineage((lineage) => ({
        ...lineage,
        current: { ...lineage.current!, directory: 'https://other.test/directory' },
      }));
    expect(await renewing(elsewhere)).toEqual(['plain']);
  });
});

describe('a busy CA', () => {
  it.each([
    ['429, in seconds', { status: 429, retryAfter: { seconds: 7_200 } }],
    ['429, as a date', { status: 429, retryAfter: { seconds: 7_200, form: 'date' } }],
    ['a page of its load balancer, in seconds', { status: 503, html: '<html>', retryAfter: { seconds: 7_200 } }],
    ['a page, as a date', { status: 503, html: '<html>', retryAfter: { seconds: 7_200, form: 'date' } }],
  ] as const)('is asked again when it says: %s', async (_how, failure) => {
    const world = await createSimulatedWorld();
    world.ca.failNext('newOrder', failure);
    const outcome = await issue(world.replica(1), job(simulatedSpec()), signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { retry: 'at' } });
    const from = world.ca.requests.length;
    world.pass(7_100_000);
    await issue(world.replica(2), job(simulatedSpec(), { obeyBackoff: false }), signal);
    expect(world.ca.requests.slice(from)).toEqual([]);
    world.pass(200_000);
    expect(await issue(world.replica(3), job(simulatedSpec()), signal)).toMatchObject({ result: 'issued' });
  });
});

describe('this machine’s clock', () => {
  // Not in the last hour of the window of 43: what is drawn there is renewed earlier, in case that no run comes in time.
  const draws = [0, 0.5, 0.97];
  it.each(draws.flatMap((drawn) => [hourMs, -hourMs].map((ahead) => [ahead, drawn] as const)))(
    'may be %i ms ahead of the CA’s: issued, and renewed at %d of its window',
    async (ahead, drawn) => {
      const world = await createSimulatedWorld({ drawn });
      const here = { aheadMs: () => ahead };
      expect(await issue(world.replica(1, here), job(simulatedSpec()), signal)).toMatchObject({ result: 'issued' });
      const at = Date.parse((await world.readLineage())?.renewal?.at ?? '');
      // A process that finds itself due learns the CA's clock before it orders.
      const dueMs = at - Math.min(ahead, 0);
      world.pass(dueMs - world.clock.now().getTime() - 60_000);
      expect(await issue(world.replica(2, here), job(simulatedSpec()), signal)).toMatchObject({ result: 'unchanged' });
      world.pass(180_000);
      expect(await issue(world.replica(3, here), job(simulatedSpec()), signal)).toMatchObject({ result: 'renewed' });
    },
  );

  it.each([2 * hourMs, -2 * hourMs])('that is %i ms ahead stops orders until it is mended', async (ahead) => {
    const world = await createSimulatedWorld();
    let aheadMs = ahead;
    const process = world.replica(1, { aheadMs: () => aheadMs });
    const wrong = await issue(process, job(simulatedSpec()), signal);
    expect(wrong).toMatchObject({ result: 'failed', error: { code: 'acme/clock-skew' } });
    expect(wrong.message).toContain('2 hours');
    aheadMs = 0;
    await world.clock.advance(11_000);
    // The same process, without a restart.
    const rules = { obeyBackoff: false };
    expect(await issue(process, job(simulatedSpec(), rules), signal)).toMatchObject({ result: 'issued' });
  });
});

describe('authorizations', () => {
  it('of a test are given up, so that the next test tries the challenge again', async () => {
    const world = await createSimulatedWorld({ settings: { reuseAuthorizations: true } });
    const test = simulatedSpec('abc~staging');
    const accepted = () => world.ca.accepted('challenge');
    await issue(world.replica(1), job(test), signal);
    expect(accepted()).toBe(1);
    await issue(world.replica(2), job(test, { force: true }), signal);
    expect(accepted()).toBe(2);
    // Those of a certificate are reused, as the CA has it.
    await issue(world.replica(3), job(simulatedSpec('real')), signal);
    await issue(world.replica(4), job(simulatedSpec('real'), { force: true }), signal);
    expect(accepted()).toBe(3);
  });
});

describe('revocation', () => {
  it.each([undefined, 0, 1, 4, 5])('is sent with the reason %s', async (reason) => {
    const world = await createSimulatedWorld();
    const engine = world.replica(1);
    await issue(engine, job(simulatedSpec()), signal);
    const [certificate] = world.ca.state.certificates.values();
    const account = await engine.memory.accounts.values().next().value!;
    const request = { certificatePem: certificate!.chainPem, ...(reason === undefined ? {} : { reason }) };
    expect(await account.revoke(request, signal)).toBe('now');
    expect(certificate).toMatchObject({ revoked: true, ...(reason === undefined ? {} : { reason }) });
    expect(await account.revoke(request, signal)).toBe('before');
  });
});
