import { describe, expect, it } from 'vitest';
import type { AdapterTraits, StoredSpec } from '../spec/spec.ts';
import { partsOf } from '../spec/spec-parts.ts';
import { present } from '../text/present.ts';
import { maxDocumentBytes } from './document-limits.ts';
import { encodeDocument, type Lineage, type Tombstone, type Work } from './lineage.ts';
import { testLineage, testSpec, withNames, withSolver } from './test-lineages.ts';
import {
  afterLook,
  hasRoomForOrder,
  isDue,
  leftAgain,
  leftInTheWay,
  longestSolver,
  missedFor,
  nameOfPresented,
  oneForEach,
  owedBy,
  owesCleanup,
  partOfPresented,
  presentedIn,
  tombstoneOf,
} from './tombstones.ts';

const now = new Date('2026-03-01T00:00:00Z');
const wanted: StoredSpec = testSpec;
const challenge = { type: 'http-01', identifier: 'abc.example.com', token: 't' } as const;
const work: Work = {
  ...{ step: 'challenges', version: 'v2', directory: 'd', startedAt: '' },
  ...{ challenges: [{ ...challenge, receipt: 'r' }], thumbprint: 'print' },
};
const presented = { ...challenge, receipt: 'r', thumbprint: 'print' };
const stone = tombstoneOf(wanted, presented, now);
const probe = { type: 'http-01', identifier: 'abc', token: '', thumbprint: '', probe: true } as const;

describe('what the work owes', () => {
  it.each<[string, Work | undefined, readonly unknown[]]>([
    ['nothing where there is none', undefined, []],
    ['nothing before anything was presented', { ...work, challenges: [] }, []],
    ['its challenges, with the thumbprint', work, [presented]],
    ['its probe', { ...work, challenges: [], probe: 'ours' }, [probe]],
    ['the probe that was left, and its challenges', { ...work, probe: 'left' }, [probe, presented]],
  ])('is %s', (_what, one, expected) => {
    expect(owedBy({ name: 'abc', spec: wanted, ...present({ work: one }) })).toEqual(expected);
    expect(owesCleanup(one)).toBe(expected.length > 0);
    expect(one ? presentedIn(one) : []).toEqual(expected.filter((it) => it !== probe));
  });

  it('has a name for people', () => {
    const names = (traits: AdapterTraits) =>
      [presented, probe].map((one) => nameOfPresented(one, withSolver(wanted, { type: 'any' }, 'any', traits)));
    expect(names({})).toEqual(['the http-01 challenge of abc.example.com', 'the probe']);
    expect(names({ rule: 'removed' })[1]).toBe('the forward rule');
  });
});

describe('a tombstone', () => {
  it('has all that its removal needs, and the solver that presented', () => {
    const { preflight } = wanted;
    const by = { solver: testSpec.parts[0].solver, preflight };
    expect(stone).toEqual({ ...presented, by, closedAt: now.toISOString(), looked: 0 });
    expect(tombstoneOf(wanted, probe, now, -1)).toEqual({ ...probe, by, closedAt: now.toISOString(), looked: -1 });
    const today = withSolver(wanted, { type: 'dns01' }, 'dns');
    expect([partOfPresented(today, stone)]).toEqual(partsOf(wanted));
    expect([partOfPresented(today, presented)]).toEqual(partsOf(today));
  });

  const hoursOn = (hours: number): Date => new Date(now.getTime() + hours * 3_600_000);
  it.each([
    [-1, 0, true],
    [0, 0.9, false],
    [0, 1, true],
    [1, 23.9, false],
    [1, 24, true],
  ] as const)('with looked %d is due after %d h: %s', (looked, hours, expected) => {
    expect(isDue({ ...stone, looked }, hoursOn(hours))).toBe(expected);
  });

  it.each<[string, Pick<Tombstone, 'looked' | 'late'>, Pick<Tombstone, 'looked'> | undefined]>([
    ['is checked once more after the first check', { looked: 0 }, { looked: 1 }],
    ['is gone after the second', { looked: 1 }, undefined],
    ['is gone after a removal that had failed', { looked: -1 }, undefined],
    [
      'is checked twice after a removal that had failed, for what may come late',
      { looked: -1, late: true },
      { looked: 0 },
    ],
  ])('%s', (_what, before, expected) => {
    expect(afterLook({ ...stone, ...before }, hoursOn(24))).toEqual(expected ? [{ ...stone, ...expected }] : []);
  });

  it('of what a list may hide is due when the list has it, too, and is checked at 1 h and 24 h anyway', () => {
    const missed = missedFor(stone, 360_000);
    expect([0.09, 0.1].map((hours) => isDue(missed, hoursOn(hours)))).toEqual([false, true]);
    expect(isDue(missedFor(stone, 2 * 3_600_000), hoursOn(1)), 'never later').toBe(true);
    expect(afterLook(missed, hoursOn(0.1))).toEqual([stone]);
    expect(afterLook(missed, hoursOn(1))).toEqual([{ ...stone, looked: 1 }]);
  });

  it('that a wrong clock closed is due at once, and is then checked at 1 h and 24 h as well', () => {
    const wrong: Tombstone = { ...stone, closedAt: hoursOn(400 * 24).toISOString() };
    expect(isDue(wrong, hoursOn(2))).toBe(true);
    expect(afterLook(wrong, hoursOn(2))).toEqual([{ ...stone, closedAt: hoursOn(2).toISOString() }]);
    expect(afterLook({ ...wrong, looked: -1 }, hoursOn(2))).toEqual([]);
  });

  it('that could not be removed still waits for what may come late', () => {
    const left: Tombstone = { ...stone, looked: -1 };
    for (const before of [stone, { ...stone, looked: 1 }, { ...left, late: true }] as const)
      expect(leftAgain(before, left)).toEqual({ ...left, late: true });
    expect(leftAgain(left, left)).toEqual(left);
    expect(leftAgain(left, stone)).toEqual(stone);
  });

  it('is one for each value and presenter, the latest one', () => {
    const later: Tombstone = { ...stone, closedAt: hoursOn(1).toISOString() };
    const others: readonly Tombstone[] = [
      { ...stone, token: 'u' },
      { ...stone, thumbprint: 'other' },
      { ...stone, identifier: 'b.example.com' },
      { ...stone, type: 'dns-01' },
      { ...stone, by: { ...stone.by, name: 'other' } as Tombstone['by'] & object },
    ];
    expect(oneForEach([stone, ...others, later])).toEqual([later, ...others]);
    const left: Tombstone = { ...stone, looked: -1 };
    expect(oneForEach([stone, left])).toEqual([{ ...left, late: true }]);
    expect(oneForEach([left, later])).toEqual([later]);
  });
});

describe('hasRoomForOrder', () => {
  const longest = (n: number) =>
    `${String(n).padStart(3, '0')}.${'a'.repeat(60)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(44)}`;
  const names = Array.from({ length: 100 }, (_, n) => longest(n));
  const wide = withNames(wanted, names);
  const stones = (orders: number): readonly Tombstone[] =>
    Array.from({ length: orders }, (_, order) =>
      names.map((identifier) =>
        tombstoneOf(
          wide,
          {
            type: 'dns-01',
            identifier,
            token: `${order}`.padEnd(43),
            thumbprint: ''.padEnd(43),
            receipt: { value: ''.padEnd(43) },
          },
          now,
        ),
      ),
    ).flat();

  it('is there for two orders of a hundred of the longest names, and the document holds them', () => {
    expect(names[0]).toHaveLength(237);
    const lineage = (orders: number): Lineage => ({ ...testLineage, spec: wide, tombstones: stones(orders) });
    expect([0, 1, 2].map((orders) => hasRoomForOrder(lineage(orders), wide, now))).toEqual([true, true, false]);
    const facts = { ...testLineage.current.facts, identifiers: wide.identifiers };
    const version = { ...testLineage.current, facts };
    expect(encodeDocument({ ...lineage(2), current: version, previous: version }).length).toBeLessThan(
      maxDocumentBytes,
    );
  });

  it('is named by what is in the way: earlier challenges, or settings that are too long without any', () => {
    const lineage: Lineage = { ...testLineage, spec: wide, tombstones: stones(1) };
    expect(leftInTheWay(lineage, wide, now)).toBeUndefined();
    expect(leftInTheWay({ ...lineage, tombstones: stones(2) }, wide, now)).toBe(200);
    const challenges = stones(1).map(({ type, identifier, token, receipt }) => ({
      ...{ type, identifier, token, receipt },
    }));
    const left: Work = { ...work, challenges };
    expect(leftInTheWay({ ...lineage, work: left }, wide, now), 'with what the work left').toBe(200);
    const hook = { name: 'hook', settings: { type: 'command', present: 'x'.repeat(2_000) } };
    const long = { ...wide, parts: wide.parts.map((part) => ({ ...part, solver: hook })) };
    expect(leftInTheWay({ ...testLineage, spec: long, tombstones: [] }, long, now)).toBe(0);
    expect(longestSolver(long)).toEqual({ solver: 'hook', size: encodeDocument(hook).length, count: 100 });
  });

  it('is there for any other certificate, however often its values could not be removed', () => {
    expect(hasRoomForOrder({ ...testLineage, tombstones: Array(300).fill(stone) }, wanted, now)).toBe(true);
  });
});
