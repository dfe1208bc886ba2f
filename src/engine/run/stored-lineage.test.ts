import { expect, it } from 'vitest';
import { encodeDocument, type Lineage } from '../../core/lineage/lineage.ts';
import type { Entry, Store } from '../../ports/store.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createHolders } from './stored-lineage.ts';

const { signal } = new AbortController();
const times = { notBefore: '2026-11-24T12:00:00.000Z', notAfter: '2027-02-22T12:00:00.000Z' };
const version = (digit: string) => ({ id: digit, facts: { ...times, fingerprint: digit.repeat(64) } });
const spec = { identifiers: [], parts: [], endpoints: [], issuer: { name: 'sim', settings: {} } };
const targets = [{ name: 'cdn', settings: { type: 'alibaba-cdn', domains: 'covered' } }];
const documentOf = (name: string, current: string, previous: string) =>
  ({
    ...{ schema: 1, name, origin: 'configuration', deployments: {}, spec: { ...spec, name, targets } },
    ...{ current: version(current), previous: version(previous) },
  }) as unknown as Lineage;

it('finds the lineage of a version, one that was issued since the last look, too', async () => {
  const lineages = new Map([['www', documentOf('www', 'b', 'a')]]);
  let scans = 0;
  const store = {
    location: '/store',
    async *scan() {
      scans += 1;
      yield [...lineages].map(
        ([name, one]) => ({ key: { kind: 'lineage', name }, bytes: encodeDocument(one) }) as Entry,
      );
    },
  } as unknown as Store;
  const clock = fakeClock(new Date('2026-11-24T12:00:00Z'), { auto: true });
  const holderOf = createHolders(store, clock);
  const find = (digit: string) => holderOf(digit.repeat(12), signal);
  expect(await find('a')).toMatchObject({ lineage: 'www', has: { id: 'a' }, current: { id: 'b' }, targets });
  expect(await find('b')).toMatchObject({ lineage: 'www', has: { id: 'b' } });
  expect(scans).toBe(1);
  lineages.set('wild', documentOf('wild', 'd', 'c'));
  expect(await find('d')).toMatchObject({ lineage: 'wild' });
  lineages.delete('www');
  await clock.advance(10_000);
  expect(await find('b')).toBeUndefined();
});
