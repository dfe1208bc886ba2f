import { describe, expect, it } from 'vitest';
import { randomOf, seeded } from '../../test/support/seeded.ts';
import { sealAll, unsealAll } from '../compose/sealing.ts';
import { encodeDocument } from '../core/lineage/lineage.ts';
import type { Key, Kind, Store } from '../ports/store.ts';
import { storeContract } from '../testing/store-contract.ts';
import { openEncrypted, type StoreKey, storeKeyOf } from './encrypted.ts';
import { createMemoryStore } from './memory.ts';

const { signal } = new AbortController();
const random = randomOf(seeded('encrypted'));
const [ours, theirs] = [storeKeyOf(new Uint8Array(32).fill(1)), storeKeyOf(new Uint8Array(32).fill(2))];
const secret = encodeDocument({ schema: 1, secret: 'planted' });

const opened = (inner: Store, keys: readonly StoreKey[], isNew = false) =>
  openEncrypted(inner, { keys, random, isNew }, signal);
const put = (store: Store, key: Key, ifRevision: string | null = null) =>
  store.put(key, secret, { ifRevision, signal });
const read = async (store: Store, key: Key) => Buffer.from((await store.get(key, signal))?.bytes ?? []).toString();
const text = Buffer.from(secret).toString();
const named = (kind: Kind, name = 'abc'): Key => ({ kind, name });
const isPlain = async (store: Store, key: Key) => (await read(store, key)).includes('planted');

for (const keys of [[], [ours]])
  storeContract({ describe, it, expect }, async () => ({
    store: (await opened(createMemoryStore(), keys, true)).store,
  }));

describe('what is sealed', () => {
  it.each([
    ['key', 'abc~1', true],
    ['account', 'https://ca.test/directory', true],
    ['credential', 'abc', true],
    ['meta', 'responder', true],
    ['meta', 'store', false],
    ['lineage', 'abc', false],
    ['version', 'abc~1', false],
    ['token', 'abc', false],
    ['ledger', 'abc', false],
    ['replica', 'web-1', false],
    ['history', 'abc', false],
    ['lock', 'abc', false],
  ] as const)('%s/%s: %s', async (kind, name, isSealed) => {
    const inner = createMemoryStore();
    const { store } = await opened(inner, [ours]);
    await put(store, { kind, name });
    expect(await isPlain(inner, { kind, name })).toBe(!isSealed);
    expect(await read(store, { kind, name })).toBe(text);
    for await (const page of store.scan(kind, signal))
      for (const entry of page) if (entry.key.name === name) expect(Buffer.from(entry.bytes).toString()).toBe(text);
  });

  it('has a nonce of its own at each write', async () => {
    const inner = createMemoryStore();
    const { store } = await opened(inner, [ours]);
    await put(store, named('key', 'a'));
    const first = await inner.get(named('key', 'a'), signal);
    await put(store, named('key', 'a'), first?.revision);
    expect((await inner.get(named('key', 'a'), signal))?.bytes).not.toEqual(first?.bytes);
  });
});

describe('a sealed document', () => {
  /** Two stored keys, and a way to write one's bytes as another document's. */
  async function planted() {
    const inner = createMemoryStore();
    const { store } = await opened(inner, [ours]);
    for (const key of [named('key', 'a'), named('credential', 'a'), named('key', 'b')]) await put(store, key);
    const bytesOf = async (key: Key) => (await inner.get(key, signal))!.bytes.slice();
    const overwrite = async (key: Key, bytes: Uint8Array) =>
      void (await inner.put(key, bytes, { ifRevision: (await inner.get(key, signal))!.revision, signal }));
    return { store, bytesOf, overwrite };
  }

  it.each([
    ['another name', named('key', 'b')],
    ['another kind', named('credential', 'a')],
  ])('opens under no name but its own: %s', async (_what, other) => {
    const { store, bytesOf, overwrite } = await planted();
    await overwrite(named('key', 'a'), await bytesOf(other));
    await expect(store.get(named('key', 'a'), signal)).rejects.toMatchObject({ code: 'store/corrupt' });
    const found = [];
    for await (const page of store.scan('key', signal)) found.push(...page);
    expect(found.map(({ key, corrupt }) => [key.name, corrupt?.code]).sort()).toEqual([
      ['a', 'store/corrupt'],
      ['b', undefined],
    ]);
  });

  it('is refused if one bit of it changes', async () => {
    const { store, bytesOf, overwrite } = await planted();
    const whole = await bytesOf(named('key', 'a'));
    // The line ends at 36; a change there makes it another format or another key.
    for (let at = 36; at < whole.length; at += 7) {
      const changed = whole.slice();
      changed[at]! ^= 1;
      await overwrite(named('key', 'a'), changed);
      await expect(store.get(named('key', 'a'), signal)).rejects.toMatchObject({ code: 'store/corrupt' });
    }
    await overwrite(named('key', 'a'), whole.subarray(0, 40));
    await expect(store.get(named('key', 'a'), signal)).rejects.toMatchObject({ code: 'store/corrupt' });
  });
});

describe('a secret in the clear', () => {
  it('is a forgery in a store that has none, and hides no others', async () => {
    const inner = createMemoryStore();
    const { store } = await opened(inner, [ours], true);
    await put(store, named('key', 'a'));
    await put(inner, named('key', 'b'));
    await put(store, named('lineage'));
    await expect(store.get(named('key', 'b'), signal)).rejects.toMatchObject({
      code: 'store/corrupt',
      message: expect.stringContaining('it is not encrypted'),
    });
    const found = [];
    for await (const page of store.scan('key', signal)) found.push(...page);
    expect(found.map(({ key, corrupt, bytes }) => [key.name, corrupt?.code, bytes.length > 0]).sort()).toEqual([
      ['a', undefined, true],
      ['b', 'store/corrupt', false],
    ]);
    expect(await read(store, named('lineage'))).toBe(text);
  });

  it('is read as it is while the store is encrypted, and while it is decrypted', async () => {
    const inner = createMemoryStore();
    await put(inner, named('key', 'a'));
    expect(await read((await opened(inner, [ours])).store, named('key', 'a'))).toBe(text);
    const { store } = await opened(inner, [ours]);
    await sealAll(inner, { keys: [ours], random }, signal);
    expect(await isPlain(inner, named('key', 'a'))).toBe(false);
    // The other process opened the store while it was sealed.
    const racing: Store = {
      ...inner,
      async put(key, bytes, options) {
        const revision = await inner.put(key, bytes, options);
        if (key.kind === 'key') expect(await read(store, key)).toBe(text);
        return revision;
      },
    };
    await unsealAll(racing, { keys: [ours], random }, signal);
    expect(await isPlain(inner, named('key', 'a'))).toBe(true);
  });
});

describe('keys', () => {
  it.each([
    ['no key', [], 'store/key-missing', 'the store memory is encrypted, but no store key was given'],
    ['the wrong key', [theirs], 'store/wrong-key', `the key ${ours.id}, but only ${theirs.id} was given`],
  ])('%s: one sentence, and nothing changes', async (_what, keys, code, words) => {
    const inner = createMemoryStore();
    await put((await opened(inner, [ours], true)).store, named('key'));
    const refused: Store = { ...inner, put: () => Promise.reject(new Error('a write')) };
    await expect(opened(refused, keys)).rejects.toMatchObject({ code, message: expect.stringContaining(words) });
  });

  it('of several, the first one seals and all open', async () => {
    const inner = createMemoryStore();
    await put((await opened(inner, [theirs], true)).store, named('key', 'old'));
    const { store } = await opened(inner, [ours, theirs]);
    await put(store, named('key', 'new'));
    for (const name of ['old', 'new']) expect(await read(store, named('key', name))).toBe(text);
    // Now both are needed.
    for (const [given, other] of [
      [theirs, ours],
      [ours, theirs],
    ] as const)
      await expect(opened(inner, [given])).rejects.toMatchObject({
        code: 'store/wrong-key',
        message: expect.stringContaining(`the keys ${ours.id} and ${theirs.id}, but only ${given.id} was given`),
        hint: expect.stringMatching(new RegExp(`Add the key ${other.id}.*store encrypt`)),
      });
  });
});

describe('a store from before', () => {
  it('is read as it is; what is written is sealed', async () => {
    const inner = createMemoryStore();
    await put((await opened(inner, [], true)).store, named('key', 'old'));
    const { store, isPartly } = await opened(inner, [ours]);
    expect(isPartly).toBe(true);
    expect(await read(store, named('key', 'old'))).toBe(text);
    await put(store, named('key', 'new'));
    expect(await isPlain(inner, named('key', 'old'))).toBe(true);
    expect(await isPlain(inner, named('key', 'new'))).toBe(false);
  });

  it.each([
    ['without a key', [], 'store/key-missing'],
    ['with another key', [theirs], 'store/wrong-key'],
  ])('is not written by a process %s that opened it before it was encrypted', async (_what, keys, code) => {
    const inner = createMemoryStore();
    const before = await opened(inner, keys);
    await put((await opened(inner, [ours])).store, named('key', 'sealed'));
    await expect(put(before.store, named('key', 'late'))).rejects.toMatchObject({ code });
    expect(await inner.get(named('key', 'late'), signal)).toBeUndefined();
    await put(before.store, named('lineage')); // no secret
  });

  it('that is new has nothing in the clear', async () => {
    expect((await opened(createMemoryStore(), [ours], true)).isPartly).toBe(false);
    expect((await opened(createMemoryStore(), [], true)).isPartly).toBe(false);
  });
});
