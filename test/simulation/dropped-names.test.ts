import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import type { Wishes } from '../../src/core/spec/spec.ts';
import type { Solver } from '../../src/ports/solver.ts';
import { acmeProblem } from '../support/acme-ca/problem.ts';
import { passing } from '../support/passing-time.ts';
import {
  beginIssue,
  createSimulatedWorld,
  dayMs,
  issue,
  simulatedJob,
  simulatedSpec,
} from '../support/simulated-world.ts';

const { signal } = new AbortController();
const names = ['a.test', 'b.test', 'c.test'];
const job = (wishes: Wishes = { onFailedName: 'drop' }, all: readonly string[] = names) => {
  const wanted = simulatedSpec('abc', all);
  return simulatedJob({ ...wanted, ...wishes });
};

/** A CA where the validation of some names fails; they may change. */
async function worldWith(failing: Set<string>, settings = {}) {
  const warnings: string[] = [];
  const reporter = {
    report: ({ level, message }: { level: string; message: string }) =>
      void (level === 'warn' && warnings.push(message)),
  };
  const world: Awaited<ReturnType<typeof createSimulatedWorld>> = await createSimulatedWorld({
    reporter,
    settings: {
      reuseAuthorizations: true,
      validate: async ({ value }, _challenge, keyAuthorization) =>
        world.txt.has(keyAuthorization) && !failing.has(value)
          ? undefined
          : { type: 'urn:ietf:params:acme:error:dns', detail: `no TXT record for ${value}`, status: 400 },
      ...settings,
    },
  });
  return { world, warnings };
}
type World = Awaited<ReturnType<typeof worldWith>>['world'];
const current = async (world: World) => (await world.readLineage())?.current;
const namesIn = async (world: World) => (await current(world))?.facts.identifiers.map(({ value }) => value);
const newOrders = ({ ca }: World) => ca.accepted('newOrder');

describe('conformance 10: a name whose validation fails', () => {
  it('is dropped on request: the others are issued, and who lacks is said', async () => {
    const { world, warnings } = await worldWith(new Set(['b.test']));
    const dropped = [{ identifier: 'b.test', reason: 'no TXT record for b.test' }];
    expect(await issue(world.replica(1), job(), signal)).toMatchObject({ result: 'issued', dropped });
    expect(await namesIn(world)).toEqual(['a.test', 'c.test']);
    expect(await current(world)).toMatchObject({ dropped });
    expect(warnings).toEqual(['b.test is left out, and tried again at the next renewal: no TXT record for b.test']);
    expect(world.txt.size).toBe(0);
    expect(world.delivered).toHaveLength(1);
  });

  it('orders nothing at the passes after it, and is tried again at the renewal', async () => {
    const failing = new Set(['b.test']);
    const { world } = await worldWith(failing);
    await issue(world.replica(1), job(), signal);
    const before = newOrders(world);
    expect(await issue(world.replica(1), job(), signal)).toMatchObject({
      result: 'unchanged',
      dropped: [{ identifier: 'b.test' }],
    });
    expect(newOrders(world)).toBe(before);
    failing.clear();
    world.pass(61 * dayMs);
    const renewed = await issue(world.replica(1), job(), signal);
    expect(renewed).toMatchObject({ result: 'renewed' });
    expect(renewed).not.toHaveProperty('dropped');
    expect(newOrders(world)).toBe(before + 1);
    expect(await namesIn(world)).toEqual(names);
    expect(await current(world)).not.toHaveProperty('dropped');
  });

  it('fails the certificate without the request, and costs one order with several such names', async () => {
    const { world } = await worldWith(new Set(['b.test', 'c.test']));
    expect(await issue(world.replica(1), job({}), signal)).toMatchObject({
      result: 'failed',
      error: { code: 'acme/invalid-authorization' },
    });
    expect(await current(world)).toBeUndefined();
    world.pass(dayMs);
    expect(await issue(world.replica(1), job(), signal)).toMatchObject({
      result: 'issued',
      dropped: [{ identifier: 'b.test' }, { identifier: 'c.test' }],
    });
    expect(newOrders(world)).toBe(3);
  });

  it('is never the last one', async () => {
    const { world } = await worldWith(new Set(names));
    expect(await issue(world.replica(1), job(), signal)).toMatchObject({
      result: 'failed',
      error: { code: 'acme/invalid-authorization' },
    });
    expect(newOrders(world)).toBe(1);
  });

  it('makes the certificate due if it may no longer be dropped', async () => {
    const failing = new Set(['b.test']);
    const { world } = await worldWith(failing);
    await issue(world.replica(1), job(), signal);
    failing.clear();
    expect(await issue(world.replica(1), job({}), signal)).toMatchObject({ result: 'renewed' });
    expect(await namesIn(world)).toEqual(names);
  });
});

describe('conformance 10: names that the CA refuses at newOrder', () => {
  it('are found in its subproblems', async () => {
    const { world } = await worldWith(new Set(), { blocked: ['a.test', 'b.test'] });
    expect(await issue(world.replica(1), job(), signal)).toMatchObject({
      result: 'issued',
      dropped: [
        { identifier: 'a.test', reason: 'a.test is blocked' },
        { identifier: 'b.test', reason: 'b.test is blocked' },
      ],
    });
    expect(world.ca.state.orders.size).toBe(1);
  });

  it.each([
    ['Error creating new order :: Cannot issue for "b.test": The ACME server refuses to issue', ['b.test']],
    ['Cannot issue for "x.b.test": no', []],
    ['Cannot issue for "a.test" and "b.test"', []],
  ])('or in its text, if that names a single one: %s', async (detail, dropped) => {
    const { world } = await worldWith(new Set());
    const problem = { type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail, status: 400 };
    world.ca.failNext('newOrder', { problem, status: 400 });
    const outcome = await issue(world.replica(1), job(), signal);
    expect(outcome.result).toBe(dropped.length > 0 ? 'issued' : 'failed');
    expect((await current(world))?.dropped?.map(({ identifier }) => identifier) ?? []).toEqual(dropped);
  });

  it('for a rate limit are not dropped: it ends by itself', async () => {
    const { world } = await worldWith(new Set());
    const limited = { type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many for b.test', status: 429 };
    const problem = { ...limited, subproblems: [{ ...limited, identifier: { type: 'dns', value: 'b.test' } }] };
    world.ca.failNext('newOrder', { problem, status: 429, retryAfter: { seconds: 3_600 }, times: 5 });
    expect(await issue(world.replica(1), job(), signal)).toMatchObject({
      result: 'failed',
      error: { code: 'acme/rate-limited' },
    });
  });
});

describe('a name that the preflight refuses', () => {
  const failing = (world: World, code: 'no' | 'zone'): Solver => ({
    ...world.solver,
    preflight: async ({ value }) => {
      if (value !== 'b.test') return;
      throw code === 'no'
        ? fail('solver/wrong-answer', { what: 'web', identifier: value, answer: '404', advice: '' })
        : fail('dns/zone-not-found', { name: 'b.test' });
    },
  });

  it.each(['no', 'zone'] as const)('is dropped before an order (%s)', async (code) => {
    const { world } = await worldWith(new Set());
    const engine = world.replica(1, { solver: failing(world, code) });
    expect(await issue(engine, job(), signal)).toMatchObject({ result: 'issued', dropped: [{ identifier: 'b.test' }] });
    expect(newOrders(world)).toBe(1);
  });

  it('is asked of the CA once past the renewal time: a wrong check takes no name away', async () => {
    const { world } = await worldWith(new Set());
    await issue(world.replica(1), job(), signal);
    world.pass(61 * dayMs);
    expect(await issue(world.replica(2, { solver: failing(world, 'no') }), job(), signal)).toMatchObject({
      result: 'renewed',
    });
    expect(await namesIn(world)).toEqual(names);
  });
});

describe('a process that dies after a name was dropped', () => {
  it.each(['newOrder', 'finalize', 'certificate'] as const)('leaves that to the next, at %s', async (kind) => {
    const failing = new Set(['b.test']);
    const { world } = await worldWith(failing);
    const { solver } = world;
    let removed = 0;
    const dying: Solver = {
      ...solver,
      // What comes after the first clean-up is for the second order.
      cleanup: async (...args: Parameters<Solver['cleanup']>) => {
        if (removed++ === 0) world.ca.failNext(kind, { status: 503, html: 'down', retryAfter: { seconds: 3_600 } });
        return solver.cleanup(...args);
      },
    };
    expect(await issue(world.replica(1, { solver: dying }), job(), signal)).toMatchObject({
      result: 'failed',
      error: { code: 'acme/busy' },
    });
    expect((await world.readLineage())?.work?.order).toMatchObject({ dropped: [{ identifier: 'b.test' }] });
    world.dead.add(1);
    world.pass(2 * 3_600_000);
    const orders = newOrders(world);
    expect(await issue(world.replica(2), job(), signal)).toMatchObject({
      result: 'issued',
      dropped: [{ identifier: 'b.test' }],
    });
    expect(newOrders(world) - orders).toBe(kind === 'newOrder' ? 1 : 0);
    expect(await namesIn(world)).toEqual(['a.test', 'c.test']);
    expect(world.txt.size).toBe(0);
  });
});

describe('a validation that is running when its process dies', () => {
  it.each([['drop'], [undefined]] as const)(
    'costs no name, and no failure (onFailedName: %s)',
    async (onFailedName) => {
      let removed = () => {};
      const removal = new Promise<void>((resolve) => {
        removed = resolve;
      });
      let validations = 0;
      const world: World = await createSimulatedWorld({
        settings: {
          validate: async ({ value }, _challenge, keyAuthorization) => {
            // The CA gets to the name after the next process has removed its answer, and says so later.
            const isSlow = value === 'b.test' && validations++ === 0;
            if (isSlow) await removal;
            const isThere = world.txt.has(keyAuthorization);
            if (isSlow) await world.clock.sleep(1_000, signal);
            return isThere ? undefined : acmeProblem('dns', `no TXT record for ${value}`);
          },
        },
      });
      const wishes = onFailedName ? { onFailedName } : {};
      beginIssue(world.replica(1), job(wishes), signal);
      const accepted = async () => {
        while (world.ca.accepted('challenge') < names.length) await world.clock.sleep(10, signal);
      };
      await passing(world.clock, accepted());
      world.dead.add(1);
      const solver: Solver = {
        ...world.solver,
        cleanup: async (...args) => {
          await world.solver.cleanup(...args);
          removed();
        },
      };
      const outcome = await issue(world.replica(2, { solver }), job(wishes), signal);
      expect(outcome).toMatchObject({ result: 'issued' });
      expect(outcome).not.toHaveProperty('dropped');
      expect(await namesIn(world)).toEqual(names);
      expect(world.txt.size).toBe(0);
    },
  );
});

describe('a name that is dropped while its order is open', () => {
  const refusal = { type: 'urn:ietf:params:acme:error:caa', detail: 'CAA forbids it', status: 403 };
  const named = { ...refusal, subproblems: [{ ...refusal, identifier: { type: 'dns', value: 'b.test' } }] };

  it.each(['by its check before the validation', 'by the CA, at the end'])(
    '%s does not keep the next order from replacing the current certificate',
    async (by) => {
      const { world } = await worldWith(new Set(), { reuseAuthorizations: false });
      await issue(world.replica(1), job(), signal);
      world.pass(61 * dayMs);
      const names = [{ identifier: 'b.test', reason: 'its answer is wrong' }];
      const wrong = fail('preflight/no', { finding: 'its answer is wrong', advice: '' }, { names });
      const solver: Solver = {
        ...world.solver,
        ready: async ({ identifier }) => (identifier.value === 'b.test' ? Promise.reject(wrong) : { ready: true }),
      };
      const isByCa = by.includes('CA');
      if (isByCa) world.ca.failNext('finalize', { problem: named, status: 403 });
      const from = world.ca.requests.length;
      const engine = world.replica(2, isByCa ? {} : { solver });
      expect(await issue(engine, job(), signal)).toMatchObject({
        result: 'renewed',
        dropped: [{ identifier: 'b.test' }],
      });
      const orders = world.ca.requests.slice(from).filter(({ kind }) => kind === 'newOrder');
      const replaces = (payload: unknown) => (payload as { replaces?: string }).replaces !== undefined;
      expect(orders.map(({ payload, problem }) => [replaces(payload), problem])).toEqual([
        [true, undefined],
        [true, undefined],
      ]);
      const refused = [...world.ca.state.orders.values()].filter(({ status }) => status !== 'valid');
      expect(refused.map(({ status }) => status)).toEqual(['invalid']);
      expect(world.txt.size).toBe(0);
    },
  );
});
