import { describe, expect, it } from 'vitest';
import type { Wishes } from '../../src/core/spec/spec.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();

const job = (wishes: Wishes, rules: { readonly obeyBackoff?: boolean } = {}) => {
  const wanted = simulatedSpec();
  return simulatedJob({ ...wanted, ...wishes }, rules);
};
const day90 = { description: '', validityMs: 90 * dayMs, commonName: false, subjectKeyIdentifier: false };

describe('dates', () => {
  const dates = { validity: { notBefore: '-1h', notAfter: '9d' } };

  it('are ordered, counted anew at each renewal, and decide when that is', async () => {
    const world = await createSimulatedWorld({ settings: { renewalInfo: false } });
    const begun = world.clock.now().getTime();
    await issue(world.replica(1), job(dates), signal);
    const { current, renewal } = (await world.readLineage())!;
    const seconds = (ms: number) => new Date(Math.floor(ms / 1000) * 1000).toISOString();
    expect(current).toMatchObject({
      facts: { notBefore: seconds(begun - dayMs / 24), notAfter: seconds(begun + 9 * dayMs) },
    });
    // Half of a lifetime below ten days.
    expect(Math.abs(Date.parse(renewal!.at) - (begun + 4.5 * dayMs))).toBeLessThan(dayMs / 24);
    expect(await issue(world.replica(1), job(dates), signal)).toMatchObject({ result: 'unchanged' });
    world.pass(5 * dayMs);
    expect(await issue(world.replica(1), job(dates), signal)).toMatchObject({ result: 'renewed' });
    expect(Date.parse((await world.readLineage())!.current!.facts.notAfter)).toBeGreaterThan(begun + 13 * dayMs);
  });

  it('long before the issue do not make it due at once', async () => {
    const world = await createSimulatedWorld({ settings: { renewalInfo: false } });
    const old = job({ validity: { notBefore: '-300d', notAfter: '30d' } });
    await issue(world.replica(1), old, signal);
    expect(await issue(world.replica(1), old, signal)).toMatchObject({ result: 'unchanged' });
    expect(world.ca.accepted('newOrder')).toBe(1);
  });

  it('make the certificate due if they change', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job({}), signal);
    expect(await issue(world.replica(1), job(dates), signal)).toMatchObject({ result: 'renewed' });
    expect(await issue(world.replica(1), job({}), signal)).toMatchObject({ result: 'renewed' });
  });

  it('that the CA refuses are named in the hint', async () => {
    const world = await createSimulatedWorld({ settings: { acceptsDates: false } });
    const outcome = await issue(world.replica(1), job(dates), signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/problem' } });
    expect(outcome).toHaveProperty('error.hint', expect.stringContaining('leave out `notBefore` and `notAfter`'));
  });

  it('that cannot be used are refused before an order', async () => {
    const world = await createSimulatedWorld();
    const late = job({ validity: { notAfter: '2020-01-01T00:00:00Z' } });
    const outcome = await issue(world.replica(1), late, signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'config/validity', retry: 'never' } });
    expect(world.ca.accepted('newOrder')).toBe(0);
  });
});

describe('limits of the CA', () => {
  const limited = (newOrdersPerAccount: string): Wishes => {
    const { issuer } = simulatedSpec();
    const settings = { ...issuer.settings, limits: { newOrdersPerAccount } };
    return { issuer: { ...issuer, settings } } as Wishes;
  };

  it.each([
    ['a declared certificate, which reads them from the configuration', 'configuration', undefined],
    ['one issued by flags, which stores them', 'command-line', '9/3h'],
  ] as const)('are no reason to renew or to deliver: %s', async (_what, origin, stored) => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), { ...job({}), origin }, signal);
    const before = await world.readLineage();
    const delivered = [...world.delivered];
    const outcome = await issue(world.replica(1), { ...job(limited('9/3h')), origin }, signal);
    expect(outcome).toMatchObject({ result: 'unchanged' });
    const after = await world.readLineage();
    expect([after?.current, world.delivered]).toEqual([before?.current, delivered]);
    expect(after?.spec.issuer.settings.limits?.newOrdersPerAccount).toBe(stored);
    expect(world.ca.accepted('newOrder')).toBe(1);
  });
});

describe('a profile that is withdrawn', () => {
  const gold = { profile: 'gold' };
  const begin = async () => {
    const world = await createSimulatedWorld({ settings: { profiles: { plain: day90, gold: day90, silver: day90 } } });
    await issue(world.replica(1), job(gold), signal);
    world.pass(61 * dayMs);
    return world;
  };
  const refusal = {
    result: 'failed',
    error: { code: 'acme/profile-refused', retry: 'never', hint: expect.stringContaining('(plain, silver)') },
  };

  it('conformance 12: before finalize leaves no order behind, and another one is used at once', async () => {
    const world = await begin();
    const engine = world.replica(1);
    const present = world.solver.present;
    const withdrawing = {
      ...world.solver,
      present: async (...args: Parameters<typeof present>) => {
        delete world.ca.settings.profiles['gold'];
        return present(...args);
      },
    };
    const outcome = await issue(world.replica(1, { solver: withdrawing }), job(gold), signal);
    expect(outcome).toMatchObject(refusal);
    expect(outcome.message).toBe(
      'the issuer sim no longer offers the profile "gold": the profile gold has been withdrawn',
    );
    expect((await world.readLineage())?.work?.order).toBeUndefined();
    expect(world.txt.size).toBe(0);
    // It is tried again after a day, and the list has no such profile then.
    expect(await issue(engine, job(gold), signal)).toMatchObject({ result: 'unchanged', failing: true });
    expect(await issue(engine, job({ profile: 'silver' }), signal)).toMatchObject({ result: 'renewed' });
  });

  it('before newOrder is not ordered a second time without `replaces`', async () => {
    const world = await begin();
    const engine = world.replica(1);
    const blind = { ...world.solver, preflight: async () => void delete world.ca.settings.profiles['gold'] };
    const from = world.ca.requests.length;
    expect(await issue(world.replica(2, { solver: blind }), job(gold), signal)).toMatchObject(refusal);
    expect(world.ca.requests.slice(from).filter(({ kind }) => kind === 'newOrder')).toHaveLength(1);
    expect(await issue(engine, job({}), signal)).toMatchObject({ result: 'renewed' });
  });
});

describe('a preferred chain', () => {
  const begin = async (alternateChains: number) => {
    const warnings: string[] = [];
    const reporter = {
      report: ({ level, message }: { level: string; message: string }) =>
        void (level === 'warn' && warnings.push(message)),
    };
    return { warnings, world: await createSimulatedWorld({ settings: { alternateChains }, reporter }) };
  };
  type World = Awaited<ReturnType<typeof begin>>['world'];
  const chainOf = async (world: World) => (await world.readLineage())?.current?.chain;
  const downloads = ({ ca }: World) => ca.accepted('certificate');

  it('conformance 21: is chosen by the name of any issuer in it, among the CA’s other ones', async () => {
    const { world, warnings } = await begin(2);
    await issue(world.replica(1), job({ preferredChain: 'Other Root 2' }), signal);
    expect(await chainOf(world)).toEqual(['Simulated Intermediate', 'Other Root 2']);
    expect(downloads(world)).toBe(3);
    expect(warnings).toEqual([]);
  });

  it.each([{}, { preferredChain: 'Simulated Root' }, { preferredChain: 'Simulated Intermediate' }])(
    'that the CA sends anyway costs no request: %j',
    async (wishes) => {
      const { world } = await begin(2);
      await issue(world.replica(1), job(wishes), signal);
      expect(await chainOf(world)).toEqual(['Simulated Intermediate', 'Simulated Root']);
      expect(downloads(world)).toBe(1);
    },
  );

  it('conformance 21: that the CA does not have leaves its usual one, with a warning, and nothing is ordered again', async () => {
    const { world, warnings } = await begin(1);
    const wanted = job({ preferredChain: 'DST Root CA X3' });
    expect(await issue(world.replica(1), wanted, signal)).toMatchObject({ result: 'issued' });
    expect(await chainOf(world)).toEqual(['Simulated Intermediate', 'Simulated Root']);
    expect(warnings).toEqual([
      'sim offers no chain with "DST Root CA X3", so its usual one is used; it offers "Simulated Intermediate → Simulated Root", "Simulated Intermediate → Other Root 1"',
    ]);
    expect(await issue(world.replica(1), wanted, signal)).toMatchObject({ result: 'unchanged' });
    // Another wish needs another download, and so another order.
    expect(await issue(world.replica(1), job({ preferredChain: 'Other Root 1' }), signal)).toMatchObject({
      result: 'renewed',
    });
    expect(await chainOf(world)).toEqual(['Simulated Intermediate', 'Other Root 1']);
  });

  it('that cannot be fetched does not cost the certificate', async () => {
    const { world, warnings } = await begin(2);
    const engine = world.replica(1);
    const { pki } = engine;
    let chains = 0;
    const issuerNames = (certificates: readonly string[]) => {
      if (chains++ === 0) world.ca.failNext('certificate', { status: 404, times: 5 });
      return pki.issuerNames(certificates);
    };
    const counting = { ...engine, pki: { ...pki, issuerNames } };
    expect(await issue(counting, job({ preferredChain: 'Other Root 1' }), signal)).toMatchObject({ result: 'issued' });
    expect(await chainOf(world)).toEqual(['Simulated Intermediate', 'Simulated Root']);
    expect(warnings[0]).toContain('another chain of sim cannot be used: ');
  });
});
