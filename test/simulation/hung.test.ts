import { describe, expect, it } from 'vitest';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { reconcile } from '../../src/engine/pass/reconcile.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import { inNewPass } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const deadlineMs = 60_000;

/** A target that never answers and ignores every abort, and one that works. */
async function createHung(hangs: 'look' | 'stage' | 'activate', concurrent: boolean) {
  const world = await createSimulatedWorld();
  const { clock } = world;
  /** When each call began, and when each event of a certificate came: `pending a`. */
  const calls: number[] = [];
  const events = new Map<string, number>();
  const works: Deployer = {
    type: 'sim',
    scope: 'fleet',
    ...(concurrent ? { concurrent } : {}),
    look: async () => ({ state: 'stale', detail: '' }),
    stage: async () => null,
    activate: async () => undefined,
  };
  const hung: Deployer = {
    ...works,
    [hangs]: () => {
      calls.push(clock.monotonicMs());
      return new Promise<never>(() => {});
    },
  };
  const engine = (pid: number): Engine => {
    const replica = world.replica(pid);
    return {
      ...replica,
      reporter: {
        report: ({ event, certificate }) =>
          void events.set(`${event.replace('certificate.', '')} ${certificate}`, clock.monotonicMs()),
      },
      connect: {
        ...replica.connect,
        deployer: async (_spec: StoredSpec, target: string) => (target === 'hung' ? hung : works),
      },
    };
  };
  const to = (name: string, ...deploy: readonly string[]) => {
    const wanted = simulatedSpec(name, [`${name}.example.com`]);
    const targets = deploy.map((target) => ({ name: target, settings: { type: 'sim', token: 'hunter2' } }));
    return job({ ...wanted, targets });
  };
  const at = (event: string): number => events.get(event) ?? Number.NaN;
  return { clock, world, engine, to, calls, at };
}

describe('a target that hangs', () => {
  it.each([
    ['look', false],
    ['stage', false],
    ['activate', false],
    ['activate', true],
  ] as const)(
    'in %s (concurrent: %s) keeps no lease and no lane, and is waited for once',
    async (hangs, concurrent) => {
      const { clock, world, engine, to, calls, at } = await createHung(hangs, concurrent);
      const jobs = [to('a', 'hung', 'works'), to('b', 'hung'), to('c', 'hung'), to('d', 'works')];
      const first = engine(1);
      const outcomes = await passing(clock, reconcile(first, jobs, signal));
      const tooSlow = { result: 'pending', error: { code: 'deploy/too-slow' } };
      expect(outcomes).toMatchObject([tooSlow, tooSlow, tooSlow, { certificate: 'd', result: 'issued' }]);
      expect(calls.length).toBeLessThanOrEqual(concurrent ? 3 : 1);
      // A certificate that is issued later than that ends at once.
      const [beganMs = 0] = calls;
      for (const name of ['a', 'b', 'c']) {
        const endMs = Math.max(beganMs + deadlineMs, at(`issued ${name}`) + (concurrent ? deadlineMs : 0));
        expect(at(`pending ${name}`), name).toBeLessThan(endMs + 2_000);
      }
      expect(at('deployed d') - at('issued d'), 'another target waits for nothing').toBeLessThan(2_000);
      const lineages = await Promise.all(['a', 'b', 'c', 'd'].map((name) => world.readLineage(name)));
      expect(lineages.map((lineage) => lineage?.work)).toEqual([undefined, undefined, undefined, undefined]);
      expect(lineages[0]?.deployments).toMatchObject({ hung: { state: 'pending' }, works: { state: 'current' } });

      expect([...first.memory.hung].join(), 'keys contain no settings, which may be secret').toMatch(
        /^hung (?!.*hunter2)./,
      );

      // Later certificates fail at once; after an hour, the process tries again.
      await passing(clock, reconcile(first, [to('e', 'hung')], signal));
      expect(at('pending e') - at('issued e')).toBeLessThan(1_000);
      const before = calls.length;
      await clock.advance(3_600_000);
      const again = inNewPass(first, (next) => reconcile(next, [to('a', 'hung', 'works')], signal));
      await passing(clock, again);
      // What is pending is delivered without a look.
      expect(calls.length).toBe(before + (hangs === 'look' ? 0 : 1));
    },
  );
});
