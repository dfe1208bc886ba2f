import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codePoint } from '../../../test/support/any-text.ts';
import { decodeHistory, encodeHistory, mostHistoryBytes, mostRuns, withRun } from './history.ts';
import type { RunEntry } from './run-entry.ts';

const entry = (id: string, own: Partial<RunEntry> = {}): RunEntry => ({
  ...{ id, trigger: 'renew', node: 'a', process: 'command' },
  ...{ startedAt: '2026-11-24T10:00:00.000Z', endedAt: '2026-11-24T10:00:01.000Z', ms: 1_000 },
  ...{ result: 'done', did: ['renewed'], steps: [], targets: [] },
  ...own,
});

const failed = (id: string, own: Partial<RunEntry> = {}): RunEntry =>
  entry(id, { result: 'failed', did: [], code: 'acme/busy', steps: [{ step: 'order', ms: 1 }], ...own });

const history = (...runs: readonly RunEntry[]): readonly RunEntry[] =>
  runs.reduce<readonly RunEntry[]>((before, run) => withRun(before, run), []);
const ids = (runs: readonly RunEntry[]) => runs.map(({ id, count }) => (count === undefined ? id : `${id}×${count}`));
const decoded = (runs: readonly RunEntry[]) => decodeHistory(encodeHistory(runs), 'abc', 'store').runs;

describe('the runs of a certificate', () => {
  it.each<[string, readonly RunEntry[], readonly string[]]>([
    ['are in order', [entry('1'), entry('2'), entry('3')], ['1', '2', '3']],
    ['are replaced by the same run', [entry('1'), entry('2'), entry('1', { ms: 2 })], ['1', '2']],
    ['count together if they fail alike', [failed('1'), failed('2'), failed('3')], ['3×3']],
    ['count a repeated write once', [failed('1'), failed('2'), failed('2')], ['2×2']],
    ['count apart if a success is between', [failed('1'), entry('2'), failed('3')], ['1', '2', '3']],
    ['count apart with other codes', [failed('1'), failed('2', { code: 'acme/timeout' })], ['1', '2']],
    ['count apart at other steps', [failed('1'), failed('2', { steps: [] })], ['1', '2']],
    [
      'count together although two nodes fail by turns',
      [failed('1'), failed('2', { node: 'b' }), failed('3'), failed('4', { node: 'b' })],
      ['3×2', '4×2'],
    ],
    [
      'count apart if a version was issued',
      [entry('1', { result: 'pending' }), entry('2', { result: 'pending' })],
      ['1', '2'],
    ],
  ])('%s', (_what, runs, expected) => {
    expect(ids(history(...runs))).toEqual(expected);
  });

  it('keeps since when they fail alike', () => {
    const [one] = history(failed('1', { startedAt: '2026-11-20T00:00:00.000Z' }), failed('2'), failed('3'));
    expect(one).toMatchObject({ id: '3', count: 3, since: '2026-11-20T00:00:00.000Z' });
  });

  it('are not pushed out by a certificate that fails every hour for a month', () => {
    const runs = Array.from({ length: 720 }, (_, hour) => failed(`f${hour}`));
    expect(ids(history(entry('before'), ...runs))).toEqual(['before', 'f719×720']);
  });

  it('are at most 20', () => {
    const runs = Array.from({ length: 30 }, (_, index) => entry(String(index)));
    expect(ids(history(...runs))).toEqual(Array.from({ length: mostRuns }, (_, index) => String(index + 10)));
  });
});

const text = fc.string({ unit: codePoint, maxLength: 60 });
const long = fc.tuple(text, fc.nat(200)).map(([one, times]) => one.repeat(times));
const run: fc.Arbitrary<RunEntry> = fc.record(
  {
    id: fc.uuid(),
    trigger: fc.constantFrom('issue', 'renew', 'run', 'revoke'),
    node: text,
    process: fc.constantFrom('command', 'daemon'),
    startedAt: text,
    endedAt: text,
    ms: fc.nat(),
    result: fc.constantFrom('done', 'pending', 'failed', 'stopped'),
    did: fc.subarray(['issued', 'delivered', 'revoked'] as const),
    steps: fc.array(fc.record({ step: fc.constantFrom('lease', 'order', 'deploy'), ms: fc.nat() }), { maxLength: 24 }),
    targets: fc.array(
      fc.record(
        { target: text, result: fc.constantFrom('delivered', 'pending'), code: text, message: long },
        { requiredKeys: ['target', 'result'] },
      ),
      { maxLength: 20 },
    ),
    forced: fc.constant(true as const),
    message: long,
    code: text,
    params: fc.dictionary(fc.constantFrom('a', 'b'), text),
    caSays: long,
  },
  {
    requiredKeys: [
      'id',
      'trigger',
      'node',
      'process',
      'startedAt',
      'endedAt',
      'ms',
      'result',
      'did',
      'steps',
      'targets',
    ],
  },
);

describe('the document', () => {
  it('fits, and keeps the last runs in their order, whatever their texts', () => {
    fc.assert(
      fc.property(fc.array(run, { maxLength: 40 }), (runs) => {
        const bytes = encodeHistory(runs);
        expect(bytes.length).toBeLessThanOrEqual(mostHistoryBytes);
        const kept = decodeHistory(bytes, 'abc', 'store').runs;
        const facts = (all: readonly RunEntry[]) =>
          all.map(({ id, result, did, endedAt, code }) => JSON.stringify([id, result, did, endedAt, code]));
        expect(facts(kept)).toEqual(facts(runs).slice(runs.length - kept.length));
        // The last run stays, because its texts are bounded.
        if (runs.length > 0) expect(kept.length).toBeGreaterThan(0);
        expect(decoded(kept)).toEqual(kept);
      }),
      { numRuns: 60 },
    );
  });

  it('keeps every word of twenty usual runs', () => {
    const steps = (['lease', 'order', 'challenges', 'validate', 'finalize', 'deploy'] as const).map((step) => ({
      ...{ step, ms: 12_345 },
    }));
    const targets = ['nginx', 'www.example.com:443'].map((target) => ({ target, result: 'delivered' as const }));
    const runs = Array.from({ length: 20 }, (_, index) =>
      entry(`0123456789abcdef-${index}`, {
        steps,
        targets,
        version: '20261124-100000-abcdef',
        message: 'm'.repeat(80),
      }),
    );
    expect(decoded(runs)).toEqual(runs);
  });

  it('leaves out what is no run, and refuses what is no document', () => {
    const bytes = Buffer.from(
      JSON.stringify({ schema: 1, runs: [null, 7, { id: 'x' }, entry('1'), { ...entry('2'), did: 1 }] }),
    );
    expect(ids(decodeHistory(bytes, 'abc', 'store').runs)).toEqual(['1']);
    expect(() => decodeHistory(Buffer.from('{}'), 'abc', 'store')).toThrow('"runs" is missing');
  });
});
