import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import { reconcile } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, simulatedJob as job, simulatedSpec, targetsOf } from '../support/simulated-world.ts';

// Two targets that carry the certificate and two commands that act on what the targets before them have, in any order.
// Targets fail, processes die, and new versions come: no reload is lost, none is held up, and none is made for nothing.

const { signal } = new AbortController();
const targets = ['files', 'nginx', 'reload', 'notify'] as const;
type Target = (typeof targets)[number];
const isCommand = (target: string): boolean => target === 'reload' || target === 'notify';

/** A success of one target: it took the version, or the command ran. */
interface Success {
  readonly target: string;
  readonly version: string;
  /** For a command: it has run for all targets before it. */
  readonly isWhole: boolean;
}

async function createDeliveries(order: readonly Target[]) {
  const world = await createSimulatedWorld();
  const spec: StoredSpec = { ...simulatedSpec(), targets: targetsOf(...order) };
  const has = new Map<string, string>();
  const successes: Success[] = [];
  let broken: ReadonlySet<string> = new Set();
  let dying: string | undefined;
  let pid = 0;

  const before = (target: string): readonly string[] => order.slice(0, order.indexOf(target as Target));
  const deployerOf = (target: string, died: () => void): Deployer => ({
    type: 'sim',
    scope: 'node',
    ...(isCommand(target) ? { runsAfter: true } : {}),
    look: async ({ id }) => ({ state: has.get(target) === id ? 'current' : 'stale', detail: '' }),
    stage: async () => null,
    async activate({ id }) {
      if (broken.has(target)) throw new Error('it is broken');
      has.set(target, id);
      const isWhole = before(target).every((other) => has.get(other) === id);
      successes.push({ target, version: id, isWhole });
      if (target !== dying) return;
      world.dead.add(pid);
      died();
      await new Promise(() => {});
    },
  });

  /** One pass of a new process, which may be killed right after a target took the version. */
  async function pass(what: {
    readonly broken: readonly Target[];
    readonly dies: Target | undefined;
    readonly force: boolean;
  }) {
    pid += 1;
    broken = new Set(what.broken);
    dying = what.dies;
    let died = () => {};
    const death = new Promise<'died'>((resolve) => {
      died = () => resolve('died');
    });
    const replica = world.replica(pid);
    const connect = {
      ...replica.connect,
      deployer: async (_spec: StoredSpec, target: string) => deployerOf(target, died),
    };
    const engine: Engine = { ...replica, connect };
    const rules = { force: what.force, obeyBackoff: !what.force };
    const run = reconcile(engine, [job(spec, rules)], signal);
    return passing(world.clock, Promise.race([run, death]));
  }
  return { world, successes, before, pass };
}

/** Whether a command has something to run for: a target before it took this version after the command's last run. */
function isOwed(successes: readonly Success[], before: readonly string[], command: string, version: string): boolean {
  const lastRun = successes.findLastIndex((one) => one.target === command && one.version === version);
  const lastTaken = successes.findLastIndex(
    (one) => !isCommand(one.target) && before.includes(one.target) && one.version === version,
  );
  return lastTaken > lastRun;
}

/** Which targets are left alone until later. */
async function pausedNow({ readLineage, clock }: Awaited<ReturnType<typeof createSimulatedWorld>>) {
  const { deployments = {} } = (await readLineage()) ?? {};
  return (target: string): boolean => Date.parse(deployments[target]?.retryAt ?? '') > clock.now().getTime();
}

const passes = fc.array(
  fc.record({
    broken: fc.subarray([...targets]),
    dies: fc.option(fc.constantFrom(...targets), { freq: 5, nil: undefined }),
    force: fc.nat({ max: 3 }).map((n) => n === 0),
    minutes: fc.constantFrom(0, 1, 10, 90),
  }),
  { maxLength: 8 },
);

it('every command runs after the last target before it has taken the version, and not without news', async () => {
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([...targets], { minLength: 4 }), passes, async (order, all) => {
      const { world, successes, before, pass } = await createDeliveries(order);
      const commands = order.filter((target) => isCommand(target) && before(target).length > 0);
      await pass({ broken: [], dies: undefined, force: false });
      let hasDied = false;
      for (const { minutes, ...what } of all) {
        world.pass(minutes * 60_000);
        const isPaused = await pausedNow(world);
        const seen = successes.length;
        const result = await pass(what);
        hasDied ||= result === 'died';
        if (result === 'died') continue;
        const { current, deployments } = (await world.readLineage()) ?? {};
        const version = current?.id ?? '';
        for (const command of commands) {
          const fails = (target: string) => what.broken.includes(target as Target) || isPaused(target);
          // What a killed run has delivered is delivered again, and may fail this time.
          const isHeldUp = fails(command) || (hasDied && before(command).some(fails));
          if (!isHeldUp) expect(isOwed(successes, before(command), command, version), `${command} has run`).toBe(false);
          const isWhole = before(command).every((other) => deployments?.[other]?.state === 'current');
          if (!isWhole) expect(deployments?.[command]?.state, `${command} is not done`).not.toBe('current');
          // A run that was killed may be repeated.
          const ran = successes.slice(seen).findIndex(({ target }) => target === command);
          const news = successes.slice(0, seen + ran).findLastIndex(({ target }) => before(command).includes(target));
          const lastRun = successes.slice(0, seen + ran).findLastIndex(({ target }) => target === command);
          if (ran >= 0 && !hasDied) expect(news, `${command} has run for something`).toBeGreaterThan(lastRun);
        }
      }

      // All work again.
      for (let turn = 0; turn < 3; turn += 1) {
        world.pass(25 * 3_600_000);
        await pass({ broken: [], dies: undefined, force: false });
      }
      const { current, deployments = {} } = (await world.readLineage()) ?? {};
      expect(Object.values(deployments).map(({ state, version }) => [state, version])).toEqual(
        order.map(() => ['current', current?.id]),
      );
      for (const command of commands) {
        expect(isOwed(successes, before(command), command, current?.id ?? ''), `no run of ${command} is lost`).toBe(
          false,
        );
        const last = successes.findLast(({ target }) => target === command);
        expect(last).toMatchObject({ version: current?.id, isWhole: true });
      }
    }),
    { numRuns: process.env['CERTFLEET_LONG'] ? 400 : 8 },
  );
});
