import { describe, expect, it } from 'vitest';
import type { CertfleetError } from '../../src/core/errors/errors.ts';
import { fail } from '../../src/core/errors/errors.ts';
import { leftOutside } from '../../src/core/plan/left-outside.ts';
import type { Engine } from '../../src/engine/engine.ts';
import * as sweeping from '../../src/engine/pass/sweep.ts';
import { reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const spec = simulatedSpec();
const about = { provider: 'sim', name: 'example.com', advice: 'Check it.' };
const refused = fail('dns/refused', { ...about, reason: 'the key may not delete' });
const left = [{ what: 'the dns-01 challenge of example.com', code: 'dns/refused', reason: refused.message }];

/** A world with a certificate whose challenge could not be removed. */
async function worldWithLeft(error: CertfleetError) {
  const world = await createSimulatedWorld();
  const { clock } = world;
  const solver = { ...world.solver, cleanup: () => Promise.reject(error) };
  const without = () => world.replica(1, { solver });
  const first = await issue(without(), job(spec), signal);
  const pass = (engine: Engine, isDeclared = true) =>
    passing(clock, reconcileAll(engine, { jobs: isDeclared ? [job(spec)] : [], jobOf: () => undefined }, signal));
  return { world, first, without, pass, sweep: () => passing(clock, sweeping.sweep(world.replica(1), signal)) };
}

describe('a challenge whose removal is refused', () => {
  it('is in the outcome of every run until it is removed', async () => {
    const { world, first, without, pass } = await worldWithLeft(refused);
    expect(first).toMatchObject({ result: 'issued', left });
    expect(await pass(without()), 'nothing is due').toMatchObject([{ result: 'unchanged', left }]);
    expect(await pass(without(), false), 'it is no longer declared').toMatchObject([{ result: 'unchanged', left }]);
    world.pass(80 * dayMs);
    expect(await pass(without()), 'it is due').toMatchObject([{ result: 'renewed', left }]);
    const [outcome] = await pass(world.replica(1));
    expect([outcome?.result, outcome?.left]).toEqual(['unchanged', undefined]);
    expect([...world.txt]).toEqual([]);
    expect(await pass(world.replica(1), false)).toEqual([]);
  });

  it('is in the outcome of a run that fails', async () => {
    const { world, without } = await worldWithLeft(refused);
    world.pass(80 * dayMs);
    world.ca.failNext('finalize', { status: 503, retryAfter: { seconds: 3_600 } });
    expect(await issue(without(), job(spec), signal)).toMatchObject({ result: 'failed', left });
  });

  it('is named by the sweep that removes it', async () => {
    const { sweep, world } = await worldWithLeft(refused);
    expect(await sweep()).toMatchObject({ cleaned: ['abc: the dns-01 challenge of example.com'], failed: [] });
    expect(leftOutside((await world.readLineage())!)).toEqual([]);
    expect(await sweep()).toMatchObject({ cleaned: [], failed: [] });
  });
});

it.each([
  ['limits requests', fail('dns/limited', { provider: 'sim', reason: 'busy' })],
  ['cannot be reached', fail('dns/unreachable', { provider: 'sim', reason: 'timed out' })],
])('a removal that says nothing, because the service %s, is only tried again', async (_why, error) => {
  const { world, first, without, pass } = await worldWithLeft(error);
  expect(first).toMatchObject({ result: 'issued' });
  const outcomes = [first, ...(await pass(without()))];
  expect(outcomes.map((outcome) => outcome.left)).toEqual([undefined, undefined]);
  await pass(world.replica(1));
  expect([...world.txt]).toEqual([]);
});

it('what was refused stays known after a try that says nothing', async () => {
  const { world, pass } = await worldWithLeft(refused);
  const cleanup = () => Promise.reject(fail('dns/unreachable', { provider: 'sim', reason: 'timed out' }));
  expect(await pass(world.replica(1, { solver: { ...world.solver, cleanup } }))).toMatchObject([{ left }]);
});
