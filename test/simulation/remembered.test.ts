import { describe, expect, it } from 'vitest';
import type { Lineage } from '../../src/core/lineage/lineage.ts';
import type { Outcome } from '../../src/core/plan/outcome.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { rollBack } from '../../src/engine/acts/rollback.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Job } from '../../src/engine/run/job.ts';
import type { Cache } from '../../src/ports/cache.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Store } from '../../src/ports/store.ts';
import { reconcile, reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { chanceOf, firstSeed, isLong } from '../support/seeded.ts';
import { createSimulatedWorld, dayMs, simulatedJob, simulatedSpec } from '../support/simulated-world.ts';

// What a pass remembers of certificates that are not due (decision 0040): with it, a pass must do exactly what it does
// without it, whatever became of it in the meantime.

const { signal } = new AbortController();
const hourMs = 3_600_000;

/** A cache in memory, of which a test can spoil the content. */
function memoryCache() {
  const files = new Map<string, Uint8Array>();
  const cache: Cache = {
    read: async (name) => files.get(name),
    write: async (name, bytes) => void files.set(name, bytes),
  };
  return { cache, files };
}

const declared = ['a', 'b', 'c'] as const;
const byFlags = 'd';

/** One universe: four certificates with a target on this node and one of the fleet. */
async function universe(seed: number, cache: Cache | undefined) {
  let isDown = false;
  const world = await createSimulatedWorld({
    chance: chanceOf(seed),
    drawn: 0.5,
    settings: { profiles: { default: { description: '10 days', validityMs: 10 * dayMs } } },
    between: (honest) => ({
      ...honest,
      request: (asked) => (isDown ? Promise.reject(new Error('unreachable')) : honest.request(asked)),
    }),
  });
  const has = new Map<string, string>();
  const got: string[] = [];
  const broken = new Set<string>();
  const read: string[] = [];
  const deployerOf = (target: string, scope: Deployer['scope']): Deployer => ({
    ...{ type: 'sim', scope, concurrent: true },
    has: async ({ lineage, id }) => has.get(`${lineage} ${target}`) === id,
    look: async ({ lineage, id }) => ({
      state: has.get(`${lineage} ${target}`) === id ? 'current' : 'stale',
      detail: '',
    }),
    stage: async () => null,
    activate: async ({ lineage, id }) => {
      if (broken.has(target)) throw new Error('the disk is full');
      has.set(`${lineage} ${target}`, id);
      got.push(`${lineage} ${target}`);
    },
  });
  const deployers = { files: deployerOf('files', 'node'), cloud: deployerOf('cloud', 'fleet') };
  const specOf = (name: string): StoredSpec => ({
    ...simulatedSpec(name, [`${name}.example.com`]),
    targets: [
      { name: 'files', settings: { type: 'sim' }, traits: { ofNode: 'target' } },
      { name: 'cloud', settings: { type: 'sim' } },
    ],
  });
  const wanted = new Map<string, StoredSpec>(declared.map((name) => [name, specOf(name)]));
  const store: Store = {
    ...world.store,
    async get(key, s) {
      if (key.kind === 'lineage') read.push(key.name);
      return world.store.get(key, s);
    },
    async *scan(kind, s, isKnown) {
      for await (const page of world.store.scan(kind, s, isKnown)) {
        if (kind === 'lineage') read.push(...page.map(({ key }) => key.name));
        yield page;
      }
    },
  };
  let pid = 1;
  const engine = (node = 'here') => {
    pid += 1;
    return world.replica(pid, { node, store, deployers, ...(cache ? { cache } : {}) });
  };
  const passed = <T>(running: Promise<T>): Promise<T> => passing(world.clock, running);
  const ofFlags = ({ name, origin, spec }: Lineage): Job | undefined =>
    name === byFlags && origin === 'command-line' ? { ...simulatedJob(spec), origin, isStored: true } : undefined;
  await passed(reconcile(engine(), [{ ...simulatedJob(specOf(byFlags)), origin: 'command-line' }], signal));
  const renewOn = (process: Engine, nextRunMs?: number): Promise<readonly Outcome[]> => {
    read.length = 0;
    const jobs = [...wanted.values()].map((spec): Job => ({ ...simulatedJob(spec), nextRunMs }));
    const all = { jobs, jobOf: ofFlags, isWhole: true, remembers: { nextRunMs } };
    return passed(reconcileAll(process, all, signal));
  };
  return {
    ...{ world, has, got, broken, read, wanted, engine, passed, specOf },
    turn: (down: boolean) => {
      isDown = down;
    },
    renew: (nextRunMs?: number) => renewOn(engine(), nextRunMs),
    renewOnOther: () => renewOn(engine('other')),
  };
}
type Universe = Awaited<ReturnType<typeof universe>>;

const told = (outcomes: readonly Outcome[]) =>
  outcomes
    .map((one) => [one.certificate, one.result, one.message, one.next, 'notAfter' in one ? one.notAfter : ''].join(' '))
    .sort();

describe('a pass', () => {
  it('reads one document of certificates that are not due, and what has changed', async () => {
    const { cache } = memoryCache();
    const one = await universe(1, cache);
    await one.renew();
    one.world.pass(hourMs);
    await one.renew();
    const outcomes = await one.renew();
    expect(outcomes.map(({ result, message }) => [result, message])).toEqual(
      [...declared, byFlags].map(() => ['unchanged', 'not due yet']),
    );
    expect(one.read).toHaveLength(1);
    await one.world.editLineage((lineage) => ({ ...lineage, credentials: 'others' }), 'b');
    await one.renew();
    expect(one.read).toContain('b');
    one.wanted.set('c', { ...one.specOf('c'), profile: 'default' });
    await one.renew();
    expect(one.read).toContain('c');
  });

  it('on each node, reads the document of a certificate with another setting of a target', async () => {
    const one = await universe(1, memoryCache().cache);
    const passes = [one.renew, one.renewOnOther];
    for (const renew of [...passes, ...passes, ...passes]) {
      await renew();
      one.world.pass(hourMs / 60);
    }
    const spec = one.specOf('c');
    const changed = spec.targets.map((target) => ({ ...target, settings: { ...target.settings, mode: '0640' } }));
    one.wanted.set('c', { ...spec, targets: changed });
    for (const renew of passes) {
      await renew();
      expect(one.read).toContain('c');
    }
  });

  it('delivers what a folder lost', async () => {
    const { cache } = memoryCache();
    const one = await universe(1, cache);
    for (const _round of [1, 2]) await one.renew();
    one.has.delete('b files');
    const outcomes = await one.renew();
    expect(outcomes.find(({ certificate }) => certificate === 'b')).toMatchObject({ result: 'deployed' });
    expect(one.got.filter((what) => what === 'b files')).toHaveLength(2);
  });

  it('names what a certificate lacks', async () => {
    const { cache } = memoryCache();
    const one = await universe(1, cache);
    for (const _round of [1, 2]) await one.renew();
    const name = `b~${(await one.world.readLineage('b'))!.current!.id}`;
    const entry = await one.world.store.get({ kind: 'key', name }, signal);
    await one.world.store.delete({ kind: 'key', name }, { ifRevision: entry!.revision, signal });
    const outcomes = await one.renew();
    expect(outcomes.find(({ certificate }) => certificate === 'b')).toMatchObject({
      result: 'failed',
      error: { code: 'store/part-missing' },
    });
  });

  it('reads each document once a day, and when the clock is set back', async () => {
    const { cache } = memoryCache();
    const one = await universe(1, cache);
    for (const _round of [1, 2]) await one.renew();
    one.world.pass(-2 * hourMs);
    await one.renew();
    expect(new Set(one.read)).toEqual(new Set([...declared, byFlags]));
  });
});

/** What may become of the file between two passes. */
const fates: Readonly<
  Record<string, (files: Map<string, Uint8Array>, earlier: readonly (readonly [string, Uint8Array])[]) => void>
> = {
  lost: (files) => files.clear(),
  stale: (files, earlier) => {
    for (const [name, bytes] of earlier) files.set(name, bytes);
  },
  torn: (files) => {
    for (const [name, bytes] of files) files.set(name, bytes.subarray(0, bytes.length >> 1));
  },
  other: (files) => {
    for (const name of files.keys()) files.set(name, Buffer.from('{"about":"another store","rows":[]}'));
  },
};

describe('a pass that remembers does what one does that does not', () => {
  const seeds = isLong ? 400 : 8;
  it.each(Array.from({ length: seeds }, (_, index) => firstSeed + index))('seed %i', async (seed) => {
    const { cache, files } = memoryCache();
    const both = [await universe(seed, cache), await universe(seed, undefined)] as const;
    const chance = chanceOf(seed + 7_919);
    const pick = <T>(all: readonly T[]): T => all[Math.floor(chance() * all.length)]!;
    const each = async (work: (one: Universe) => unknown) => {
      for (const one of both) await work(one);
    };
    const trace: string[] = [];
    const earlier: (readonly [string, Uint8Array])[] = [];
    for (let step = 0; step < 40; step += 1) {
      const name = pick([...declared, byFlags]);
      const target = pick(['files', 'cloud']);
      const what = pick(
        'renew renew renew renew wait wait wait wipe wipe break mend down up hold settings undeclare rollback fate'.split(
          ' ',
        ),
      );
      trace.push(`${what} ${name}`);
      if (what === 'wait') {
        const ms = pick([hourMs / 6, hourMs, hourMs, 7 * hourMs, dayMs, 2 * dayMs, -hourMs]);
        await each(({ world }) => world.pass(ms));
      } else if (what === 'wipe') await each(({ has }) => has.delete(`${name} files`));
      else if (what === 'break') await each(({ broken }) => broken.add(target));
      else if (what === 'mend') await each(({ broken }) => broken.clear());
      else if (what === 'down' || what === 'up') await each(({ turn }) => turn(what === 'down'));
      else if (what === 'settings')
        await each(({ wanted, specOf }) => {
          if (name === byFlags) return;
          const more = wanted.get(name)?.identifiers.length === 1 ? [`www.${name}.example.com`] : [];
          wanted.set(name, { ...specOf(name), ...simulatedIdentifiers([`${name}.example.com`, ...more]) });
        });
      else if (what === 'undeclare') await each(({ wanted }) => wanted.delete(name));
      else if (what === 'hold')
        await each(({ world }) =>
          world
            .editLineage(
              (lineage) => ({
                ...lineage,
                rolledBack: { at: '', until: new Date(world.clock.now().getTime() + 3 * hourMs).toISOString() },
              }),
              name,
            )
            .catch(() => undefined),
        );
      else if (what === 'rollback')
        await each(({ engine, passed, specOf }) =>
          passed(rollBack(engine(), { name, wanted: specOf(name) }, signal)).catch(() => undefined),
        );
      else if (what === 'fate') pick(Object.values(fates))(files, earlier);
      else {
        const nextRunMs = chance() < 0.2 ? dayMs : undefined;
        if (chance() < 0.3) earlier.push(...files);
        const [ours, theirs] = [await both[0].renew(nextRunMs), await both[1].renew(nextRunMs)];
        const said = trace.join(', ');
        expect(told(ours), said).toEqual(told(theirs));
        expect([...both[0].got].sort(), said).toEqual([...both[1].got].sort());
        expect(both[0].world.ca.state.certificates.size, said).toBe(both[1].world.ca.state.certificates.size);
        expect(both[0].read.length, said).toBeLessThanOrEqual(both[1].read.length);
      }
    }
  });
});

const simulatedIdentifiers = (names: readonly string[]): Pick<StoredSpec, 'identifiers'> => ({
  identifiers: names.map((value) => ({ type: 'dns', value }) as const),
});
