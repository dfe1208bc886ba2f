import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/core/plan/outcome.ts';
import { present } from '../../src/core/text/present.ts';
import { acmeProblem, limitDetail, pauseDetail } from '../support/acme-ca.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const hourMs = 3_600_000;
const hintOf = (outcome: Outcome) => ('error' in outcome ? outcome.error.hint : '');

describe('a paused account', () => {
  async function paused() {
    const world = await createSimulatedWorld();
    world.ca.failNext('newOrder', {
      problem: acmeProblem('rateLimited', pauseDetail('abc.example.com')),
      status: 429,
      times: 2,
    });
    const outcome = await issue(world.replica(1), job(simulatedSpec()), signal);
    const newOrders = () => world.ca.requests.filter(({ kind }) => kind === 'newOrder').length;
    return { world, outcome, newOrders };
  }

  it('is reported with the page where a person ends it, and what to run then', async () => {
    const { outcome } = await paused();
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/paused', retry: 'never' } });
    expect(outcome.message).toContain('https://ca.test/sfe/v1/unpause?jwt=x');
    expect(hintOf(outcome)).toContain('`certfleet issue abc`');
  });

  it('is left alone by renew for a day, and no longer', async () => {
    const { world, newOrders } = await paused();
    for (let hours = 1; hours < 24; hours += 1) {
      world.pass(hourMs);
      expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'unchanged' });
    }
    expect(newOrders()).toBe(1);
    world.pass(hourMs);
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'failed' });
    // Still paused: another day, not the next step of the back-off.
    expect(newOrders()).toBe(2);
    world.pass(dayMs);
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'issued' });
  });

  it('is tried again at once on request', async () => {
    const { world } = await paused();
    const byHand = job(simulatedSpec(), { obeyBackoff: false });
    expect(await issue(world.replica(1), byHand, signal)).toMatchObject({ result: 'failed' });
    expect(await issue(world.replica(1), byHand, signal)).toMatchObject({ result: 'issued' });
  });
});

it('a limit that ends within a second, for which Boulder names no time, is no pause', async () => {
  const world = await createSimulatedWorld();
  const detail = limitDetail.newOrders(world.clock.now());
  world.ca.failNext('newOrder', { problem: acmeProblem('rateLimited', detail), status: 429 });
  expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'issued' });
  expect(world.ca.requests.filter(({ kind }) => kind === 'newOrder').length).toBe(2);
});

it('a name that the CA excludes is tried again after a day, not after a minute', async () => {
  const world = await createSimulatedWorld();
  const problem = acmeProblem('rejectedIdentifier', 'forbidden by policy');
  world.ca.failNext('newOrder', { problem, status: 400, times: 2 });
  expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'failed' });
  world.pass(23 * hourMs);
  expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'unchanged' });
  world.pass(2 * hourMs);
  expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'failed' });
});

describe('what helps', () => {
  it.each([
    ['a CAA record', 'caa', '`0 issue "simulated.test"`'],
    ['DNS that fails', 'dns', 'name server'],
    ['a wrong answer', 'unauthorized', 'port 80'],
  ])('against %s is said after a failed validation', async (_title, type, words) => {
    const validate = async () => acmeProblem(type, 'the reason');
    const world = await createSimulatedWorld({ settings: { validate } });
    const http = { ...world.solver, answers: ['http-01'] as const };
    const outcome = await issue(world.replica(1, { solver: http }), job(simulatedSpec()), signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/invalid-authorization' } });
    expect(hintOf(outcome)).toContain(words);
    if (type === 'dns') expect(hintOf(outcome)).not.toContain('port 80');
  });

  it.each([
    [undefined, 'port 5002 of every address of this name leads to the solver from'],
    ['the web server', 'port 5002 of every address of this name leads to the web server from'],
  ])('against a wrong answer names the port of the CA, and what answers: %s', async (answeredBy, words) => {
    const validate = async () => acmeProblem('unauthorized', 'the reason');
    const world = await createSimulatedWorld({ settings: { validate } });
    const solver = { ...world.solver, answers: ['http-01'] as const, ...present({ answeredBy }) };
    const spec = { ...simulatedSpec(), preflight: { resolvers: [], http01Port: 5002 } };
    expect(hintOf(await issue(world.replica(1, { solver }), job(spec), signal))).toContain(words);
  });
});
