import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Random } from '../ports/random.ts';
import { createMemoryStore } from '../stores/memory.ts';
import { challengeForm, isProof, newChallenge, readStoreProof } from './store-proof.ts';

const { signal } = new AbortController();
let count = 0;
const random: Random = { bytes: (length) => new Uint8Array(length).fill(++count), number: () => 0 };
const read = (store = createMemoryStore()) => readStoreProof(store, random, signal);
const challenge = 'A'.repeat(43);

test('readers of one store agree, no matter which one makes the secret, and those of another store do not', async () => {
  const store = createMemoryStore();
  const [one, two, other] = await Promise.all([read(store), read(store), read()]);
  const at = { address: '127.0.0.1', port: 8080 };
  expect(two.byPath(challenge)).toBe(one.byPath(challenge));
  expect(two.atPort(challenge, at)).toBe(one.atPort(challenge, at));
  expect(other.byPath(challenge)).not.toBe(one.byPath(challenge));
  expect(other.atPort(challenge, at)).not.toBe(one.atPort(challenge, at));
});

test('each purpose, address, port and challenge has its own answer', async () => {
  const proof = await read();
  const place = fc.record({
    address: fc.oneof(fc.ipV4(), fc.constant('::1')),
    port: fc.integer({ min: 1, max: 65_535 }),
  });
  const asked = fc.record({ challenge: fc.stringMatching(challengeForm), place: fc.option(place, { nil: undefined }) });
  const answer = ({
    challenge: text,
    place: at,
  }: {
    challenge: string;
    place?: { address: string; port: number } | undefined;
  }) => (at ? proof.atPort(text, at) : proof.byPath(text));
  fc.assert(
    fc.property(asked, asked, (one, two) => {
      const isSame = JSON.stringify(one) === JSON.stringify(two);
      expect(answer(one) === answer(two)).toBe(isSame);
      expect(answer(one)).toMatch(challengeForm);
    }),
  );
});

test.each([
  ['127.0.0.1', '::ffff:127.0.0.1'],
  ['::ffff:127.0.0.1', '::FFFF:7f00:1'],
  ['::1', '0:0:0:0:0:0:0:1'],
  ['2001:db8::a', '2001:0DB8:0:0::A'],
])('%s and %s are one address', async (one, two) => {
  const proof = await read();
  expect(proof.atPort(challenge, { address: one, port: 1 })).toBe(proof.atPort(challenge, { address: two, port: 1 }));
});

test('compares whole answers of any length', () => {
  expect(isProof('abc', 'abc')).toBe(true);
  for (const given of ['', 'ab', 'abcd', 'abd', 'äb']) expect(isProof(given, 'abc')).toBe(false);
});

test('each challenge is new and has the form of a token', () => {
  const made = [newChallenge(random), newChallenge(random)];
  expect(made[0]).not.toBe(made[1]);
  for (const text of made) expect(text).toMatch(challengeForm);
});

test.each(['{}', '{"secret":7}', '{"secret":""}', '{"secret":"c2hvcnQ"}', '[]', 'x'])(
  'a document that says %s is corrupt, and stays as it is',
  async (text) => {
    const store = createMemoryStore();
    const key = { kind: 'meta', name: 'responder' } as const;
    await store.put(key, new TextEncoder().encode(text), { ifRevision: null, signal });
    await expect(read(store)).rejects.toMatchObject({ code: 'store/corrupt' });
    expect(new TextDecoder().decode((await store.get(key, signal))?.bytes)).toBe(text);
  },
);
