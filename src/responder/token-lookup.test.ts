import { expect, test } from 'vitest';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import { createMemoryStore } from '../stores/memory.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { createLiveTokens } from './live-tokens.ts';
import { createTokenDocuments } from './token-documents.ts';
import { createTokenLookup } from './token-lookup.ts';

const { signal } = new AbortController();

/** A store whose changes are cheap, and how often it was asked for what. */
function bench(clock: Clock = fakeClock()) {
  const inner = createMemoryStore();
  const asked = { changes: 0, scan: 0, get: 0 };
  let failure: Error | undefined;
  const count = (what: keyof typeof asked) => {
    asked[what] += 1;
    if (failure) throw failure;
  };
  const store: Store = {
    ...inner,
    hasCheapChanges: true,
    changes: async (...args) => {
      count('changes');
      return inner.changes(...args);
    },
    async *scan(...args) {
      count('scan');
      yield* inner.scan(...args);
    },
    get: async (...args) => {
      count('get');
      return inner.get(...args);
    },
  };
  const documents = createTokenDocuments(inner, clock);
  const claimOf = (token: string) => ({ token, keyAuthorization: `${token}.thumb`, lineage: 'a' });
  return {
    ...{ asked, clock, store },
    lookup: createTokenLookup(store, clock),
    publish: (token: string) => documents.publish(claimOf(token), signal),
    withdraw: (token: string) => documents.withdraw(claimOf(token), signal),
    fail: (error: Error | undefined) => {
      failure = error;
    },
  };
}

test('a token that was stored before the request is found, one that was deleted before it is not', async () => {
  const clock = fakeClock();
  const { lookup, publish, withdraw } = bench(clock);
  const find = (token: string) => clock.passWhile(lookup.find(token));
  await publish('first');
  expect(await find('first')).toBe('first.thumb');
  for (let round = 0; round < 20; round++) {
    await publish(`t${round}`);
    expect(await find(`t${round}`)).toBe(`t${round}.thumb`);
    await withdraw(`t${round}`);
    expect(await find(`t${round}`)).toBeUndefined();
  }
  await clock.advance(7 * 24 * 3_600_000 + 1);
  expect(await find('first')).toBeUndefined();
});

test('five thousand invented tokens a second cost twenty looks a second, and hide no real one', async () => {
  const clock = fakeClock();
  const { asked, lookup, publish } = bench(clock);
  const slowest = { ms: 0 };
  const timed = async (token: string) => {
    const beganMs = clock.monotonicMs();
    const found = await lookup.find(token);
    slowest.ms = Math.max(slowest.ms, clock.monotonicMs() - beganMs);
    return found;
  };
  const answers: Promise<string | undefined>[] = [];
  for (let ms = 0; ms < 3_000; ms++) {
    for (let n = 0; n < 5; n++) answers.push(timed(`x${ms}-${n}`));
    if (ms % 100 === 7) {
      await publish(`t${ms}`);
      answers.push(timed(`t${ms}`));
    }
    await clock.advance(1);
  }
  await clock.advance(100);
  const found = (await Promise.all(answers)).filter((one) => one !== undefined);
  expect(found).toHaveLength(30);
  expect(asked).toEqual({ changes: expect.any(Number), scan: 1, get: 0 });
  expect(asked.changes).toBeLessThanOrEqual(3 * 20 + 2);
  expect(asked.changes).toBeGreaterThan(3 * 20 - 5);
  expect(slowest.ms).toBeLessThanOrEqual(51);
});

test('while the store does not answer, known tokens are answered, and others are an error', async () => {
  const clock = fakeClock();
  const { lookup, publish, fail } = bench(clock);
  await publish('known');
  await clock.passWhile(lookup.look());
  fail(new Error('gone'));
  expect(await clock.passWhile(lookup.find('known'))).toBe('known.thumb');
  await expect(clock.passWhile(lookup.find('other'))).rejects.toThrow('gone');
  await expect(clock.passWhile(lookup.look())).rejects.toThrow('gone');
  fail(undefined);
  await publish('other');
  expect(await clock.passWhile(lookup.find('other'))).toBe('other.thumb');
});

test('a store that hangs delays an answer by 5 s, and all later ones not at all', async () => {
  const clock = fakeClock();
  const { store, publish } = bench(clock);
  await publish('known');
  let hangs = false;
  const lookup = createTokenLookup(
    { ...store, changes: (...args) => (hangs ? new Promise(() => {}) : store.changes(...args)) },
    clock,
  );
  await clock.passWhile(lookup.look());
  hangs = true;
  const first = lookup.find('known');
  await clock.advance(60);
  const second = lookup.find('known');
  await clock.advance(5_000);
  expect([await first, await second]).toEqual(['known.thumb', 'known.thumb']);
  expect(await lookup.find('known')).toBe('known.thumb');
  await expect(lookup.find('other')).rejects.toThrow('timed out');
});

test('more tokens than fit are read one by one, until there is room again', async () => {
  const clock = fakeClock();
  const { store, publish, withdraw } = bench(clock);
  const tokens = createLiveTokens(store, clock, 10);
  const look = () => clock.passWhile(tokens.look(() => undefined));
  const names = Array.from({ length: 12 }, (_, at) => `t${at}`);
  for (const name of names) await publish(name);
  await look();
  const known = () => names.filter((name) => tokens.get(name) !== undefined).length;
  expect([known(), tokens.areAll]).toEqual([10, false]);
  for (const name of names.slice(0, 8)) await withdraw(name);
  await look();
  await look();
  expect([known(), tokens.areAll]).toEqual([4, true]);
});
