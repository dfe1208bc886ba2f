import { expect, it } from 'vitest';
import { afterOrder, withKept, withoutRefused } from './kept-records.ts';
import type { JournalledChallenge, KeptRecord, Work } from './lineage.ts';
import { testSpec } from './test-lineages.ts';

const record = (value: string, more: Partial<KeptRecord> = {}): KeptRecord => ({
  ...{ identifier: 'a.test', zone: 'a.test', name: '_validation-persist.a.test', value },
  ...{ directory: 'https://ca.test/d', account: 'https://ca.test/1', ...more },
});
const challengeWith = (one: KeptRecord): JournalledChallenge => ({
  type: 'dns-persist-01',
  identifier: one.identifier,
  receipt: { ...one },
});
const valuesOf = ({ kept = [] }: { readonly kept?: readonly KeptRecord[] | undefined }) =>
  kept.map(({ value }) => value);

it('has the latest record last, and each once', () => {
  const kept = [record('one'), record('two')];
  expect(valuesOf(withKept({ kept }, [record('one')]))).toEqual(['two', 'one']);
  expect(withKept({}, [])).toEqual({});
});

it('keeps what certfleet wrote as its own, also if it is found again', () => {
  const found = record('one', { found: true });
  expect(withKept({ kept: [record('one')] }, [found])).toEqual({ kept: [record('one')] });
  expect(withKept({ kept: [found] }, [found])).toEqual({ kept: [found] });
  expect(withKept({ kept: [record('one', { intended: true })] }, [record('one')])).toEqual({ kept: [record('one')] });
});

it('forgets what was only intended, if it was refused', () => {
  const [there, intended] = [record('there'), record('intended', { intended: true })];
  const kept = [there, intended];
  expect(valuesOf(withoutRefused({ kept }, [challengeWith(intended)]))).toEqual(['there']);
  expect(valuesOf(withoutRefused({ kept }, [challengeWith(there)]))).toEqual(['there', 'intended']);
  expect(withoutRefused({ kept: [intended] }, [challengeWith(intended)])).toEqual({});
});

it('makes tombstones of its own earlier records of the same name and CA, after an order', () => {
  const used = record('used');
  const kept = [
    record('earlier'),
    record('found', { found: true }),
    record('of another CA', { directory: 'https://other.test/d' }),
    record('of another name', { name: '_validation-persist.b.test' }),
    used,
  ];
  const work = { challenges: [challengeWith(used)] } as unknown as Work;
  const now = new Date('2026-11-24T12:00:00Z');
  const after = afterOrder({ kept }, { work, spec: testSpec, now });
  expect(valuesOf(after)).toEqual(['of another CA', 'of another name', 'used']);
  expect(after.stones).toMatchObject([
    { type: 'dns-persist-01', identifier: 'a.test', receipt: { value: 'earlier' }, looked: -1 },
  ]);
  expect(after.stones[0]?.token).toBeUndefined();
  // An order whose names the CA had validated before says nothing of the records.
  expect(afterOrder({ kept }, { work: { challenges: [] } as unknown as Work, spec: testSpec, now })).toEqual({
    kept,
    stones: [],
  });
});
