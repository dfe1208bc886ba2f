import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { present } from '../../core/text/present.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { type Errand, inLanes } from './lanes.ts';

const { signal: never } = new AbortController();
interface Done {
  readonly name: string;
}

/** Errands on one fake clock, and what was seen of them. */
function bench() {
  const clock = fakeClock();
  /** `begins a at 0`, in order. */
  const log: string[] = [];
  const active = new Map<string, number>();
  const most = new Map<string, number>();

  /** An errand that takes `ms`, after it was busy so many times. */
  const errand = (
    name: string,
    {
      ms = 10,
      group = 'ca',
      limit = () => 2,
      busy = 0,
      pauseMs = 250,
      fails = false,
      onGrowth,
    }: Partial<Omit<Errand<Done>, 'run'>> & {
      readonly ms?: number;
      readonly busy?: number;
      readonly pauseMs?: number;
      readonly fails?: boolean;
    } = {},
  ): Errand<Done> => {
    let left = busy;
    return {
      group,
      limit,
      ...present({ onGrowth }),
      async run(signal) {
        log.push(`${left > 0 ? 'tries' : 'begins'} ${name} at ${clock.monotonicMs()}`);
        if (left > 0) {
          left -= 1;
          return { busy: true, pauseMs };
        }
        const now = (active.get(group) ?? 0) + 1;
        active.set(group, now);
        most.set(group, Math.max(now, most.get(group) ?? 0));
        try {
          // Aborted or not, it comes to its end: it cleans up.
          await clock.sleep(ms, never);
          signal.throwIfAborted();
          if (fails) throw new Error(`${name} failed`);
          return { name };
        } finally {
          active.set(group, (active.get(group) ?? 0) - 1);
          log.push(`ends ${name} at ${clock.monotonicMs()}`);
        }
      },
    };
  };
  return { clock, log, most, errand };
}

/** Time passes until it is over. */
async function through<T>(clock: ReturnType<typeof fakeClock>, running: Promise<T>): Promise<T> {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  running.then(end, end);
  for (let turns = 0; !isOver; turns += 1) {
    if (turns > 10_000) throw new Error('it comes to no end');
    await clock.advance(10);
  }
  return running;
}

describe('inLanes', () => {
  it('runs as many of a group at once as it allows, and answers in the order of the errands', async () => {
    const { clock, log, most, errand } = bench();
    const errands = [errand('a', { ms: 30 }), errand('b'), errand('c'), errand('x', { group: 'other' }), errand('d')];
    const results = await through(clock, inLanes({ clock }, errands, never));
    expect(results.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'x', 'd']);
    expect([...most]).toEqual([
      ['ca', 2],
      ['other', 1],
    ]);
    expect(log.filter((line) => line.startsWith('begins'))).toEqual([
      ...['begins a at 0', 'begins b at 0', 'begins x at 0', 'begins c at 10', 'begins d at 20'],
    ]);
  });

  it('begins a phase once all errands of the one before are done, also those that were busy', async () => {
    const { clock, log, errand } = bench();
    const errands = [
      { ...errand('last'), phase: 2 },
      { ...errand('first', { busy: 1, pauseMs: 100 }), phase: 0 },
      { ...errand('second', { group: 'other' }), phase: 1 },
      errand('first too'),
    ];
    const results = await through(clock, inLanes({ clock }, errands, never));
    expect(results.map(({ name }) => name)).toEqual(['last', 'first', 'second', 'first too']);
    const begun = log.filter((line) => line.startsWith('begins'));
    expect(begun.map((line) => line.replace(/ at .*/, ''))).toEqual([
      ...['begins first too', 'begins first', 'begins second', 'begins last'],
    ]);
    expect(log.indexOf(begun[2]!)).toBeGreaterThan(log.findIndex((line) => line.startsWith('ends first at')));
  });

  it('has nothing to wait for without errands', async () => {
    expect(await inLanes({ clock: bench().clock }, [], never)).toEqual([]);
  });

  it('begins more as soon as the limit grows, before one has ended', async () => {
    const { clock, log, errand } = bench();
    let limit = 1;
    const listeners = new Set<() => void>();
    const onGrowth = (run: () => void) => {
      listeners.add(run);
      return () => void listeners.delete(run);
    };
    const growing = { ms: 100, limit: () => limit, onGrowth };
    const running = inLanes({ clock }, [errand('a', growing), errand('b', growing), errand('c', growing)], never);
    await clock.advance(40);
    expect(log).toEqual(['begins a at 0']);
    limit = 2;
    for (const run of listeners) run();
    await clock.advance(0);
    expect(log).toEqual(['begins a at 0', 'begins b at 40']);
    await through(clock, running);
    expect(listeners.size, 'forgotten at the end').toBe(0);
  });

  it('puts a busy one aside and goes on with others; its lane is free meanwhile', async () => {
    const { clock, log, errand } = bench();
    const errands = [
      errand('held', { busy: 2, limit: () => 1 }),
      errand('b', { ms: 300, limit: () => 1 }),
      errand('c', { limit: () => 1 }),
    ];
    const results = await through(clock, inLanes({ clock }, errands, never));
    expect(results.map(({ name }) => name)).toEqual(['held', 'b', 'c']);
    expect(log).toEqual([
      ...['tries held at 0', 'begins b at 0', 'ends b at 300'],
      // It waited for its lane; what was there before goes first.
      ...['begins c at 300', 'ends c at 310', 'tries held at 310', 'begins held at 560', 'ends held at 570'],
    ]);
  });

  it('waits for the first of several that are aside, and no longer', async () => {
    const { clock, log, errand } = bench();
    const errands = [errand('a', { busy: 1, pauseMs: 500 }), errand('b', { busy: 1, pauseMs: 100 })];
    await through(clock, inLanes({ clock }, errands, never));
    expect(log.filter((line) => line.startsWith('begins'))).toEqual(['begins b at 100', 'begins a at 500']);
  });

  it('after an abort begins nothing, and ends when all that was begun has ended', async () => {
    const { clock, log, errand } = bench();
    const stop = new AbortController();
    const errands = [errand('a', { ms: 50 }), errand('held', { busy: 99 }), errand('b', { ms: 80 }), errand('c')];
    const running = inLanes({ clock }, errands, stop.signal);
    running.catch(() => undefined);
    await clock.advance(20);
    stop.abort(new Error('SIGTERM'));
    await expect(through(clock, running)).rejects.toThrow('SIGTERM');
    expect(log).toEqual([...['begins a at 0', 'tries held at 0', 'begins b at 0', 'ends a at 50', 'ends b at 80']]);
  });

  it('ends at once where it is aborted while it waits for a busy one', async () => {
    const { clock, errand } = bench();
    const stop = new AbortController();
    const running = inLanes({ clock }, [errand('held', { busy: 99, pauseMs: 60_000 })], stop.signal);
    running.catch(() => undefined);
    await clock.advance(10);
    stop.abort(new Error('SIGTERM'));
    await expect(running).rejects.toThrow('SIGTERM');
    expect(clock.waiting).toBe(0);
  });

  it('begins nothing where it was aborted before', async () => {
    const { clock, log, errand } = bench();
    await expect(inLanes({ clock }, [errand('a')], AbortSignal.abort(new Error('SIGTERM')))).rejects.toThrow('SIGTERM');
    expect(log).toEqual([]);
  });

  it('does all others before it throws what one threw, the first of several', async () => {
    const { clock, log, errand } = bench();
    const errands = [errand('a', { ms: 30, fails: true }), errand('b', { ms: 20, fails: true }), errand('c')];
    const running = inLanes({ clock }, errands, never);
    running.catch(() => undefined);
    await expect(through(clock, running)).rejects.toThrow('b failed');
    expect(log.at(-1)).toBe('ends c at 30');
  });

  it('does each once, never more at once than the limit, whatever is busy for however long', async () => {
    const kinds = fc.record({
      ms: fc.integer({ min: 0, max: 50 }),
      busy: fc.integer({ min: 0, max: 3 }),
      pauseMs: fc.integer({ min: 1, max: 300 }),
      group: fc.constantFrom('a', 'b'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(kinds, { maxLength: 12 }), fc.integer({ min: 1, max: 4 }), async (all, max) => {
        const { clock, log, most, errand } = bench();
        const errands = all.map((kind, index) => errand(`${index}`, { ...kind, limit: () => max }));
        const results = await through(clock, inLanes({ clock }, errands, never));
        expect(results.map(({ name }) => name)).toEqual(all.map((_kind, index) => `${index}`));
        expect(Math.max(0, ...most.values())).toBeLessThanOrEqual(max);
        const tries = all.reduce((sum, { busy }) => sum + busy, 0);
        expect(log.length).toBe(tries + 2 * all.length);
        expect(clock.waiting).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});
