import { expect, test, vi } from 'vitest';
import { fail } from '../core/errors/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import { createTokenDocuments } from './token-documents.ts';
import { createTokenLookup } from './token-lookup.ts';

const begin = Date.parse('2026-11-24T12:00:00Z');
const signal = new AbortController().signal;
const claim = { token: 'tok', keyAuthorization: 'tok.thumb', lineage: 'a' };

/** A store of one kind in a map, and a clock that the test moves. */
function bench() {
  let time = begin;
  let revision = 0;
  const documents = new Map<string, { revision: string; bytes: Uint8Array }>();
  const get = vi.fn<Store['get']>(async (key) => {
    const found = documents.get(key.name);
    return found && { key, ...found };
  });
  const conflict = (name: string) => fail('store/conflict', { key: `token/${name}` });
  const put = vi.fn<Store['put']>(async (key, bytes, { ifRevision }) => {
    if ((documents.get(key.name)?.revision ?? null) !== ifRevision) throw conflict(key.name);
    documents.set(key.name, { revision: String(++revision), bytes });
    return String(revision);
  });
  const store = {
    get,
    put,
    delete: async (key, { ifRevision }) => {
      const found = documents.get(key.name);
      if (found && found.revision !== ifRevision) throw conflict(key.name);
      documents.delete(key.name);
    },
  } as Partial<Store> as Store;
  const deadlines: AbortController[] = [];
  const clock = {
    now: () => new Date(time),
    deadline: () => {
      const controller = new AbortController();
      deadlines.push(controller);
      return { signal: controller.signal, expired: false, done: () => {} };
    },
  } as Partial<Clock> as Clock;
  return {
    documents,
    get,
    put,
    deadlines,
    pass: (ms: number) => {
      time += ms;
    },
    tokens: { ...createTokenDocuments(store, clock), ...createTokenLookup(store, clock) },
    read: () => {
      const found = documents.get('tok');
      return found && JSON.parse(new TextDecoder().decode(found.bytes));
    },
  };
}

test('publishes a token with one write and no read, and withdraws it', async () => {
  const { tokens, documents, get, put, read } = bench();
  await tokens.publish(claim, signal);
  expect(put).toHaveBeenCalledTimes(1);
  expect(get).not.toHaveBeenCalled();
  expect(read()).toEqual({ keyAuthorization: 'tok.thumb', lineages: ['a'], expires: '2026-12-01T12:00:00.000Z' });
  expect(await tokens.find('tok')).toBe('tok.thumb');
  await tokens.withdraw(claim, signal);
  expect(documents.size).toBe(0);
  expect(await tokens.find('tok')).toBeUndefined();
});

test('two lineages with one authorization share the document; the last one removes it', async () => {
  const { tokens, read } = bench();
  await tokens.publish(claim, signal);
  await tokens.publish({ ...claim, lineage: 'b' }, signal);
  await tokens.publish({ ...claim, lineage: 'b' }, signal);
  expect(read().lineages).toEqual(['a', 'b']);
  await tokens.withdraw(claim, signal);
  expect(await tokens.find('tok')).toBe('tok.thumb');
  await tokens.withdraw({ ...claim, lineage: 'b' }, signal);
  expect(read()).toBeUndefined();
});

test('withdraw leaves documents of other challenges', async () => {
  const { tokens, read } = bench();
  await tokens.publish(claim, signal);
  await tokens.withdraw({ ...claim, lineage: 'other' }, signal);
  await tokens.withdraw({ ...claim, keyAuthorization: 'tok.other' }, signal);
  expect(read().lineages).toEqual(['a']);
});

test('repeats a lost compare-and-set, but not for ever', async () => {
  const { tokens, put, read } = bench();
  await tokens.publish({ ...claim, lineage: 'b' }, signal);
  put.mockRejectedValueOnce(fail('store/conflict', { key: 'token/tok' }));
  await tokens.publish(claim, signal);
  expect(read().lineages).toEqual(['b', 'a']);
  put.mockRejectedValue(fail('store/conflict', { key: 'token/tok' }));
  await expect(tokens.publish(claim, signal)).rejects.toMatchObject({ code: 'store/conflict' });
});

test('does not answer an expired token', async () => {
  const { tokens, pass } = bench();
  await tokens.publish(claim, signal);
  pass(7 * 24 * 3_600_000 + 1);
  expect(await tokens.find('tok')).toBeUndefined();
});

test.each(['', 'null', '[]', '{"keyAuthorization":1}', '{'])('ignores a document that says %s', async (text) => {
  const { tokens, documents } = bench();
  documents.set('tok', { revision: 'r', bytes: new TextEncoder().encode(text) });
  expect(await tokens.find('tok')).toBeUndefined();
  await tokens.withdraw(claim, signal);
  expect(documents.has('tok')).toBe(true);
  await tokens.publish(claim, signal);
  expect(await tokens.find('tok')).toBe('tok.thumb');
});

test('looks up an unknown token once at a time, at most 16 tokens at once, and refuses a flood', async () => {
  const { tokens, get } = bench();
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  let active = 0;
  let most = 0;
  get.mockImplementation(async () => {
    most = Math.max(most, ++active);
    await gate;
    active--;
    return undefined;
  });
  const same = [tokens.find('same'), tokens.find('same')];
  const many = Array.from({ length: 1_000 }, (_, i) => tokens.find(`t${i}`));
  const outcomes = Promise.allSettled(many);
  release();
  expect(await Promise.all(same)).toEqual([undefined, undefined]);
  const refused = (await outcomes).filter((outcome) => outcome.status === 'rejected');
  expect(most).toBe(16);
  // 16 run (one of them `same`), 512 wait, the rest are refused.
  expect(refused).toHaveLength(1_000 - 15 - 512);
  expect(get).toHaveBeenCalledTimes(1 + 15 + 512);
  // All places are free again.
  get.mockClear();
  await Promise.all(Array.from({ length: 16 }, (_, i) => tokens.find(`again${i}`)));
  expect(get).toHaveBeenCalledTimes(16);
});

test('gives up on a store that hangs after the deadline', async () => {
  const { tokens, get, deadlines } = bench();
  get.mockReturnValue(new Promise(() => {}));
  const found = tokens.find('tok');
  const late = new Error('late');
  (await vi.waitUntil(() => deadlines[0])).abort(late);
  await expect(found).rejects.toBe(late);
});
