import { describe, expect, it } from 'vitest';
import { createTurnsByKey } from '../../core/async/turns.ts';
import { noteRead, noteWrite, type Removal } from '../../core/async/writes.ts';
import { fail } from '../../core/errors/errors.ts';
import type {
  DnsProvider,
  DnsProviderTraits,
  DnsValue,
  SetChange,
  SetsProvider,
  TxtSet,
} from '../../ports/dns-provider.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createZoneWriter } from './zone-writer.ts';

const { signal } = new AbortController();
const zone = 'example.com';
const at = (host: string, value: string): DnsValue => ({ zone, name: `_acme-challenge.${host}`, value, ttl: 60 });
const inSets: DnsProviderTraits = { writes: 'zone', minTtl: 0, maxConcurrent: 4 };

/** A zone whose API replaces whole sets. `hooks.write` runs before a write, which it may refuse. */
function setsApi() {
  const sets = new Map<string, TxtSet>();
  const writes: (readonly SetChange[])[] = [];
  const hooks = { write: async (_changes: readonly SetChange[]): Promise<void> => {} };
  const provider: SetsProvider = {
    kind: 'sets',
    async read(_zone, names) {
      await Promise.resolve();
      return new Map([...sets].filter(([name]) => names.includes(name)));
    },
    async write(_zone, changes) {
      await hooks.write(changes);
      writes.push(changes);
      for (const { name, after, ttl } of changes)
        if (after.length > 0) sets.set(name, { values: after, ttl });
        else sets.delete(name);
    },
  };
  const turns = createTurnsByKey();
  const clock = fakeClock();
  const process = (traits = inSets, of: DnsProvider = provider) =>
    createZoneWriter({ provider: of, traits, clock, lock: (key, s, change) => turns(key, () => change(s), s) });
  return { sets, writes, hooks, provider, process, clock };
}

describe('a removal says whether there was something to remove', () => {
  const value = at(zone, 'v');
  const values = (remove: (over: AbortSignal, call: number) => void): DnsProvider => {
    let call = 0;
    return { kind: 'values', append: async () => undefined, remove: async (_v, _made, over) => remove(over, ++call) };
  };
  const lost = () => fail('dns/unreachable', { provider: 'api', reason: 'timed out' });
  const { read: _none, ...blind } = setsApi().provider;
  it.each<[string, DnsProvider | undefined, Removal]>([
    ['with single values that it found', values(noteWrite), 'removed'],
    ['with single values that it did not find', values(noteRead), 'absent'],
    ['with a program that cannot tell', values(() => {}), undefined],
    [
      'after an answer that was lost',
      values((over, call) => {
        if (call > 1) return noteRead(over);
        noteWrite(over);
        throw lost();
      }),
      'removed',
    ],
    ['with sets', undefined, 'removed'],
    ['with sets that cannot be read', blind, undefined],
  ])('%s', async (_what, provider, expected) => {
    const { sets, process } = setsApi();
    sets.set(value.name, { values: ['theirs', 'v'] });
    const { remove } = process(inSets, provider);
    expect(await remove(value, undefined, signal)).toBe(expected);
    if (!provider) expect(await remove(value, undefined, signal)).toBe('absent');
  });
});

describe('a provider of whole sets', () => {
  it('gets all changes of a zone that are asked for at the same time in one write', async () => {
    const { sets, writes, process } = setsApi();
    const { add, remove } = process();
    const values = Array.from({ length: 20 }, (_, n) => at(`n${n}.${zone}`, 'v'));
    await Promise.all(values.map((value) => add(value, signal)));
    expect(sets.size).toBe(20);
    await Promise.all(values.map((value) => remove(value, undefined, signal)));
    expect(sets.size).toBe(0);
    expect(writes.map((changes) => changes.length)).toEqual([20, 20]);
  });

  it('keeps the values of others, and their TTL, and one write serves apex and wildcard', async () => {
    const { sets, writes, process } = setsApi();
    const { add, remove } = process();
    sets.set(`_acme-challenge.${zone}`, { values: ['theirs'], ttl: 300 });
    await add(at(`other.${zone}`, 'x'), signal);
    await Promise.all([add(at(zone, 'apex'), signal), add(at(zone, 'wildcard'), signal)]);
    await Promise.all([remove(at(zone, 'apex'), undefined, signal), remove(at(zone, 'absent'), undefined, signal)]);
    expect(sets.get(`_acme-challenge.${zone}`)).toEqual({ values: ['theirs', 'wildcard'], ttl: 300 });
    expect(writes).toHaveLength(3);
  });

  it('is not written to if nothing changes', async () => {
    const { sets, writes, process } = setsApi();
    const { add, remove } = process();
    sets.set(`_acme-challenge.${zone}`, { values: ['there'] });
    await add(at(zone, 'there'), signal);
    await remove(at(zone, 'absent'), undefined, signal);
    expect(writes).toEqual([]);
  });

  it('loses no value of two processes at one name', async () => {
    const { sets, process } = setsApi();
    const both = [process(), process()];
    const values = Array.from({ length: 40 }, (_, n) => at(zone, `v${n}`));
    await Promise.all(values.map((value, n) => both[n % 2]!.add(value, signal)));
    expect(sets.get(`_acme-challenge.${zone}`)?.values.toSorted()).toEqual(values.map(({ value }) => value).toSorted());
  });

  it('reads again if a set is no longer as it was read', async () => {
    const { sets, hooks, process } = setsApi();
    const name = `_acme-challenge.${zone}`;
    let conflicts = 2;
    hooks.write = async () => {
      if (conflicts-- <= 0) return;
      sets.set(name, { values: [...(sets.get(name)?.values ?? []), `theirs${conflicts}`] });
      throw fail('dns/conflict', { provider: 'api', name, reason: 'the set has changed' });
    };
    await process().add(at(zone, 'ours'), signal);
    expect(sets.get(name)?.values).toEqual(['theirs1', 'theirs0', 'ours']);
    conflicts = 100;
    await expect(process().add(at(zone, 'more'), signal)).rejects.toMatchObject({ code: 'dns/conflict' });
  });

  it('does each name alone if the service refuses one of them', async () => {
    const { sets, hooks, process } = setsApi();
    hooks.write = async (changes) => {
      if (changes.some(({ name }) => name.includes('forbidden')))
        throw fail('dns/refused', { provider: 'api', name: 'forbidden', reason: 'no right', advice: 'Grant it.' });
    };
    const { add } = process();
    const names = ['a', 'b', 'forbidden', 'c'].map((host) => at(`${host}.${zone}`, 'v'));
    const results = await Promise.allSettled(names.map((value) => add(value, signal)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(sets.size).toBe(3);
  });

  it.each([
    ['of which the batch wrote nothing keeps the error of its own try', inSets, 'dns/refused'],
    ['that a lagging list may hide does not', { ...inSets, listLagMs: 60_000 }, 'dns/failed'],
  ])('a name %s', async (_what, traits, code) => {
    const { sets, provider, process } = setsApi();
    const refused = fail('dns/refused', { provider: 'api', name: 'x', reason: 'no right', advice: 'Grant it.' });
    const limited = fail('dns/limited', { provider: 'api', reason: 'too many' });
    let reads = 0;
    const byName: SetsProvider = {
      ...provider,
      async read(...args) {
        // After the batch: `a` was written by it, and is not even read.
        if (++reads > 1 && args[1].some((name) => name.includes('.a.'))) throw limited;
        return provider.read!(...args);
      },
      async write(_zone, changes, over) {
        for (const { name, after } of changes) {
          if (name.includes('forbidden')) throw refused;
          noteWrite(over);
          sets.set(name, { values: after });
        }
      },
    };
    const { add } = process(traits, byName);
    const names = ['a', 'forbidden'].map((host) => at(`${host}.${zone}`, 'v'));
    const [first, second] = await Promise.allSettled(names.map((value) => add(value, signal)));
    expect(first).toMatchObject({ reason: { code: 'dns/failed', cause: limited } });
    expect(second).toMatchObject({ reason: { code, message: expect.stringContaining(refused.message) } });
  });

  it('without `read` gets what to add and what to remove, the last word on a value', async () => {
    const { writes, provider, process } = setsApi();
    const { add, remove } = process({ ...inSets, writes: 'value' }, { kind: 'sets', write: provider.write });
    await Promise.all([
      add(at(zone, 'a'), signal),
      add(at(zone, 'b'), signal),
      remove(at(zone, 'a'), undefined, signal),
    ]);
    expect(writes[0]).toMatchObject([{ name: `_acme-challenge.${zone}`, add: ['b'], remove: ['a'] }]);
  });
});

describe('a call of several steps', () => {
  const name = `_acme-challenge.${zone}`;
  const retryAt = new Date('2026-03-04T05:06:07Z');
  const cut = (code: string) => Object.assign(new Error(code), { code });
  const refused = fail('dns/refused', { provider: 'api', name, reason: 'no right', advice: 'Grant it.' });
  const limited = fail('dns/limited', { provider: 'api', reason: 'too many' }, { retryAt });
  const skewed = fail('dns/clock-skew', { provider: 'api', name, reason: 'late' });
  const unsent = fail('dns/unreachable', { provider: 'api', reason: 'gone' }, { cause: cut('ECONNREFUSED') });
  const conflict = fail('dns/conflict', { provider: 'api', name, reason: 'changed' });
  const failed = fail('dns/failed', { provider: 'api', name, reason: 'HTTP 500' });

  /** Providers that write with the first step, and fail with the second. */
  const kinds = (second: () => never): Readonly<Record<string, DnsProvider>> => {
    const change = async (signal: AbortSignal) => {
      noteWrite(signal);
      return second();
    };
    return {
      values: {
        kind: 'values',
        append: (_value, over) => change(over),
        remove: (_value, _made, over) => change(over),
      },
      sets: { kind: 'sets', write: (_zone, _changes, over) => change(over) },
    };
  };

  it.each([refused, limited, skewed, unsent, conflict])('never fails with $code after a write', async (error) => {
    for (const provider of Object.values(
      kinds(() => {
        throw error;
      }),
    )) {
      const { process } = setsApi();
      const { add, remove } = process(inSets, provider);
      const values = ['a', 'b'].map((host) => at(`${host}.${zone}`, 'v'));
      const calls = [...values.map((value) => add(value, signal)), remove(at(`c.${zone}`, 'v'), undefined, signal)];
      for (const call of calls)
        await expect(call).rejects.toMatchObject({
          code: 'dns/failed',
          cause: error,
          message: expect.stringMatching(new RegExp(`^the DNS provider failed to change \\S+: ${error.message}; `)),
          hint: expect.not.stringContaining('Nothing was changed'),
          retryAt: error.retryAt,
        });
    }
  });

  it.each([
    ['before any write', refused, false],
    ['that says itself that it is not known', failed, true],
  ])('fails with the error of its provider %s', async (_when, error, isWritten) => {
    const provider: DnsProvider = {
      kind: 'sets',
      async write(_zone, _changes, over) {
        if (isWritten) noteWrite(over);
        throw error;
      },
    };
    await expect(setsApi().process(inSets, provider).add(at(zone, 'v'), signal)).rejects.toBe(error);
  });

  it.each([
    [1, 2, undefined],
    [2, 2, 'dns/failed'],
  ])('of which the answer is lost %i times is made %i times', async (lost, made, code) => {
    for (const kind of ['values', 'sets']) {
      let calls = 0;
      const provider = kinds(() => {
        calls += 1;
        if (calls > lost) return undefined as never;
        throw fail('dns/unreachable', { provider: 'api', reason: 'cut' }, { cause: cut('ECONNRESET') });
      })[kind]!;
      const added = setsApi().process(inSets, provider).add(at(zone, 'v'), signal);
      await expect(
        added.then(
          () => undefined,
          (error) => error.code,
        ),
      ).resolves.toBe(code);
      expect(calls).toBe(made);
    }
  });

  it('is not made twice where the service would keep the value twice', async () => {
    let calls = 0;
    const provider = kinds(() => {
      calls += 1;
      throw fail('dns/unreachable', { provider: 'api', reason: 'cut' });
    })['values']!;
    await expect(
      setsApi()
        .process({ ...inSets, keepsLast: 2 }, provider)
        .add(at(zone, 'v'), signal),
    ).rejects.toThrow();
    expect(calls).toBe(1);
  });
});

it('makes at most so many changes a minute as the service allows', async () => {
  const clock = fakeClock();
  const times: number[] = [];
  const append = async () => {
    times.push(clock.monotonicMs());
    return undefined;
  };
  const { add } = createZoneWriter({
    provider: { kind: 'values', append, remove: async () => {} },
    traits: { writes: 'value', minTtl: 0, maxConcurrent: 8, perMinute: 3 },
    clock,
    lock: (_key, s, change) => change(s),
  });
  const all = Promise.all(Array.from({ length: 7 }, (_, n) => add(at(zone, `v${n}`), signal)));
  for (let seconds = 0; seconds < 130; seconds += 1) await clock.advance(1_000);
  await all;
  const began = times[0]!;
  expect(times.map((ms) => Math.round((ms - began) / 1_000))).toEqual([0, 0, 0, 60, 60, 60, 120]);
});
