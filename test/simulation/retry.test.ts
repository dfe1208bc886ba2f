import { describe, expect, it } from 'vitest';
import type { ErrorEntry } from '../../src/core/errors/error-entry.ts';
import { type ErrorCode, errorTable } from '../../src/core/errors/error-table.ts';
import { CertfleetError, fail } from '../../src/core/errors/errors.ts';
import { describeLineage } from '../../src/core/plan/status.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { acmeProblem } from '../support/acme-ca.ts';
import { sampled } from '../support/seeded.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue,
  simulatedJob as job,
  simulatedSpec,
  withSolver,
} from '../support/simulated-world.ts';

// Compares what the error table says about the next try with what `renew` does.

const { signal } = new AbortController();
const [minuteMs, hourMs] = [60_000, 3_600_000];

/** A due certificate that fails with this error; returns whether a later pass tries again. */
async function failing(code: ErrorCode, retryAfterMs?: number) {
  const world = await createSimulatedWorld();
  const spec = simulatedSpec();
  await issue(world.replica(1), job(spec), signal);
  world.pass(70 * dayMs);
  const failedAtMs = world.clock.now().getTime();
  let tries = 0;
  const fails = async (): Promise<never> => {
    tries += 1;
    const retryAt = retryAfterMs === undefined ? {} : { retryAt: new Date(failedAtMs + retryAfterMs) };
    throw new CertfleetError(code, `it failed with ${code}`, '', retryAt);
  };
  // Errors of a target come from the target, all others from the way to the certificate.
  const replica = code.startsWith('deploy/')
    ? world.replica(1, { deployer: { type: 'sim', scope: 'fleet', look: fails, stage: fails, activate: fails } })
    : world.replica(1, { solver: fails });
  const pass = async (wanted: StoredSpec, rules: Parameters<typeof job>[1] = {}): Promise<boolean> => {
    const before = tries;
    await issue(replica, job(wanted, rules), signal);
    return tries > before;
  };
  expect(await pass(spec)).toBe(true);
  return {
    spec,
    /** Whether a pass this long after the failure tries again. */
    triesAfter: (ms: number, wanted = spec, rules = {}) => {
      world.pass(failedAtMs + ms - world.clock.now().getTime());
      return pass(wanted, rules);
    },
  };
}

const codes = Object.entries(errorTable) as readonly (readonly [ErrorCode, ErrorEntry])[];
/** A sixth of the codes; all in a long run. */
function saying(retry: ErrorEntry['retry']): readonly ErrorCode[] {
  const all = codes.filter(([, entry]) => entry.retry === retry).map(([code]) => code);
  return sampled(all, Math.ceil(all.length / 6), retry);
}

describe('what may change by itself is tried again by the back-off', () => {
  it.each(saying('later'))('%s', async (code) => {
    const { triesAfter } = await failing(code);
    // Targets are different: each pass tries them again.
    if (!code.startsWith('deploy/')) expect(await triesAfter(minuteMs / 2)).toBe(false);
    expect(await triesAfter(minuteMs + 1_000)).toBe(true);
  });
});

describe('what names a time is tried again then', () => {
  it.each(saying('at'))('%s', async (code) => {
    const { triesAfter } = await failing(code, 3 * hourMs);
    expect(await triesAfter(3 * hourMs - minuteMs)).toBe(false);
    expect(await triesAfter(3 * hourMs + 1_000)).toBe(true);
  });
});

describe('what needs a change by a person is tried once a day', () => {
  it.each(saying('never'))('%s', async (code) => {
    const { triesAfter } = await failing(code);
    for (const ms of [minuteMs + 1_000, 2 * hourMs, 23 * hourMs]) expect(await triesAfter(ms)).toBe(false);
    expect(await triesAfter(dayMs + minuteMs)).toBe(true);
  });

  it.each([
    ['by hand', simulatedSpec(), { obeyBackoff: false }],
    ['with other settings', withSolver(simulatedSpec(), { type: 'sim', option: 'other' }), {}],
  ] as const)('or %s at once', async (_how, wanted, rules) => {
    const { triesAfter } = await failing('acme/paused');
    expect(await triesAfter(minuteMs + 1_000, wanted, rules)).toBe(true);
  });
});

it('an order that the CA signs for longer than a run waits is resumed when the CA said', async () => {
  const { ca, pass, readLineage, replica } = await createSimulatedWorld();
  Object.assign(ca.settings, { processingPolls: 1, retryAfter: { order: { seconds: 600 } } });
  const renew = () => issue(replica(1), job(simulatedSpec()), signal);
  expect(await renew()).toMatchObject({ result: 'failed', error: { code: 'acme/timeout' } });
  const { failure } = (await readLineage())!;
  expect(Date.parse(failure?.holdUntil ?? '') - Date.parse(failure?.at ?? '')).toBeGreaterThan(599_000);
  pass(601_000);
  ca.settings.retryAfter = {};
  expect(await renew()).toMatchObject({ result: 'issued' });
  expect(ca.accepted('finalize')).toBe(1);
});

it.each([
  ['solver/port-held', [2, 4, 6, 8]],
  // A clock stays wrong for longer, and is mended without notice.
  ['acme/clock-skew', [2, 12, 22, 32]],
] as const)('%s does not concern the certificate, so it waits ten minutes at most', async (code, tries) => {
  const { triesAfter } = await failing(code);
  // Otherwise the next failures would make it wait ten minutes, then a hundred.
  for (const minutes of tries) expect([minutes, await triesAfter(minutes * minuteMs)]).toEqual([minutes, true]);
});

describe('a forced renewal that fails shortly before the certificate is due', () => {
  const wanted = simulatedSpec();
  it.each([
    ['by a limit', { status: 429, problem: acmeProblem('rateLimited', 'no'), retryAfter: { seconds: 3 * 3600 } }, 3],
    [
      'because the CA is busy',
      { status: 503, problem: acmeProblem('serverInternal', 'no'), retryAfter: { seconds: 7200 } },
      2,
    ],
    ['for a reason that lasts', { status: 400, problem: acmeProblem('rejectedIdentifier', 'no') }, 0],
  ])('%s neither counts nor delays a renewal longer than the CA asked', async (_why, refusal, heldHours) => {
    // At the end of the window, it would be due by itself: no later run would fall into the window.
    const world = await createSimulatedWorld({ drawn: 0.5 });
    await issue(world.replica(1), job(wanted), signal);
    const { renewal, current } = (await world.readLineage())!;
    const dueMs = Date.parse(renewal!.at);
    world.pass(dueMs - world.clock.now().getTime() - hourMs);
    const status = async () => {
      const facts = {
        wanted: { spec: wanted, origin: 'configuration' as const },
        corrupt: undefined,
        isWorking: false,
      };
      return describeLineage('abc', { ...facts, lineage: await world.readLineage(), now: world.clock.now() });
    };
    const newOrders = () => world.ca.requests.filter(({ kind }) => kind === 'newOrder').length;
    const next = new Date(Math.max(dueMs, world.clock.now().getTime() + heldHours * hourMs)).toISOString();
    world.ca.failNext('newOrder', refusal);
    const outcome = await issue(world.replica(1), job(wanted, { force: true, obeyBackoff: false }), signal);
    expect(outcome).toMatchObject({ result: 'failed', notDue: true });
    expect(Math.abs(Date.parse(outcome.next!) - Date.parse(next))).toBeLessThan(1_000);
    const asked = newOrders();

    const unattended = () => issue(world.replica(1), job(wanted), signal);
    for (const minutes of [1, 10, 40]) {
      world.pass(minutes * minuteMs);
      expect(await status()).toMatchObject({ state: 'valid' });
      const quiet = await unattended();
      expect(quiet).toMatchObject({ result: 'unchanged' });
      expect(quiet).not.toHaveProperty('failing');
    }
    expect(newOrders()).toBe(asked);
    world.pass(dueMs - world.clock.now().getTime() + minuteMs);
    expect(await status()).toMatchObject({ state: 'due' });
    const early = await unattended();
    expect(early.result).toBe(heldHours > 0 ? 'unchanged' : 'renewed');
    expect(early).not.toHaveProperty('failing');
    world.pass(3 * hourMs);
    await unattended();
    expect((await world.readLineage())?.current?.id).not.toBe(current?.id);
    expect(newOrders()).toBe(asked + 1);
  });
});

describe('secrets that cannot be read', () => {
  const wanted = simulatedSpec();
  const noSecret = fail('config/credential-missing', { what: 'dns', credential: 'a token' });
  const withSecrets = (engine: Engine, credentialsOf: () => Promise<string>): Engine => ({
    ...engine,
    connect: { ...engine.connect, credentialsOf },
  });

  /** A certificate whose renewal failed for lack of them, after so many days; how it failed, and what `status` says. */
  async function failed(days: number, rules: Parameters<typeof job>[1]) {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(wanted), signal);
    world.pass(days * dayMs);
    const without = withSecrets(world.replica(1), () => Promise.reject(noSecret));
    const outcome = await issue(without, job(wanted, rules), signal);
    const lineage = await world.readLineage();
    const { clock } = world;
    const facts = { wanted: { spec: wanted, origin: 'configuration' as const }, corrupt: undefined, isWorking: false };
    return { world, without, outcome, lineage, shown: describeLineage('abc', { ...facts, lineage, now: clock.now() }) };
  }
  const ofFailure = { state: 'failing', failure: { message: 'dns is missing a token' } };

  it('fail a renewal, which is shown and tried again as soon as they can be read', async () => {
    const { world, without, outcome, shown } = await failed(70, {});
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'config/credential-missing' } });
    expect(shown).toMatchObject(ofFailure);
    expect(await issue(without, job(wanted), signal), 'the back-off holds').toMatchObject({ failing: true });
    const again = withSecrets(world.replica(1), async () => 'right');
    expect(await issue(again, job(wanted), signal)).toMatchObject({ result: 'renewed' });
  });

  it('fail a forced renewal, which is tried again when it is due', async () => {
    const { without, outcome, lineage, shown } = await failed(0, { force: true, obeyBackoff: false });
    const at = lineage?.renewal?.at;
    expect(outcome).toMatchObject({ result: 'failed', next: at });
    const { message } = ofFailure.failure;
    expect(shown).toMatchObject({ state: 'valid', failure: { message, retryAt: at, notDue: true } });
    expect(await issue(without, job(wanted), signal)).toMatchObject({ message: 'not due yet' });
  });

  it('are not noticed while nothing is due', async () => {
    const { outcome, shown } = await failed(0, {});
    expect(outcome).toMatchObject({ result: 'unchanged' });
    expect(shown).toMatchObject({ state: 'valid' });
  });
});
