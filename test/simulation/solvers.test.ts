import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { withSolver } from '../../src/core/lineage/test-lineages.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { namedAdapters, type OwnedSolver, partsFrom } from '../../src/core/spec/spec-parts.ts';
import { sweep } from '../../src/engine/pass/sweep.ts';
import type { Http } from '../../src/ports/http.ts';
import type { Solver, SolverChallenge } from '../../src/ports/solver.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

// One certificate whose identifiers have different solvers: `web` answers HTTP-01, `dns` the wildcard's DNS-01.

const { signal } = new AbortController();
const names = ['example.com', '*.example.com', 'www.example.net'];
const one = simulatedSpec('abc', names);
const solvedBy = (solvers: Readonly<Record<string, string>>): StoredSpec => ({
  ...one,
  parts: partsFrom({ ...one, solver: 'web', solvers }, namedAdapters({ web: { type: 'web' }, dns: { type: 'dns' } })),
});
const mixed = solvedBy({ '*.example.com': 'dns' });

type SimulatedWorld = Awaited<ReturnType<typeof createSimulatedWorld>>;

/** What was called of two solvers, and what they have in the world. */
function solversOf(world: SimulatedWorld, broken: Record<string, Partial<Solver>> = {}) {
  const calls: string[] = [];
  const seen: SolverChallenge[] = [];
  const make = (type: 'web' | 'dns'): Solver => ({
    ...world.solver,
    type,
    answers: [type === 'web' ? 'http-01' : 'dns-01'],
    ...(type === 'web'
      ? {
          prepare: async (_lineage, identifiers) => {
            calls.push(`prepare ${identifiers.map(({ value }) => value).join(' ')}`);
            return {};
          },
          withdraw: async () => void calls.push('withdraw'),
        }
      : {}),
    preflight: async ({ value }) => void calls.push(`${type} preflight ${value}`),
    present: async (challenge, note, within) => {
      seen.push(challenge);
      calls.push(`${type} presents ${challenge.type} of ${challenge.identifier.value}`);
      return world.solver.present(challenge, note, within);
    },
    cleanup: async (challenge, receipt, within) => {
      calls.push(`${type} removes ${challenge.type} of ${challenge.identifier.value}`);
      return world.solver.cleanup(challenge, receipt, within);
    },
    ...broken[type],
  });
  const made: Record<string, Solver> = { web: make('web'), dns: make('dns') };
  const solver = async ({ solver: { settings } }: OwnedSolver): Promise<Solver> => made[settings.type] as Solver;
  return { calls, seen, solver };
}

describe('a certificate with two solvers', () => {
  it('has one order, and each challenge goes to its own solver', async () => {
    const world = await createSimulatedWorld();
    const { calls, seen, solver } = solversOf(world);
    expect(await issue(world.replica(1, { solver }), job(mixed), signal)).toMatchObject({ result: 'issued' });
    expect([world.ca.accepted('newOrder'), world.ca.accepted('finalize')]).toEqual([1, 1]);
    expect(calls.filter((call) => call.startsWith('prepare'))).toEqual(['prepare example.com www.example.net']);
    for (const what of ['presents', 'removes'])
      expect(calls.filter((call) => call.includes(` ${what} `)).sort()).toEqual([
        `dns ${what} dns-01 of *.example.com`,
        `web ${what} http-01 of example.com`,
        `web ${what} http-01 of www.example.net`,
      ]);
    expect(calls.filter((call) => call.includes('preflight')).sort()).toEqual([
      'dns preflight *.example.com',
      'web preflight example.com',
      'web preflight www.example.net',
    ]);
    // Hooks see only their own: the last one has none after it.
    expect(seen.map(({ allIdentifiers, remaining }) => [allIdentifiers.length, remaining])).toEqual(
      expect.arrayContaining([
        [2, 1],
        [2, 0],
        [1, 0],
      ]),
    );
    expect([...world.txt]).toEqual([]);
    const lineage = await world.readLineage();
    expect(lineage?.spec).toEqual(mixed);
    expect([lineage?.work, lineage?.tombstones]).toEqual([undefined, undefined]);
  });

  it('takes the wildcard’s solver, too, if the CA does not say that an authorization is for a wildcard', async () => {
    const between = (honest: Http): Http => ({
      ...honest,
      async request(request) {
        const answer = await honest.request(request);
        const body = Buffer.from(answer.body).toString().replace('"wildcard":true', '"wildcard":false');
        return { ...answer, body: Buffer.from(body) };
      },
    });
    const world = await createSimulatedWorld({ between });
    const { calls, solver } = solversOf(world);
    expect(await issue(world.replica(1, { solver }), job(mixed), signal)).toMatchObject({ result: 'issued' });
    expect(calls).toContain('dns presents dns-01 of *.example.com');
    expect([...world.txt]).toEqual([]);
  });

  it('leaves tombstones with the solver that presented, and a sweep removes with it', async () => {
    const world = await createSimulatedWorld();
    let isDown = true;
    const refused = () => fail('dns/refused', { provider: 'sim', name: 'example.com', reason: 'revoked', advice: '' });
    const cleanup: Solver['cleanup'] = (...args) =>
      isDown ? Promise.reject(refused()) : world.solver.cleanup(...args);
    const withdraw = async () => {
      if (isDown) throw refused();
    };
    const stays = { stays: true } as const;
    const old = solversOf(world, { web: { cleanup, withdraw, ...stays }, dns: { cleanup } });
    expect(await issue(world.replica(1, { solver: old.solver }), job(mixed), signal)).toMatchObject({
      result: 'issued',
    });
    const stones = (await world.readLineage())?.tombstones ?? [];
    expect(
      stones.map(({ identifier, by }) => `${identifier} by ${by?.solver.name} ${by?.solver.settings.type}`).sort(),
    ).toEqual(['*.example.com by dns dns', 'example.com by web web', 'www.example.net by web web']);
    const left = [...world.txt];
    expect(left).toHaveLength(3);
    // Today all names have one new solver, which knows nothing of what the others presented.
    const moved = withSolver(one, { type: 'new' }, 'new');
    const solver = async (part: OwnedSolver): Promise<Solver> =>
      part.solver.name === 'new' ? { ...world.solver, cleanup: async () => undefined } : old.solver(part);
    world.pass(70 * dayMs);
    await issue(world.replica(2, { solver }), job(moved), signal);
    isDown = false;
    expect((await sweep(world.replica(3, { solver }), signal)).failed).toEqual([]);
    expect(left.filter((value) => world.txt.has(value))).toEqual([]);
    expect((await world.readLineage())?.tombstones).toBeUndefined();
  });

  it('is not ordered the first time if one of them cannot be used for any of its names', async () => {
    const world = await createSimulatedWorld();
    const unusable = fail('dns/refused', { provider: 'sim', name: 'example.com', reason: 'a wrong key', advice: '' });
    const { calls, solver } = solversOf(world, { dns: { preflight: () => Promise.reject(unusable) } });
    const outcome = await issue(world.replica(1, { solver }), job(mixed), signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'dns/refused' } });
    expect(world.ca.accepted('newOrder')).toBe(0);
    expect(calls).toContain('withdraw');
  });

  it('is not ordered the first time either if a provider refuses one of many names, and says how to mend it later', async () => {
    const warnings: string[] = [];
    const reporter = {
      report: ({ event, message }: Event) => void (event === 'preflight.finding' && warnings.push(message)),
    };
    const world = await createSimulatedWorld({ reporter });
    const reason = 'no such zone';
    const refused = fail('dns/refused', { provider: 'sim', name: 'example.net', reason, advice: 'Check `token`.' });
    const preflight: Solver['preflight'] = ({ value }) =>
      value === 'www.example.net' ? Promise.reject(refused) : Promise.resolve();
    const { solver } = solversOf(world, { web: { preflight } });
    expect(await issue(world.replica(1, { solver }), job(mixed), signal)).toMatchObject({
      result: 'failed',
      error: { code: 'dns/refused', hint: 'Nothing was changed. Check `token`.' },
    });
    expect(world.ca.accepted('newOrder')).toBe(0);
    await issue(world.replica(2), job(one), signal);
    world.pass(80 * dayMs);
    // A renewal is tried all the same.
    expect(await issue(world.replica(3, { solver }), job(mixed), signal)).toMatchObject({ result: 'renewed' });
    expect(warnings).toContain(
      'www.example.net: sim refused to change example.net: no such zone. Nothing was changed. Check `token`.',
    );
  });

  it('that moves a name to the other solver is not due, and keeps its certificate', async () => {
    const world = await createSimulatedWorld();
    const { solver } = solversOf(world);
    await issue(world.replica(1, { solver }), job(mixed), signal);
    const moved = solvedBy({ '*.example.com': 'dns', 'www.example.net': 'dns' });
    expect(await issue(world.replica(2, { solver }), job(moved), signal)).toMatchObject({ result: 'unchanged' });
    expect(world.ca.accepted('newOrder')).toBe(1);
  });
});
