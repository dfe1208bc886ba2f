import { describe, expect, it } from 'vitest';
import { fail } from '../errors/errors.ts';
import { maxDocumentBytes } from '../lineage/document-limits.ts';
import { encodeDocument } from '../lineage/lineage.ts';
import {
  afterRun,
  decodeReplica,
  hasLookedSince,
  isOfSeveralMachines,
  isPaused,
  type Lack,
  lackAfter,
  type ReplicaDocument,
  usualIntervalMs,
} from './replica.ts';

const hourMs = 3_600_000;
const minute = hourMs / 60;
const start = Date.parse('2026-11-24T10:00:00Z');
const at = (ms: number) => new Date(start + ms);

/** A node whose runs began at these times. */
const ranAt = (...times: readonly number[]): ReplicaDocument =>
  times.reduce<ReplicaDocument | undefined>(
    (before, ms) => afterRun(before, { version: '1.0.0', at: at(ms), boot: 'one', looked: undefined, lacks: [] }),
    undefined,
  )!;

const lack = (certificate: string, own: Partial<Lack> = {}): Lack => ({
  ...{
    certificate,
    target: 'files',
    version: 'v1',
    since: at(0).toISOString(),
    code: 'deploy/target-failed',
    tries: 1,
  },
  ...own,
});

describe('the schedule of a node', () => {
  const days = (count: number) => Array.from({ length: count }, (_, day) => day * 24 * hourMs);

  it.each<[string, readonly number[], number | undefined]>([
    ['is unknown after one run', [0], undefined],
    ['is unknown after a run by hand and the first one of a job', [0, 2 * hourMs], undefined],
    ['is unknown after some runs by hand', [0, minute, 2 * minute, 5 * minute], undefined],
    ['is the interval of its job', days(4), 24 * hourMs],
    ['is not that of runs by hand between', [...days(3), 50 * hourMs, 50 * hourMs + minute], 24 * hourMs],
    ['may be monthly', [0, 30 * 24 * hourMs], 30 * 24 * hourMs],
    ['of a job every few minutes', [0, 5, 10, 15, 20, 25, 30].map((n) => n * minute), 10 * minute],
    ['forgets an outage after some runs', [0, 1, 200, 201, 202, 203, 204].map((n) => n * hourMs), hourMs],
  ])('%s', (_what, times, interval) => {
    expect(usualIntervalMs(ranAt(...times))).toBe(interval);
  });
});

it.each<[string, string, boolean]>([
  ['one machine', 'aaaaa', false],
  ['one machine that was started again', 'abc', false],
  ['two machines by turns', 'aba', true],
  ['two machines, one of which runs more often', 'abbba', true],
  ['two machines, until one got another name', 'abaaaaa', false],
])('a name of %s', (_what, boots, expected) => {
  const run = { version: '1.0.0', looked: undefined, lacks: [] };
  const document = [...boots].reduce<ReplicaDocument | undefined>(
    (before, boot, index) => afterRun(before, { ...run, boot, at: at(index * hourMs) }),
    undefined,
  );
  expect(isOfSeveralMachines(document!)).toBe(expected);
});

describe('the document after a run', () => {
  const run = { version: '1.0.0', at: at(hourMs), boot: 'one' };
  const before = afterRun(undefined, { ...run, at: at(0), looked: undefined, lacks: [lack('a'), lack('b')] });

  it('of all certificates has what they lack now', () => {
    const after = afterRun(before, { ...run, looked: undefined, lacks: [lack('c')] });
    expect(after).toMatchObject({ looked: run.at.toISOString(), lacks: [{ certificate: 'c' }] });
    expect(decodeReplica(encodeDocument(after), 'n', '/s')).toEqual(JSON.parse(JSON.stringify(after)));
  });

  it('of some certificates has when it looked at them, until a run looks at all', () => {
    const one = afterRun(before, { ...run, looked: new Map([['a', undefined]]), lacks: [] });
    const since = run.at.toISOString();
    expect(['a', 'b'].map((name) => hasLookedSince(one, name, { since }))).toEqual([true, false]);
    expect(hasLookedSince(one, 'b', { since: at(0).toISOString() })).toBe(true);
    expect(hasLookedSince(afterRun(one, { ...run, looked: undefined, lacks: [] }), 'b', { since })).toBe(true);
    // Whatever the clocks say, it has looked while the version was current.
    const early = afterRun(before, { ...run, looked: new Map([['a', 'v2']]), lacks: [] });
    const later = at(2 * hourMs).toISOString();
    expect(['v1', 'v2'].map((version) => hasLookedSince(early, 'a', { since: later, version }))).toEqual([false, true]);
    // A run that looks at all may have begun before.
    const slow = afterRun(early, { ...run, at: at(minute), looked: undefined, lacks: [] });
    expect(hasLookedSince(slow, 'a', { since: later, version: 'v2' })).toBe(true);
    const names = Array.from({ length: 2_000 }, (_, index) => `${index}.${'x'.repeat(600)}.test`);
    const many = afterRun(before, { ...run, looked: new Map(names.map((name) => [name, 'v1'])), lacks: [lack('c')] });
    expect(encodeDocument(many).length).toBeLessThanOrEqual(maxDocumentBytes);
    expect(many.lacks.map(({ certificate }) => certificate)).toEqual(['a', 'b', 'c']);
  });

  it('has no schedule as long as a process keeps running', () => {
    const lease = { id: 'a', holder: { bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1' }, beat: 1 };
    const process = { version: '1.0.0', configuration: 'c', since: run.at.toISOString(), everyMs: 20_000 };
    const beaten = { ...before, running: { node: { ...process, lease, at: run.at.toISOString() } } };
    const after = afterRun(beaten, { ...run, looked: new Map(), lacks: [] });
    expect([after.runs, after.running]).toEqual([[run.at.toISOString()], beaten.running]);
    const later = { ...run, at: at(30 * hourMs), looked: new Map(), lacks: [] };
    expect(afterRun(after, later).runs).toHaveLength(2);
  });

  it('of some certificates leaves the others as they were', () => {
    const after = afterRun(before, { ...run, looked: new Map([['a', undefined]]), lacks: [] });
    expect(after.lacks.map(({ certificate }) => certificate)).toEqual(['b']);
    expect(after).toMatchObject({
      looked: at(0).toISOString(),
      runs: [at(0), at(hourMs)].map((one) => one.toISOString()),
    });
  });

  it('has room for 500, counts the rest, and fits into the store however long they are', () => {
    const many = (length: number) =>
      Array.from({ length: 700 }, (_, n) => lack(`${'c'.repeat(90)}${n}`, { message: 'm'.repeat(length) }));
    const short = afterRun(undefined, { ...run, looked: undefined, lacks: many(10) });
    expect([short.lacks.length, short.more]).toEqual([500, 200]);
    const long = afterRun(undefined, {
      ...{ ...run, looked: undefined },
      lacks: many(200).map((one) => ({ ...one, target: 't'.repeat(600) })),
    });
    expect(encodeDocument(long).length).toBeLessThanOrEqual(maxDocumentBytes);
    expect(long.lacks.length + long.more!).toBe(700);
  });
});

describe('a lack after a failure', () => {
  const facts = { certificate: 'a', target: 'files', version: 'v1', deployTimeoutMs: 2 * minute };
  const error = fail('deploy/target-failed', { certificate: 'a', target: 'files', reason: 'the disk is full' });
  const first = lackAfter(error, { ...facts, before: undefined, now: at(0) });

  it('is tried again at once, later after longer pauses, and is alarming after deployTimeout', () => {
    expect(first).toMatchObject({ since: at(0).toISOString(), tries: 1, params: { reason: 'the disk is full' } });
    expect([first.retryAt, first.alarmed]).toEqual([undefined, undefined]);
    const second = lackAfter(error, { ...facts, before: first, now: at(2 * hourMs) });
    expect(second).toMatchObject({ since: first.since, tries: 2, alarmed: true });
    expect(isPaused(second, at(2 * hourMs + 11 * minute))).toBe(true);
    expect(isPaused(second, at(2 * hourMs + 12 * minute))).toBe(false);
    expect(isPaused(first, at(0))).toBe(false);
  });

  it('begins anew with another version', () => {
    const other = lackAfter(error, { ...facts, version: 'v2', before: first, now: at(2 * hourMs) });
    expect(other).toMatchObject({ since: at(2 * hourMs).toISOString(), tries: 1 });
  });

  it('of a command that waits has no code and no pause', () => {
    const waits = lackAfter({ message: 'waiting for files' }, { ...facts, before: first, now: at(2 * hourMs) });
    expect([waits.code, waits.retryAt]).toEqual([undefined, undefined]);
  });
});
