import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, errorTable } from '../errors/error-table.ts';
import { CertfleetError } from '../errors/errors.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { maxDocumentBytes } from './document-limits.ts';
import { type Deployment, encodeDocument, type Lineage, type Tombstone } from './lineage.ts';
import { storable } from './storable.ts';
import { testLineage, testSpec, withSolver } from './test-lineages.ts';
import { tombstoneOf } from './tombstones.ts';
import { failed } from './work/end.ts';
import { begun } from './work/lease.ts';
import { challengesIntended, ordered, receiptsKept } from './work/order.ts';
import { after } from './work/transition.ts';

const now = new Date('2026-03-01T12:00:00Z');
const lease = { id: 'mine', holder: { bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1' }, beat: 0 };

interface Shape {
  readonly names: number;
  readonly targets: number;
  readonly messageLength: number;
  readonly stones: number;
  readonly receiptLength: number;
  readonly left: number;
  /** The length of a solver's setting: only a configuration can make a document this large. */
  readonly setting: number;
}

/** A lineage in the middle of an order, with as much in its document as the shape says. */
function middle(shape: Shape): Lineage {
  const identifiers = Array.from(
    { length: shape.names },
    (_, n) => ({ type: 'dns', value: `${String(n).padStart(3, '0')}${'.abcdefg'.repeat(29)}.de` }) as const,
  );
  const targets = Array.from({ length: shape.targets }, (_, n) => `target-${n}`);
  const wanted: StoredSpec = {
    ...withSolver({ ...testSpec, identifiers }, { type: 'command', run: 'x'.repeat(shape.setting) }),
    targets: targets.map((name) => ({ name, settings: { type: 'files', path: `/srv/${name}` } })),
  };
  const facts = { ...testLineage.current.facts, identifiers };
  const deployment: Deployment = {
    ...{ version: 'v1', state: 'pending', since: now.toISOString(), code: 'deploy/target-failed' },
    message: '汉'.repeat(shape.messageLength),
  };
  const stone = (n: number): Tombstone => ({
    ...tombstoneOf(wanted, { type: 'dns-01', identifier: 'a.test', token: `t${n}`, thumbprint: 'print' }, now, 0),
    looked: n % 2 === 0 ? 0 : -1,
  });
  const idle: Lineage = {
    ...testLineage,
    spec: wanted,
    current: { ...testLineage.current, facts },
    previous: { ...testLineage.current, id: 'v0', facts },
    deployments: Object.fromEntries(targets.map((target) => [target, deployment])),
    tombstones: Array.from({ length: shape.stones }, (_, n) => stone(n)),
  };
  const challenges = identifiers.map(({ value }) => ({
    ...{ type: 'dns-01', identifier: value, token: 'x'.repeat(43) },
  })) as Parameters<typeof challengesIntended>[0]['challenges'];
  const receipts = new Map(challenges.map((one) => [`dns-01 ${one.identifier}`, 'r'.repeat(shape.receiptLength)]));
  return [
    begun(
      { wanted, origin: 'configuration', aim: 'certificate', newId: 'v2' },
      { lease: { ...lease }, isDoubtful: false, now },
    ),
    ordered({ url: 'https://ca.test/order/1' }),
    challengesIntended({ thumbprint: 'print', accountUrl: 'a', challenges }),
    receiptsKept(receipts),
  ].reduce<Lineage | undefined>((lineage, transition) => after(lineage, transition), idle)!;
}

/** With only as many tombstones as fit; undefined if the rest is too large. */
function fitting(lineage: Lineage): Lineage | undefined {
  const over = encodeDocument(lineage).length - maxDocumentBytes;
  if (over <= 0) return lineage;
  const { tombstones = [], ...rest } = lineage;
  const bytes = encodeDocument(tombstones[0] ?? {}).length + 5;
  const kept = tombstones.slice(0, -Math.ceil(over / bytes));
  const smaller = kept.length > 0 ? { ...rest, tombstones: kept } : rest;
  return encodeDocument(smaller).length <= maxDocumentBytes ? smaller : undefined;
}

const shapes: fc.Arbitrary<Shape> = fc.noBias(
  fc.record({
    names: fc.integer({ min: 1, max: 100 }),
    targets: fc.nat({ max: 60 }),
    messageLength: fc.nat({ max: 1_000 }),
    stones: fc.nat({ max: 900 }),
    receiptLength: fc.nat({ max: 300 }),
    left: fc.nat({ max: 100 }),
    setting: fc.oneof(fc.constant(0), fc.nat({ max: 1_500 })),
  }),
);

const letters = fc.constantFrom('x', '汉', '"', '\\', '\u0001', '\u{1f600}', '\ud800', '\n');
const texts = fc
  .tuple(letters, fc.constantFrom(0, 1, 100, 4_000, 300_000))
  .map(([letter, count]) => letter.repeat(count));
const errors = fc
  .record({ code: fc.constantFrom(...(Object.keys(errorTable) as ErrorCode[])), message: texts, hint: texts })
  .map(({ code, message, hint }) => new CertfleetError(code, message, hint, {}));

describe('a failure is always remembered', () => {
  test('whatever its text, if the lineage could be stored before', () => {
    let large = 0;
    fc.assert(
      fc.property(shapes, errors, (shape, error) => {
        const before = fitting(middle(shape));
        fc.pre(before !== undefined);
        const left = before
          .work!.challenges.slice(0, shape.left)
          .map((one) => tombstoneOf(before.spec, { ...one, thumbprint: 'print' }, now, -1));
        const next = after(before, failed({ error, asked: true, left, now }))!;
        if (encodeDocument(next).length > maxDocumentBytes) large += 1;
        const { lineage, bytes } = storable(next);
        expect(bytes.length).toBeLessThanOrEqual(maxDocumentBytes);
        expect(Buffer.compare(bytes, encodeDocument(lineage))).toBe(0);
        const { code, count, retryAt, at } = next.failure!;
        expect(lineage.failure).toMatchObject({ code, count, retryAt, at });
        expect(lineage.work).toEqual(next.work);
        expect(lineage.last?.result).toBe('failed');
      }),
      { numRuns: process.env['CERTFLEET_LONG'] ? 300 : 15 },
    );
    expect(large).toBeGreaterThan(0);
  });

  test('a small document is left as it is', () => {
    const { lineage, bytes } = storable(testLineage);
    expect(lineage).toBe(testLineage);
    expect(Buffer.compare(bytes, encodeDocument(testLineage))).toBe(0);
  });

  test('messages go before tombstones, checks for late effects before removals that failed', () => {
    const shape = { names: 1, targets: 1, receiptLength: 0, left: 0, setting: 0 };
    const many = { ...middle({ ...shape, messageLength: 0, stones: 1_500 }) };
    const { lineage } = storable({ ...many, failure: { ...failure, message: 'x'.repeat(4_000) } });
    const { message: _words, hint: _more, ...rest } = failure;
    expect(lineage.failure).toEqual(rest);
    const lookedOf = (one: Lineage) => one.tombstones?.map(({ looked }) => looked) ?? [];
    const isOwed = (looked: number) => looked === -1;
    expect(lookedOf(lineage).filter(isOwed)).toEqual(lookedOf(many).filter(isOwed));
    expect(lookedOf(lineage).length).toBeLessThan(1_500);
    const wordy = storable(middle({ ...shape, targets: 100, messageLength: 1_000, stones: 20 })).lineage;
    expect(wordy.tombstones).toHaveLength(20);
    expect(wordy.deployments['target-0']?.message).toHaveLength(500);
  });
});

const failure = {
  ...{ count: 1, at: now.toISOString(), code: 'acme/busy', message: '', hint: '' },
  retryAt: now.toISOString(),
};
